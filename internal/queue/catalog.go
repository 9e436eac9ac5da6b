package queue

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// Options are what a Catalog is built with.
type Options struct {
	Account      string // 12 digits
	Region       string
	Seed         uint64 // of the source of chance
	Epoch        uint32 // number of this start of the server; differs from all earlier ones
	NoCoolDown   bool   // no 60-second pauses after DeleteQueue and PurgeQueue
	AutoCreate   bool   // SendMessage and ReceiveMessage create a missing queue, as under --dev
	CacheBytes   int64  // bodies kept in memory; zero: 64 MiB
	WindowMax    int    // deliverable entries of a queue that sends put into memory; zero: 32 Ki, FIFO 128 Ki
	EntriesMax   int64  // entries of all queues together before windows shrink; zero: 2 Mi
	InFlightMax  int    // zero: InFlightMax of the contract; tests lower it
	ConsumersMax int    // consumers with a name that are known at a time; zero: 100,000
}

// Catalog is all the queues of one owner. It is not safe for concurrent use: one goroutine steps it.
type Catalog struct {
	opts       Options
	realm      Realm
	chance     *rand.ChaCha8
	queues     map[ID]*queue
	byName     map[string]*queue
	deleted    map[string]Millis // names in their cool-down
	nextID     ID
	cache      cache
	entries    int64 // in memory, of all queues
	entriesMax int64
	agenda     agenda
	lastClock  Millis
	gone       Counters        // of deleted queues
	active     map[ID]struct{} // used since the last Sample
	consumers  map[consumerKey]*Consumer
	nextSweep  Millis // when consumers may next be forgotten
	stirs      uint64 // how often consumers received or deleted something

	standings map[string]*Standing // by principal; nil: the keys are not known here
	callers   map[string]*Standing // by the ids with which keys may call now

	records []Record
	result  Result
	touched []*queue // since the last Marks
	used    []*queue // in the present step
	marks   []Record
}

// NewCatalog returns an empty catalog.
func NewCatalog(opts Options) *Catalog {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], opts.Seed)
	binary.LittleEndian.PutUint32(seed[8:], opts.Epoch)
	opts.InFlightMax = cmp.Or(opts.InFlightMax, InFlightMax)
	opts.ConsumersMax = cmp.Or(opts.ConsumersMax, consumersMax)
	return &Catalog{
		opts:       opts,
		realm:      Realm{Account: opts.Account, Region: opts.Region},
		chance:     rand.NewChaCha8(seed),
		queues:     make(map[ID]*queue),
		byName:     make(map[string]*queue),
		deleted:    make(map[string]Millis),
		active:     make(map[ID]struct{}),
		consumers:  make(map[consumerKey]*Consumer),
		nextID:     ID(opts.Epoch)<<32 + 1, // an id is never given twice, also when its queue is gone
		cache:      cache{max: cmp.Or(opts.CacheBytes, cacheDefault)},
		entriesMax: cmp.Or(opts.EntriesMax, entriesDefault),
	}
}

// Step applies cmd at now. The caller makes the records durable before it reveals Result.Value, and carries
// out the effects at once. now must not go backwards. The records are valid until the next call. When err is not nil the command has changed nothing, there are no records, and err is what to
// answer. Result belongs to the caller.
func (c *Catalog) Step(now time.Time, cmd Command) (Result, []Record, error) {
	value, err := cmd.step(c, ToMillis(now))
	for _, q := range c.used {
		q.ask(ToMillis(now))
		c.agenda.plan(q, q.deadline())
	}
	c.used = c.used[:0]
	if err != nil {
		// What time alone has changed stays for the next step, which the agenda asks for at once.
		return Result{}, nil, err
	}
	result, records := c.result, c.records
	result.Value = value
	c.result = Result{}
	c.records = c.records[:0]
	return result, records, nil
}

// use lets time pass in q and has its window and its place in the agenda seen to at the end of the step.
func (c *Catalog) use(q *queue, now Millis) {
	c.used = append(c.used, q)
	if !q.active {
		q.active = true
		c.active[q.id] = struct{}{}
	}
	q.advance(now)
}

