package queue

import (
	"math"
	"time"
)

// order decides which deliverable message is next: fair for standard queues, groups for FIFO ones.
type order interface {
	attach(e *entry, groupID string)
	detach(e *entry)
	show(e *entry)
	hide(e *entry)
	flight(e *entry, change int)
	pick(n int, take func(*entry) bool)
	oldest() *entry
	light(groupID string) bool
	deliverable() bool
	blocked() int
}

// queue is one queue: its configuration, its counters and the part of its messages that is in memory.
//
// Every stored message with a sequence number up to cursor is in memory. Of those behind it, overflow are only
// in the store; the rest came into memory early because they are delayed, light, or were received before.
type queue struct {
	c      *Catalog
	id     ID
	cfg    *Config
	policy *Policy // of cfg.Attributes.Policy; nil: none
	line   order

	entries  map[Seq]*entry
	due      heap // hidden entries by the moment they show
	ages     ages // all entries by the moment they were sent
	fresh    heap // entries without a stored state, by sequence
	inFlight int
	delayed  int
	inMemory int // visible ones among entries
	passed   int // messages that came into memory past the backlog since more of it was asked for

	next     Seq // of the next message
	cursor   Seq
	overflow int64
	oldest   Millis // no message behind the window was sent before, dead letters aside; zero: nobody knows
	live     int64
	bytes    int64
	beyond   beyond // what is known of the messages behind the window

	refill   refilling
	sends    memory
	attempts map[string]*attempt

	attemptOrder fifo[attemptTime]

	task  *mover  // the running move task; nil: none
	tasks []*Task // ended and running ones, oldest first

	counters  Counters
	waited    Histogram   // from when a message was sent or came due to its first receive
	processed Histogram   // from a receive to the deletion
	coming    coming      // delayed messages by the second in which they show
	holders   []*Consumer // with messages in flight
	active    bool        // used since the last Sample

	dirty   bool // touched since the last Marks
	planned Millis
	plan    int // index in the catalog's agenda, -1: not in it
}

// never is a moment that does not come.
const never = Millis(math.MaxInt64)

func newQueue(c *Catalog, id ID, cfg *Config) *queue {
	q := &queue{
		c: c, id: id, cfg: cfg,
		entries: make(map[Seq]*entry),
		due:     heap{slot: slotDue}, ages: newAges(), fresh: heap{slot: slotFresh},
		next: 1, planned: never, plan: -1,
	}
	if cfg.Attributes.FIFO {
		q.line = newGroups()
	} else {
		q.line = newFair()
	}
	return q
}

func (q *queue) fifo() bool  { return q.cfg.Attributes.FIFO }
func (q *queue) arn() string { return q.c.realm.ARN(q.cfg.Name) }
func (q *queue) ref() Ref    { return Ref{Account: q.c.realm.Account, Name: q.cfg.Name} }

func (q *queue) retention() time.Duration { return q.cfg.Attributes.Retention }

// record adds a change to those that the present step returns.
func (q *queue) record(r Record) {
	r.Queue = q.id
	q.c.records = append(q.c.records, r)
	q.touch()
}

func (q *queue) touch() {
	if !q.dirty {
		q.dirty = true
		q.c.touched = append(q.c.touched, q)
	}
}

// add brings a message into memory in the phase that e says.
func (q *queue) add(e *entry, groupID string) {
	q.entries[e.seq] = e
	q.c.entries++
	q.line.attach(e, groupID)
	if !e.stated {
		q.fresh.push(e, int64(e.seq))
	}
	q.enter(e)
}

// enter does the bookkeeping of e's phase.
func (q *queue) enter(e *entry) {
	q.ages.put(e)
	switch e.phase {
	case phaseVisible:
		q.inMemory++
		q.line.show(e)
		return
	case phaseDelayed:
		q.delayed++
		q.coming.count(e.visible, 1)
		q.due.push(e, int64(e.visible))
	case phaseInFlight:
		q.inFlight++
		q.line.flight(e, 1)
		q.due.push(e, int64(e.visible))
	case phaseLeaving:
	}
	q.line.hide(e)
}

// exit undoes enter.
func (q *queue) exit(e *entry) {
	switch e.phase {
	case phaseVisible:
		q.inMemory--
	case phaseDelayed:
		q.delayed--
		q.coming.count(e.visible, -1)
		q.due.remove(e)
	case phaseInFlight:
		q.inFlight--
		q.line.flight(e, -1)
		q.due.remove(e)
	case phaseLeaving:
	}
}

// turnTo moves e to another phase, or to a new moment in the same one.
func (q *queue) turnTo(p phase, e *entry, until Millis) {
	q.exit(e)
	if e.holder != nil && p != phaseInFlight {
		q.letGo(e)
	}
	e.phase, e.visible = p, until
	q.enter(e)
}

// forget takes e out of memory.
func (q *queue) forget(e *entry) {
	q.exit(e)
	if e.holder != nil {
		q.letGo(e)
	}
	q.line.detach(e)
	q.ages.remove(e)
	q.fresh.remove(e)
	delete(q.entries, e.seq)
	q.c.entries--
	q.c.cache.drop(e)
	q.refill.removed(e.seq, q.cursor)
}

// drop ends a message's life in this queue.
func (q *queue) drop(e *entry) {
	q.forget(e)
	q.live--
	q.bytes -= int64(e.size)
	q.record(Record{Op: OpDropMessage, Seq: e.seq})
}

// store records e's state.
func (q *queue) store(e *entry) {
	if !e.stated {
		e.stated = true
		q.fresh.remove(e)
	}
	q.record(Record{Op: OpPutState, Seq: e.seq, State: e.state()})
}

// advance lets time pass: hidden messages show, old ones expire.
func (q *queue) advance(now Millis) {
	ready := false
	for e := q.due.min(); e != nil && e.visible <= now; e = q.due.min() {
		if e.phase == phaseInFlight {
			q.counters.Timeouts++
		}
		q.turnTo(phaseVisible, e, e.visible)
		ready = true
	}
	for e := q.ages.first(); e != nil && e.sent.Add(q.retention()) <= now; e = q.ages.first() {
		q.drop(e)
		q.counters.Expired++
		ready = ready || q.fifo()
	}
	q.sends.expire(q, now)
	q.expireAttempts(now)
	if ready {
		q.wake()
	}
}

// wake tells the caller that a waiting receive may find something.
func (q *queue) wake() {
	if q.line.deliverable() {
		q.c.result.Ready = append(q.c.result.Ready, q.id)
	}
}

// deadline is the next moment at which time alone changes something.
func (q *queue) deadline() Millis {
	at := never
	if e := q.due.min(); e != nil {
		at = e.visible
	}
	if e := q.ages.first(); e != nil {
		at = min(at, e.sent.Add(q.retention()))
	}
	if q.sends.order.size > 0 {
		at = min(at, q.sends.order.peek().at.Add(DedupWindow+sendSlack))
	}
	if q.attemptOrder.size > 0 {
		at = min(at, q.attemptOrder.peek().at.Add(AttemptWindow))
	}
	if q.overflow > 0 && !q.refill.active {
		at = min(at, q.oldest.Add(q.retention()))
	}
	if q.task != nil {
		at = min(at, q.task.at)
	}
	return at
}

func (q *queue) mark(now Millis) Mark {
	low := q.cursor
	if e := q.fresh.min(); e != nil {
		low = min(low, e.seq-1)
	}
	return Mark{Next: q.next, Low: low, Live: q.live, Bytes: q.bytes, Now: now}
}
