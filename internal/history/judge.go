package history

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"time"
)

// What a service may do and not do, where the history does not say it.
const (
	dedupWindow      = 5 * time.Minute
	retentionDefault = 4 * 24 * time.Hour
	healedDefault    = 10 * time.Second
	grain            = time.Millisecond // servers count in it, so a timeout may be so much shorter
	slewDivisor      = 10               // after a step the server's clock may run so much faster, a tenth, to make up for it
)

// eventsMax bounds a history; a million events need about a gigabyte.
const eventsMax = 20_000_000

// More kinds of violations, which only a whole history shows.
const (
	Altered    Kind = "altered"    // I2: received with another body or other attributes than were sent
	Early      Kind = "early"      // I3, I9: received while it must have been invisible
	Overtaken  Kind = "overtaken"  // I5: received while an earlier message of its group was in flight
	Miscounted Kind = "miscounted" // I7: the server's counters are impossible
	Misplaced  Kind = "misplaced"  // I8: moved to the dead-letter queue too soon, too late, or not out of its own
	Stuck      Kind = "stuck"      // I11: no service, long after all was well again
	Impossible Kind = "impossible" // I1, I3, I4: no order of the events explains them
)

// never is after every moment of a history.
const never = math.MaxInt64

// op is an event of a message, made small.
type op struct {
	kind      Op
	result    Result
	queue     *queueState
	call, ret int64
	timeout   int64 // receive, change: nanoseconds; send: the delay
	until     int64 // before this moment nobody can get the message, nobody else after a receive or change
	receipt   uint64
	digest    uint64
	id        string
	sequence  string
	place     int
}

// done is true when the server said that it was done.
func (o *op) done() bool { return o.result == Done }

// subject is a message, or what would be one if its send has worked.
type subject struct {
	key, group, dedup string
	queue             *queueState // to which it was sent
	shared            bool        // another key has the same deduplication id, and perhaps the same message
	ops               []op        // by call, once the judge has begun

	sends, receives, changes, deletes []*op
}

// queueState is what is known of a queue.
type queueState struct {
	name        string
	fifo        bool
	retention   int64
	deadLetters string
	maxReceives int
	feeds       bool // it is the dead-letter queue of another

	drained  []op // by call
	purges   []op
	counts   []Event
	unseen   []op // receives without an answer: somebody's messages may be in flight
	subjects []*subject
}

// Judge takes in a history and says what in it must not have happened. Use one for one history. It is not safe for
// concurrent use.
type Judge struct {
	seed     maphash.Seed
	events   int
	subjects map[string]*subject
	order    []*subject // as they came
	queues   map[string]*queueState
	crashes  []int64 // when each began, in order
	clocks   []int64
	stepped  int64 // nanoseconds, all steps added up without their signs
	healed   []Event
	disturb  []int64

	violations []Violation
}

// NewJudge returns a Judge of a history of which nothing is known yet.
func NewJudge() *Judge {
	return &Judge{violations: []Violation{}, seed: maphash.MakeSeed(), subjects: make(map[string]*subject), queues: make(map[string]*queueState)}
}

// Add takes in an event. Their order does not matter.
func (j *Judge) Add(e Event) error {
	if err := e.check(); err != nil {
		return err
	}
	if j.events++; j.events > eventsMax {
		return fmt.Errorf("a history has at most %d events; split it where the queues were empty", eventsMax)
	}
	e.Result = cmp.Or(e.Result, Done)
	switch e.Op {
	case OpQueue:
		q := j.queue(e.Queue)
		q.fifo, q.deadLetters, q.maxReceives = e.FIFO, e.DeadLetters, e.MaxReceives
		if e.Retention > 0 {
			q.retention = nanoseconds(e.Retention)
		}
		if e.DeadLetters != "" {
			j.queue(e.DeadLetters).feeds = true
		}
	case OpCounts:
		q := j.queue(e.Queue)
		q.counts = append(q.counts, e)
	case OpDrained:
		q := j.queue(e.Queue)
		q.drained = append(q.drained, j.op(e))
	case OpPurge:
		q := j.queue(e.Queue)
		q.purges = append(q.purges, j.op(e))
	case OpCrash:
		j.crashes = append(j.crashes, e.Call)
	case OpClock:
		j.clocks = append(j.clocks, e.Call)
		j.stepped += nanoseconds(math.Abs(e.Step))
	case OpHealed:
		j.healed = append(j.healed, e)
	case OpDisturb:
		j.disturb = append(j.disturb, e.Call)
	default:
		j.message(e)
	}
	return nil
}

// message takes in an event of a message.
func (j *Judge) message(e Event) {
	o := j.op(e)
	if e.Key == "" {
		if e.Result == Unknown {
			o.queue.unseen = append(o.queue.unseen, o)
		}
		return
	}
	m := j.subjects[e.Key]
	if m == nil {
		m = &subject{key: e.Key}
		j.subjects[e.Key] = m
		j.order = append(j.order, m)
	}
	if e.Op == OpSend && m.queue == nil {
		m.queue, m.group, m.dedup = o.queue, e.Group, e.Dedup
		o.queue.subjects = append(o.queue.subjects, m)
	}
	m.ops = append(m.ops, o)
}

// op makes an event small.
func (j *Judge) op(e Event) op {
	o := op{kind: e.Op, result: e.Result, queue: j.queue(e.Queue), call: e.Call, ret: e.Return,
		timeout: nanoseconds(e.Visibility), id: e.ID, sequence: e.Sequence, place: e.Place}
	if e.Op == OpSend {
		o.timeout = nanoseconds(e.Delay)
	}
	if e.Receipt != "" {
		o.receipt = maphash.String(j.seed, e.Receipt)
	}
	if e.Digest != "" {
		o.digest = maphash.String(j.seed, e.Digest)
	}
	return o
}

