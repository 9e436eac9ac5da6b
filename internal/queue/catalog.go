package queue

import "time"

// Options are what a Catalog is built with.
type Options struct {
	Account     string // 12 digits
	Region      string
	Seed        uint64 // of the source of chance
	Epoch       uint32 // number of this start of the server; differs from all earlier ones
	NoCoolDown  bool   // no 60-second pauses after DeleteQueue and PurgeQueue
	CacheBytes  int64  // bodies kept in memory; zero: 64 MiB
	WindowMax   int    // entries a queue loads or keeps ahead; zero: 128 Ki for FIFO, 32 Ki for standard queues
	EntriesMax  int64  // entries of all queues together before windows shrink; zero: 2 Mi
	AutoCreate  bool   // SendMessage and ReceiveMessage create a missing queue, as under --dev
	InFlightMax int    // zero: InFlightMax of the contract; tests lower it
}

// Catalog is all the queues of one owner. It is not safe for concurrent use: one goroutine steps it.
type Catalog struct{}

// NewCatalog returns an empty catalog.
func NewCatalog(opts Options) *Catalog { return &Catalog{} }

// RestoreQueue adds a queue as it was stored. Restore calls come before the first Step, a queue's own first.
func (c *Catalog) RestoreQueue(id ID, cfg *Config, mark Mark) error { return nil }

// RestoreState adds the state of a message of a restored queue.
func (c *Catalog) RestoreState(id ID, seq Seq, s State) error { return nil }

// RestoreSend adds a remembered deduplication id.
func (c *Catalog) RestoreSend(id ID, s RememberedSend) error { return nil }

// RestoreTask adds a move task.
func (c *Catalog) RestoreTask(t *Task) error { return nil }

// RestoreDeleted adds a queue name in its cool-down.
func (c *Catalog) RestoreDeleted(name string, at Millis) {}

// LastClock is the latest moment that any restored mark has seen. The caller's clock must not start before it.
func (c *Catalog) LastClock() Millis { return 0 }

// Step applies cmd at now. The caller makes the records durable before it reveals Result.Value, and carries
// out the effects at once. now must not go backwards. The records are valid until the next call. When err is
// not nil, nothing has changed, there are no records, and err is what to answer.
func (c *Catalog) Step(now time.Time, cmd Command) (Result, []Record, error) {
	return Result{}, nil, nil
}

// Marks returns the marks of the queues touched since it was last called, to go into the same batch as the
// records stepped since then. The slice is valid until the next call.
func (c *Catalog) Marks(now time.Time) []Record { return nil }

// NextDeadline is when Tick has something to do; ok is false while nothing is planned.
func (c *Catalog) NextDeadline() (at time.Time, ok bool) { return time.Time{}, false }

// CountEmpty counts a receive that ended without a message.
func (c *Catalog) CountEmpty(id ID) {}

// Stats returns each queue's figures in name order, for at most max queues (zero: all), and how many there are.
func (c *Catalog) Stats(now time.Time, max int) (stats []Stats, queues int) { return nil, 0 }

// Totals returns the counters of all queues together, deleted ones included.
func (c *Catalog) Totals() Counters { return Counters{} }
