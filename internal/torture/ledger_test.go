package torture

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/history"
	"github.com/forebay-mq/forebay/internal/queue"
)

// The kinds of violations that package history does not know, with the invariant that each breaks.
const (
	early     history.Kind = "early"     // I3: delivered before its timeout or delay had ended
	miscount  history.Kind = "miscount"  // I7: counts differ from the messages that are there
	misplaced history.Kind = "misplaced" // I8: in a queue where it does not belong, in two, or under another id
	forgotten history.Kind = "forgotten" // a durable change of a message's or queue's state is gone
	refused   history.Kind = "refused"   // an operation that must succeed was answered with an error
)

// fate is what is known of something that was asked for.
type fate int

const (
	no      fate = iota // it is not there
	pending             // asked for and not answered
	yes                 // it is there
)

// place is a queue and what is known of it.
type place struct {
	name       string
	attributes map[string]string
	receives   uint32 // maxReceiveCount; zero: no dead-letter queue
	dead       *place // where messages go after so many receives
	source     *place // the other way round
	log        *history.Log
	retention  time.Duration // zero: longer than any run

	exists     fate // pending: being created or deleted
	visibility int64
	changing   int64 // the visibility being set; zero: none
	floor      queue.Seq
	ids        map[string]remembered // deduplication ids and the newest send that each was accepted with
	sending    map[string]bool       // FIFO: groups with a send in flight
	receiving  int                   // receives in flight
	taken      int                   // receives ever begun
	unanswered bool                  // receives were cut off by the crash
	purging    bool
	slack      int // messages that may be counted and gone until the whole backlog is in memory
	moves      int // move tasks ever asked for
}

// remembered is an accepted send. The message may have another id and number since, after a move task.
type remembered struct {
	key, group string
	at         time.Time
	id         queue.MessageID
	seq        queue.Seq
}

// remember notes that m was accepted with its deduplication id.
func (p *place) remember(m *message) {
	p.ids[m.dedup] = remembered{m.key, m.group, m.at, m.id, m.seq}
}

func (p *place) fifo() bool { return strings.HasSuffix(p.name, ".fifo") }

// family tells whether messages of p may be in q.
func (p *place) family(q *place) bool { return p == q || p.dead == q }

// moved tells whether a move task may have changed ids and counts of the messages that were sent to p.
func (p *place) moved() bool { return p.dead != nil && p.dead.moves > 0 }

// message is what is known of one send.
type message struct {
	key          string
	home         *place // where it was sent
	group, dedup string
	body         []byte
	attributes   []queue.MessageAttribute
	sent         fate
	at           time.Time // of the send
	id           queue.MessageID
	seq          queue.Seq

	gone    int  // the moment of its acknowledged end; zero: it lives
	leaving bool // something that may end it was asked for, and did not certainly do so
	dropped bool // that was the deletion of its queue, and nothing else
	busy    bool // an operation with its receipt is in flight

	receives uint32
	earliest time.Time // no receive may show it before
	settled  bool      // earliest is exact
	stamp    int       // when its state last changed
	receipt  string    // of the latest receive; empty: none that surely works
	attempt  uint32    // the count of that receive
	from     *place    // where that was
	undone   bool      // that receive was lost in a crash, its receipt works nevertheless
}

// sequence is the sequence number of a message as a client sees it.
func sequence(m *message) string {
	if !m.home.fifo() {
		return ""
	}
	return fmt.Sprint(m.seq)
}

// certain tells whether the message must be in one of its queues.
func (m *message) certain() bool { return m.sent == yes && m.gone == 0 && !m.leaving && !m.expired(0) }

// expired tells whether the message has outlived its retention by so much.
func (m *message) expired(by time.Duration) bool {
	return m.home.retention > 0 && time.Since(m.at) >= m.home.retention+by
}

// ledger is what the clients of one service have asked for and were told. Its lock is held by whoever touches it.
type ledger struct {
	mu         sync.Mutex
	life       int // counts the starts of the server; answers to an earlier one do not count
	clock      int // counts events
	durable    int // everything answered up to this event is synced
	messages   map[string]*message
	places     []*place
	failing    []*place // those with a dead-letter queue
	violations []history.Violation

	counts counts
}

func (l *ledger) violate(kind history.Kind, key, format string, args ...any) {
	l.violations = append(l.violations, history.Violation{Kind: kind, Key: key, Detail: fmt.Sprintf(format, args...)})
}

func (l *ledger) tick() int {
	l.clock++
	return l.clock
}

// attempt notes that a message is about to be sent.
func (l *ledger) attempt(m *message) {
	m.sent, m.at = pending, time.Now()
	m.leaving = m.home.purging
	l.messages[m.key] = m
	if m.home.log != nil {
		m.home.log.Attempt(m.key, m.group)
	}
}

