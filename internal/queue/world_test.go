package queue

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// world runs a catalog as an owner would: it keeps the records, answers refills and completes departures.
type world struct {
	t       testing.TB
	opts    Options
	c       *Catalog
	now     time.Time
	disk    *disk
	by      Caller
	refills []Refill // held back while slow is set
	slow    bool
	read    []*Refilled // what was read for refills and not brought yet, while slow is set
	lazy    [][]Record  // steps that a power cut would undo
	cut     bool        // there was a power cut
	onSync  func()      // told when all steps before the present one are durable
}

// disk is what the records amount to.
type disk struct {
	queues  map[ID]*diskQueue
	deleted map[string]Millis
}

type diskQueue struct {
	cfg      *Config
	mark     Mark
	messages map[Seq]*Message
	states   map[Seq]State
	sends    map[[16]byte]RememberedSend
	tasks    map[string]*Task
}

const testRegion = "us-east-1"

func newWorld(t testing.TB, opts Options) *world {
	opts.Account, opts.Region, opts.Epoch = testAccount, testRegion, 1
	return &world{
		t: t, opts: opts, c: NewCatalog(opts), now: time.UnixMilli(1_700_000_000_000),
		disk: &disk{queues: make(map[ID]*diskQueue), deleted: make(map[string]Millis)},
		by:   Caller{Account: testAccount, Principal: "arn:aws:iam::" + testAccount + ":root", ID: "root", Owner: true},
	}
}

// step steps cmd and what follows from it.
func (w *world) step(cmd Command) (any, error) {
	result, records, err := w.c.Step(w.now, cmd)
	w.commit(records, w.c.Marks(w.now))
	if err != nil {
		return nil, err
	}
	w.refills = append(w.refills, result.Refills...)
	if len(result.Departures) > 0 {
		for i := range result.Departures {
			d := &result.Departures[i]
			d.Message = w.disk.queues[d.Queue].messages[d.Seq]
		}
		w.mustStep(&Arrive{result.Departures})
	}
	if !w.slow {
		w.refill()
	}
	if received, ok := result.Value.(*Received); ok && len(received.Deliveries) == 0 && received.Pending && !w.slow {
		return w.step(cmd)
	}
	return result.Value, nil
}

func (w *world) mustStep(cmd Command) any {
	w.t.Helper()
	value, err := w.step(cmd)
	if err != nil {
		w.t.Fatalf("%T: %v", cmd, err)
	}
	return value
}

// refill answers all refills that were asked for.
func (w *world) refill() {
	for len(w.refills) > 0 {
		r := w.refills[0]
		w.refills = w.refills[1:]
		w.mustStep(w.scan(r))
	}
}

// readAhead reads for the refills that are held back; bring steps what was read, perhaps long after.
func (w *world) readAhead() {
	for _, r := range w.refills {
		w.read = append(w.read, w.scan(r))
	}
	w.refills = nil
}

func (w *world) bring() {
	for _, answer := range w.read {
		w.mustStep(answer)
	}
	w.read = nil
}

func (w *world) scan(r Refill) *Refilled {
	answer := &Refilled{Refill: r, End: true}
	q := w.disk.queues[r.Queue]
	if q == nil {
		return answer
	}
	for _, seq := range slices.Sorted(maps.Keys(q.messages)) {
		if seq <= r.After || seq > r.UpTo {
			continue
		}
		if len(answer.Items) == r.Limit {
			answer.End = false
			break
		}
		answer.Items = append(answer.Items, Stored{Seq: seq, Message: q.messages[seq]})
	}
	return answer
}

// advance lets time pass, stepping Tick whenever the catalog asks for it.
func (w *world) advance(d time.Duration) {
	end := w.now.Add(d)
	for ticks := 0; ; ticks++ {
		if ticks > 100_000 {
			w.t.Fatalf("the clock stands still: Tick asks for another one at %v", w.now)
		}
		at, ok := w.c.NextDeadline()
		if !ok || at.After(end) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		w.mustStep(&Tick{})
	}
	w.now = end
}

// powerCut restarts without what was not synced.
func (w *world) powerCut() {
	w.lazy, w.cut = nil, true
	w.rebuild()
}

// restart stops in order and starts again.
func (w *world) restart() {
	w.sync()
	w.rebuild()
}

// rebuild makes a new catalog from the disk.
func (w *world) rebuild() {
	w.opts.Epoch++
	w.c = NewCatalog(w.opts)
	w.refills, w.read = nil, nil
	for _, id := range slices.Sorted(maps.Keys(w.disk.queues)) {
		w.restore(id, w.disk.queues[id])
	}
	for name, at := range w.disk.deleted {
		w.c.RestoreDeleted(name, at)
	}
	w.mustStep(&Tick{})
}

