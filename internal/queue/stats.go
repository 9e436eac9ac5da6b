package queue

import "time"

// Stats is what a queue tells about itself at one moment: gauges, and counters since the process started.
type Stats struct {
	Name      string
	FIFO      bool
	Visible   int64 // includes FIFO messages behind a locked group
	InFlight  int64
	Delayed   int64
	Bytes     int64         // sum of the messages' sizes as SQS counts them
	OldestAge time.Duration // age of the oldest message that was not deleted; zero when none
	Blocked   int64         // FIFO: groups whose head is not deliverable
	Waiters   int64         // long polls now waiting; filled in by the broker

	Counters
}

// Counters never go backwards while the process lives.
type Counters struct {
	Sent, Received, Deleted, Redelivered, Expired, DeadLettered, Deduplicated, EmptyReceives, Timeouts int64
}

// Add adds o to c.
func (c *Counters) Add(o Counters) {
	c.Sent += o.Sent
	c.Received += o.Received
	c.Deleted += o.Deleted
	c.Redelivered += o.Redelivered
	c.Expired += o.Expired
	c.DeadLettered += o.DeadLettered
	c.Deduplicated += o.Deduplicated
	c.EmptyReceives += o.EmptyReceives
	c.Timeouts += o.Timeouts
}