// find returns the queue of a request, if the caller may do the action on it. Who may not is told so whether or not
// there is such a queue.
func (c *Catalog) find(by *Caller, ref Ref, action string, now Millis) (*queue, error) {
	if ref.Account != "" && ref.Account != c.realm.Account {
		return nil, MissingQueue(ref.Name)
	}
	if err := c.authorizeNamed(by, action, ref.Name, now); err != nil {
		return nil, err
	}
	if q := c.byName[ref.Name]; q != nil {
		return q, nil
	}
	return nil, MissingQueue(ref.Name)
}

// authorizeNamed checks an action on the queue of a name, which need not exist. A name that no queue can have passes,
// since it tells nothing.
func (c *Catalog) authorizeNamed(by *Caller, action, name string, now Millis) error {
	if q := c.byName[name]; q != nil {
		return c.authorize(by, action, q, now)
	}
	if CheckName(name, IsFIFOName(name)) != nil {
		return nil
	}
	return c.authorizeAccount(by, action, name, now)
}

func (c *Catalog) authorize(by *Caller, action string, q *queue, now Millis) error {
	if by.Owner && by.Account == c.realm.Account && q.policy == nil && by.Grants == nil {
		return nil
	}
	return Authorize(Request{
		By: *by, Action: action, Resource: q.arn(), Account: c.realm.Account, Now: now.Time(),
	}, q.policy)
}

// authorizeAccount checks an action that concerns no queue that exists.
func (c *Catalog) authorizeAccount(by *Caller, action, name string, now Millis) error {
	return Authorize(Request{
		By: *by, Action: action, Resource: c.realm.ARN(name), Account: c.realm.Account, Now: now.Time(),
	}, nil)
}

func (c *Catalog) newMessageID() (id MessageID) {
	binary.LittleEndian.PutUint64(id[:8], c.chance.Uint64())
	binary.LittleEndian.PutUint64(id[8:], c.chance.Uint64())
	id[6] = id[6]&0x0f | 0x40 // version 4, random
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Marks returns the marks of the queues touched since it was last called, to go into the same batch as the
// records stepped since then. The slice is valid until the next call.
func (c *Catalog) Marks(now time.Time) []Record {
	c.marks = c.marks[:0]
	for i, q := range c.touched {
		c.touched[i] = nil
		q.dirty = false
		if c.queues[q.id] == q {
			c.marks = append(c.marks, Record{Op: OpPutMark, Queue: q.id, Mark: q.mark(ToMillis(now))})
		}
	}
	c.touched = c.touched[:0]
	return c.marks
}

// NextDeadline is when Tick has something to do; ok is false while nothing is planned.
func (c *Catalog) NextDeadline() (at time.Time, ok bool) {
	if len(c.records) > 0 || len(c.result.Ready) > 0 || len(c.result.Refills) > 0 {
		return time.UnixMilli(0), true // left over from a step that was refused
	}
	q := c.agenda.first()
	if q == nil {
		return time.Time{}, false
	}
	return q.planned.Time(), true
}

func (cmd *Tick) step(c *Catalog, now Millis) (any, error) {
	for q := c.agenda.first(); q != nil && q.planned <= now; q = c.agenda.first() {
		c.use(q, now)
		if q.task != nil {
			q.task.tick(now)
		}
		// Step plans all that were used once more at its end; here the queue must leave the head of the agenda.
		c.agenda.plan(q, max(q.deadline(), now+1))
	}
	return nil, nil
}

// CountEmpty counts a receive that ended without a message.
func (c *Catalog) CountEmpty(id ID) {
	if q := c.queues[id]; q != nil {
		q.counters.EmptyReceives++
	}
}

func (q *queue) visible() int64 { return q.live - int64(q.inFlight) - int64(q.delayed) }

// Totals returns the counters of all queues together, deleted ones included.
func (c *Catalog) Totals() Counters {
	total := c.gone
	for _, q := range c.queues {
		total.Add(q.counters)
	}
	return total
}

// LastClock is the latest moment that any restored mark has seen. The caller's clock must not start before it.
func (c *Catalog) LastClock() Millis { return c.lastClock }