func (w *world) restore(id ID, q *diskQueue) {
	check := func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	check(w.c.RestoreQueue(id, q.cfg, q.mark))
	for _, seq := range slices.Sorted(maps.Keys(q.states)) {
		check(w.c.RestoreState(id, seq, q.states[seq]))
	}
	for _, s := range q.sends {
		check(w.c.RestoreSend(id, s))
	}
	for _, task := range q.tasks {
		check(w.c.RestoreTask(task))
	}
}

// commit keeps the records of a step. A step of states alone is not synced: it lasts only once another is.
func (w *world) commit(records, marks []Record) {
	all := slices.Concat(records, marks)
	if !slices.ContainsFunc(records, func(r Record) bool { return r.Op != OpPutState }) {
		w.lazy = append(w.lazy, all)
		return
	}
	w.sync()
	w.keep(all)
}

// sync makes all that was stepped so far durable.
func (w *world) sync() {
	for _, records := range w.lazy {
		w.keep(records)
	}
	w.lazy = nil
	if w.onSync != nil {
		w.onSync()
	}
}

func (w *world) keep(records []Record) {
	for i := range records {
		r := records[i]
		switch r.Op {
		case OpPutDeleted:
			w.disk.deleted[r.Name] = r.At
		case OpDropDeleted:
			delete(w.disk.deleted, r.Name)
		case OpDropQueue:
			delete(w.disk.queues, r.Queue)
		default:
			w.queue(r.Queue).keep(r)
		}
	}
}

func (w *world) queue(id ID) *diskQueue {
	q := w.disk.queues[id]
	if q == nil {
		q = &diskQueue{
			messages: make(map[Seq]*Message), states: make(map[Seq]State),
			sends: make(map[[16]byte]RememberedSend), tasks: make(map[string]*Task),
		}
		w.disk.queues[id] = q
	}
	return q
}

func (q *diskQueue) keep(r Record) {
	switch r.Op {
	case OpPutMessage:
		q.messages[r.Seq] = r.Message
	case OpDropMessage:
		delete(q.messages, r.Seq)
		delete(q.states, r.Seq)
	case OpPutState:
		q.states[r.Seq] = r.State
	case OpDropMessages:
		maps.DeleteFunc(q.messages, func(seq Seq, _ *Message) bool { return seq <= r.Seq })
		maps.DeleteFunc(q.states, func(seq Seq, _ State) bool { return seq <= r.Seq })
	case OpPutQueue:
		q.cfg = r.Config
	case OpPutMark:
		q.mark = r.Mark
	case OpPutSend:
		q.sends[r.Send.Key] = r.Send
	case OpDropSend:
		delete(q.sends, r.Send.Key)
	case OpDropSends:
		clear(q.sends)
	case OpPutTask:
		q.tasks[r.Task.ID] = r.Task
	case OpDropTask:
		delete(q.tasks, r.Task.ID)
	}
}

// verify checks that what the catalog believes of its queues is what the disk holds.
func (w *world) verify() {
	w.t.Helper()
	w.sync()
	for id, q := range w.c.queues {
		d := w.disk.queues[id]
		if w.cut && q.overflow > 0 {
			continue // after a power cut the counters are settled when the whole backlog was seen
		}
		if int(q.live) != len(d.messages) {
			w.t.Fatalf("queue %s: %d messages live, %d stored", q.cfg.Name, q.live, len(d.messages))
		}
		if int(q.live) != len(q.entries)+int(q.overflow) {
			w.t.Fatalf("queue %s: %d live, %d in memory and %d behind the window", q.cfg.Name, q.live, len(q.entries), q.overflow)
		}
		for seq, e := range q.entries {
			if d.messages[seq] == nil {
				w.t.Fatalf("queue %s: message %d is in memory and not stored", q.cfg.Name, seq)
			}
			if _, stated := d.states[seq]; stated != e.stated {
				w.t.Fatalf("queue %s: message %d: stored state %v, believed %v", q.cfg.Name, seq, stated, e.stated)
			}
		}
		for seq := range d.messages {
			if q.entries[seq] == nil && seq <= q.cursor {
				w.t.Fatalf("queue %s: message %d is stored before the cursor %d and not in memory", q.cfg.Name, seq, q.cursor)
			}
			if _, stated := d.states[seq]; !stated && seq <= d.mark.Low {
				w.t.Fatalf("queue %s: message %d without a state is not above the mark %d", q.cfg.Name, seq, d.mark.Low)
			}
		}
	}
}