// accepted notes the answer to a send that began at the given event, when its queue had come to floor. first is
// the send whose deduplication id it repeated, nil for none.
func (l *ledger) accepted(m *message, s queue.Sent, began int, floor queue.Seq, first *remembered) {
	l.counts.sends++
	if first != nil {
		l.counts.repeats++
		m.sent = no
		if s.ID != first.id || s.Sequence != first.seq {
			l.violate(history.Doubled, m.key, "repeats the deduplication id of %s (%s, %d) within %v, and became %s, %d",
				first.key, first.id, first.seq, time.Since(first.at), s.ID, s.Sequence)
		}
		return
	}
	if m.sent == yes && (m.id != s.ID || m.home.fifo() && m.seq != s.Sequence) {
		l.violate(history.Doubled, m.key, "received as %s, %d, and acknowledged as %s, %d", m.id, m.seq, s.ID, s.Sequence)
	}
	m.sent, m.id, m.seq = yes, s.ID, s.Sequence
	l.durable = max(l.durable, began)
	if m.home.log != nil {
		m.home.log.Acked(m.key, s.ID.String(), sequence(m))
	}
	if !m.home.fifo() {
		return
	}
	if s.Sequence <= floor {
		l.violate(history.Unordered, m.key, "sequence number %d after %d in %s", s.Sequence, floor, m.home.name)
	}
	m.home.floor = max(m.home.floor, s.Sequence)
	if !m.leaving { // else a purge may have forgotten its id, or will
		m.home.remember(m)
	}
}

// delivered notes what a receive, begun at the given event with the given timeout, has brought.
func (l *ledger) delivered(from *place, messages []queue.ReceivedMessage, began int, timeout time.Duration) {
	batch := make(map[*message]bool)
	for i := range messages {
		r := &messages[i]
		l.counts.deliveries++
		if from.source != nil {
			l.counts.deadLetters++
		}
		m := l.known(from, r.Message)
		if m == nil {
			continue
		}
		batch[m] = true
		l.checkDelivery(m, from, r, began)
		if from.fifo() && from.dead == nil && from.source == nil {
			l.checkGroup(m, from, batch)
		}
		m.receives, m.attempt, m.receipt, m.from = r.Receives, r.Receives, r.Receipt, from
		m.earliest, m.settled, m.stamp, m.undone = time.Now().Add(timeout), true, l.tick(), false
	}
}

// known returns the message that was shown in a queue, nil when that cannot be.
func (l *ledger) known(at *place, shown *queue.Message) *message {
	key, _, _ := strings.Cut(string(shown.Body), " ")
	m := l.messages[key]
	switch {
	case m == nil || m.sent == no:
		l.violate(history.Invented, key, "is in %s as %s and should not be", at.name, shown.ID)
		return nil
	case !m.home.family(at):
		l.violate(misplaced, key, "sent to %s and found in %s", m.home.name, at.name)
		return nil
	case !bytes.Equal(m.body, shown.Body) || m.group != shown.GroupID || !cmp.Equal(m.attributes, shown.Attributes):
		l.violate(history.Invented, key, "is another: body %.40q, group %q, attributes %v", shown.Body, shown.GroupID, shown.Attributes)
	}
	if m.sent == pending {
		m.id = shown.ID
	}
	if m.id != shown.ID {
		if !m.home.moved() {
			l.violate(misplaced, key, "sent as %s and found in %s as %s", m.id, at.name, shown.ID)
		}
		m.id, m.receives, m.receipt = shown.ID, 0, ""
	}
	return m
}

// checkDelivery checks one message that a receive has brought.
func (l *ledger) checkDelivery(m *message, from *place, r *queue.ReceivedMessage, began int) {
	if m.sent == pending {
		m.sent, m.seq = yes, r.Sequence
	}
	if from.log != nil {
		from.log.Received(history.Delivery{Key: m.key, ID: r.Message.ID.String(), Sequence: sequence(m), Called: time.Now()})
	}
	switch {
	case m.gone != 0 && m.gone < began:
		l.violate(history.Revived, m.key, "received from %s after its end was acknowledged", from.name)
	case m.expired(time.Second):
		l.violate(history.Revived, m.key, "received from %s %v after it was sent", from.name, time.Since(m.at))
	case time.Now().Before(m.earliest):
		l.violate(early, m.key, "received from %s %v before its time", from.name, time.Until(m.earliest))
	case r.Receives <= m.receives:
		l.violate(forgotten, m.key, "receive %d after receive %d", r.Receives, m.receives)
	case from.dead != nil && r.Receives > from.receives:
		l.violate(misplaced, m.key, "receive %d from %s, whose limit is %d", r.Receives, from.name, from.receives)
	}
}

// checkGroup checks that no message of m's group stands before it.
func (l *ledger) checkGroup(m *message, at *place, batch map[*message]bool) {
	for _, other := range l.messages {
		if other.home == at && other.group == m.group && other.seq < m.seq && other.certain() && !batch[other] {
			l.violate(history.Unordered, m.key, "%d of group %s was received while %d (%s) is there",
				m.seq, m.group, other.seq, other.key)
		}
	}
}

// ended notes the acknowledged end of a message.
func (l *ledger) ended(m *message) {
	m.gone = l.tick()
	if m.home.log != nil {
		m.home.log.Deleted(m.key, time.Now())
	}
}
