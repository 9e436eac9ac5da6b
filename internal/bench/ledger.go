package bench

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ledgerShards  = 64
	violationsMax = 20 // kept in words; all are counted
)

// ledger remembers of each message whether it was acknowledged, received and deleted, a few bits each, and
// notices what a queue must not do with it. All methods are safe for concurrent use.
type ledger struct {
	visibility  time.Duration
	outstanding atomic.Int64 // acknowledged, and no delete acknowledged
	shards      [ledgerShards]ledgerShard
}

// ledgerShard has every ledgerShards-th source.
type ledgerShard struct {
	mu         sync.Mutex
	sources    []sourceLedger
	held       map[uint64]time.Duration // message received and not yet deleted → when the call began
	duplicates int64                    // deliveries after the first
	violations []violation
	untold     int64 // violations beyond those kept
}

// sourceLedger is what is known of the messages of a source, by sequence number.
type sourceLedger struct {
	acked, seen, gone bitset
	next              uint32 // one more than the highest that was delivered
}

// violation is something that must not have happened to a message.
type violation struct {
	kind   violationKind
	mark   stamp
	detail string
}

type violationKind int

// What can be wrong with a delivery. Messages that never came are found at the end.
const (
	twice   violationKind = iota // within the visibility timeout, or after its delete was acknowledged
	reorder                      // behind a later one of its group
)

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) has(n uint32) bool { return int(n/64) < len(b) && b[n/64]>>(n%64)&1 != 0 }

// word returns 64 bits of the set.
func (b bitset) word(i int) uint64 {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// add adds n and reports whether it is new.
func (b *bitset) add(n uint32) bool {
	if word := int(n / 64); word >= len(*b) {
		*b = append(*b, make([]uint64, word+1-len(*b))...)
	}
	old := (*b)[n/64]
	(*b)[n/64] |= 1 << (n % 64)
	return old != (*b)[n/64]
}

func newLedger(visibility time.Duration) *ledger {
	l := &ledger{visibility: visibility}
	for i := range l.shards {
		l.shards[i].held = make(map[uint64]time.Duration)
	}
	return l
}

// source returns what is known of a message's source. The shard must be locked.
func (s *ledgerShard) source(mark stamp) *sourceLedger {
	i := int(mark.source / ledgerShards)
	if i >= len(s.sources) {
		s.sources = append(s.sources, make([]sourceLedger, i+1-len(s.sources))...)
	}
	return &s.sources[i]
}

func (l *ledger) shard(mark stamp) *ledgerShard { return &l.shards[mark.source%ledgerShards] }

// key tells a message from all others of its run.
func (s stamp) key() uint64 { return uint64(s.source)<<32 | uint64(s.sequence) }

// acked records that a send was acknowledged.
func (l *ledger) acked(mark stamp) {
	s := l.shard(mark)
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.source(mark)
	if src.acked.add(mark.sequence) && !src.gone.has(mark.sequence) {
		l.outstanding.Add(1)
	}
}

// received records a delivery: called is when its call began, now is not before the reply. fifo is whether its
// queue keeps an order.
func (l *ledger) received(mark stamp, called, now time.Duration, fifo bool) {
	s := l.shard(mark)
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.source(mark)
	if src.seen.add(mark.sequence) {
		if fifo && mark.sequence < src.next {
			s.violate(reorder, mark, fmt.Sprintf("came after number %d of its group", src.next-1))
		}
		src.next = max(src.next, mark.sequence+1)
		s.held[mark.key()] = called
		return
	}
	s.duplicates++
	before, held := s.held[mark.key()]
	// Both deliveries happened between the start of the earlier call and now. So if that is less than the
	// visibility timeout, the second came too early for sure, whatever the network did.
	early := now - min(before, called)
	switch {
	case !held:
		s.violate(twice, mark, "came again after its delete was acknowledged")
	case early < l.visibility:
		s.violate(twice, mark, fmt.Sprintf("came again within %v, its visibility timeout is %v", early.Round(time.Millisecond), l.visibility))
		s.held[mark.key()] = called
	default:
		s.held[mark.key()] = called
	}
}

// deleted records that a delete was acknowledged at now. One that came too late to be sure that the receipt
// handle was still good binds nobody.
func (l *ledger) deleted(mark stamp, called, now time.Duration) {
	s := l.shard(mark)
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.source(mark)
	if now-called < l.visibility {
		delete(s.held, mark.key())
	}
	if src.gone.add(mark.sequence) && src.acked.has(mark.sequence) {
		l.outstanding.Add(-1)
	}
}

func (s *ledgerShard) violate(kind violationKind, mark stamp, detail string) {
	if len(s.violations) >= violationsMax*ledgerShards {
		s.untold++
		return
	}
	s.violations = append(s.violations, violation{kind, mark, detail})
}

// audit is what a ledger amounts to.
type audit struct {
	acked, seen, lost             int64
	duplicates, twice, misordered int64
	words                         []string // the first violations
}

// audit sums up. A message whose send was not acknowledged may have been made at any time while its producer
// went on, so its place in the order proves nothing. When that is not known, as for the messages of another run,
// all count. What has not come is lost only once the run has ended by waiting for it.
func (l *ledger) audit(ackedKnown, ended bool) audit {
	var a audit
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		a.duplicates += s.duplicates
		a.twice += s.untold
		for _, v := range s.violations {
			if v.kind == twice {
				a.twice++
				a.say(v.mark, v.detail)
			} else if !ackedKnown || s.source(v.mark).acked.has(v.mark.sequence) {
				a.misordered++
				a.say(v.mark, v.detail)
			}
		}
		for j := range s.sources {
			a.count(&s.sources[j], uint32(j*ledgerShards+i), ended)
		}
		s.mu.Unlock()
	}
	return a
}

// count adds up the messages of a source.
func (a *audit) count(src *sourceLedger, source uint32, ended bool) {
	for i := range max(len(src.acked), len(src.seen)) {
		acked, seen := src.acked.word(i), src.seen.word(i)
		a.acked += int64(bits.OnesCount64(acked))
		a.seen += int64(bits.OnesCount64(seen))
		for lost := acked &^ seen; ended && lost != 0; lost &= lost - 1 {
			a.lost++
			a.say(stamp{source: source, sequence: uint32(64*i + bits.TrailingZeros64(lost))}, "was acknowledged and never came")
		}
	}
}

func (a *audit) say(mark stamp, detail string) {
	if len(a.words) < violationsMax {
		a.words = append(a.words, fmt.Sprintf("message %d of source %d %s", mark.sequence, mark.source, detail))
	}
}

// ledgers has a ledger for each run whose messages were met.
type ledgers struct {
	own        *ledger
	run        uint32
	visibility time.Duration

	mu    sync.Mutex
	other map[uint32]*ledger
}

// ofRun returns the ledger of a run; nil when there are too many to remember.
func (l *ledgers) ofRun(run uint32) *ledger {
	if run == l.run {
		return l.own
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.other[run] == nil && len(l.other) < 16 {
		l.other[run] = newLedger(l.visibility)
	}
	return l.other[run]
}

// audit sums up all runs. ended says that all that this run has sent should have come by now.
func (l *ledgers) audit(ended bool) audit {
	sum := l.own.audit(true, ended)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range l.other {
		a := other.audit(false, false)
		sum.duplicates += a.duplicates
		sum.twice += a.twice
		sum.misordered += a.misordered
		sum.words = slices.Concat(sum.words, a.words)[:min(violationsMax, len(sum.words)+len(a.words))]
	}
	return sum
}