func (j *Judge) queue(name string) *queueState {
	q := j.queues[name]
	if q == nil {
		q = &queueState{name: name, retention: int64(retentionDefault)}
		j.queues[name] = q
	}
	return q
}

func nanoseconds(seconds float64) int64 { return int64(seconds * float64(time.Second)) }

// Verdict is what a history amounts to.
type Verdict struct {
	Events       int           `json:"events"`
	Queues       int           `json:"queues"`
	Attempted    int           `json:"attempted"` // messages
	Acknowledged int           `json:"acknowledged"`
	Delivered    int           `json:"delivered"`
	Redelivered  int           `json:"redelivered"` // deliveries after a message's first
	Deleted      int           `json:"deleted"`
	DeadLetters  int           `json:"deadLetters"` // delivered from a dead-letter queue
	Crashes      int           `json:"crashes"`
	Drained      int           `json:"drained"`   // queues; without, a loss cannot be told from a wait
	Searched     int           `json:"searched"`  // messages of which an explaining order was looked for, and
	Undecided    int           `json:"undecided"` // messages where that took too long
	Kinds        map[Kind]int  `json:"kinds"`     // violations by kind
	Violations   []Violation   `json:"violations"`
	Took         time.Duration `json:"-"`
}

// Verdict judges. The search for an order that explains a message's events ends with ctx, the other checks look at
// each event a few times. Call it once.
func (j *Judge) Verdict(ctx context.Context) Verdict {
	began := time.Now()
	j.prepare()
	v := Verdict{Events: j.events, Queues: len(j.queues), Crashes: len(j.crashes), Kinds: make(map[Kind]int)}
	for _, q := range j.sortedQueues() {
		j.deduplication(q)
	}
	for _, m := range j.order {
		j.identity(m)
		j.visibility(m)
		j.deleted(m)
		j.lost(m)
		j.deadLetters(m)
		v.count(m)
	}
	for _, q := range j.sortedQueues() {
		j.groups(q)
		j.counters(q)
		if len(q.drained) > 0 {
			v.Drained++
		}
	}
	j.liveness()
	v.Searched, v.Undecided = j.search(ctx)
	slices.SortStableFunc(j.violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	v.Violations = j.violations
	for _, violation := range j.violations {
		v.Kinds[violation.Kind]++
	}
	v.Took = time.Since(began)
	return v
}

// count adds what became of a message.
func (v *Verdict) count(m *subject) {
	if len(m.sends) > 0 {
		v.Attempted++
	}
	if slices.ContainsFunc(m.sends, (*op).done) {
		v.Acknowledged++
	}
	if len(m.receives) > 0 {
		v.Delivered++
		v.Redelivered += len(m.receives) - 1
	}
	if slices.ContainsFunc(m.deletes, (*op).done) {
		v.Deleted++
	}
	if slices.ContainsFunc(m.receives, func(o *op) bool { return o.queue.feeds && o.queue != m.queue }) {
		v.DeadLetters++
	}
}

// prepare brings events into the order of their calls and says until when each receive hides its message.
func (j *Judge) prepare() {
	slices.Sort(j.crashes)
	slices.Sort(j.clocks)
	slices.Sort(j.disturb)
	for _, q := range j.queues {
		slices.SortFunc(q.drained, byCall)
		slices.SortFunc(q.unseen, byCall)
	}
	for _, m := range j.order {
		slices.SortStableFunc(m.ops, byCall)
		for i := range m.ops {
			o := &m.ops[i]
			switch o.kind {
			case OpSend:
				o.until = j.delayed(o)
				if o.result != Failed {
					m.sends = append(m.sends, o)
				}
			case OpReceive:
				o.until = j.until(o)
				if o.done() {
					m.receives = append(m.receives, o)
				}
			case OpChange:
				o.until = j.until(o)
				if o.result != Failed {
					m.changes = append(m.changes, o)
				}
			case OpDelete:
				if o.result != Failed {
					m.deletes = append(m.deletes, o)
				}
			}
		}
	}
}

func byCall(a, b op) int {
	return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.ret, b.ret), cmp.Compare(a.place, b.place))
}

// until is the earliest moment at which a timeout that begins with o can end. What a receive has changed is not
// synced before it is answered, so a crash may end it; and a clock that has stepped may run a little fast.
func (j *Judge) until(o *op) int64 {
	end := o.call + max(0, j.least(o.timeout, o.call+o.timeout)-int64(grain))
	if i, _ := slices.BinarySearch(j.crashes, o.call); i < len(j.crashes) {
		end = min(end, j.crashes[i])
	}
	return end
}

// delayed is the earliest moment at which the delay of a send can end. A crash does not end it, but a start with a
// clock that has stepped may.
func (j *Judge) delayed(o *op) int64 {
	if len(j.clocks) > 0 {
		return j.until(o)
	}
	return o.call + max(0, o.timeout-int64(grain))
}

// least is how long a timeout that ends by the given moment takes at least.
func (j *Judge) least(timeout, by int64) int64 {
	if len(j.clocks) > 0 && j.clocks[0] <= by {
		timeout -= timeout / slewDivisor
	}
	return timeout
}

func (j *Judge) sortedQueues() []*queueState {
	all := make([]*queueState, 0, len(j.queues))
	for _, q := range j.queues {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b *queueState) int { return cmp.Compare(a.name, b.name) })
	return all
}

func (j *Judge) violate(kind Kind, key, format string, args ...any) {
	j.violations = append(j.violations, Violation{kind, key, fmt.Sprintf(format, args...)})
}

// moment writes a moment of the history for people: seconds, to the millisecond.
func moment(at int64) string { return fmt.Sprintf("%.3f s", time.Duration(at).Seconds()) }
