package queue

import "time"

// Stats is what a queue tells about itself at one moment: gauges, and counters since the process started. See
// docs/signals.md for how exact each is.
type Stats struct {
	ID        ID
	Name      string
	ARN       string
	FIFO      bool
	Time      time.Time // the moment
	Visible   int64     // includes FIFO messages behind a locked group
	InFlight  int64
	Delayed   int64
	Bytes     int64         // sum of the messages' sizes as SQS counts them
	OldestAge time.Duration // how long the visible message that waits longest has waited, poison aside; zero when none
	Waiting   bool          // whether there is such a message
	Poison    int64         // messages, in whatever state, that were received PoisonReceives times or more
	PoisonAge time.Duration // age of the oldest of them; zero when none
	Blocked   int64         // FIFO: groups whose head is not deliverable
	Waiters   int64         // long polls now waiting; filled in by the broker
	Holding   int64         // consumers that gave their name and have messages in flight
	Holders   []Holder      // those of them that have most, the greatest first; StatsOf alone fills it in

	Coming    [len(ComingWithin)]int64 // delayed messages that show within each of those times
	Waited    Histogram                // from sent or due to the first receive in this queue
	Processed Histogram                // from a receive to the deletion

	Counters
}

// ComingWithin are the times, in whole seconds, for which Stats.Coming counts delayed messages.
var ComingWithin = [...]time.Duration{time.Second, 10 * time.Second, time.Minute, 15 * time.Minute}

// Sample is the part of Stats that is kept over time, cheap enough to be taken every second.
type Sample struct {
	ID                      ID
	Name                    string
	Active                  bool // used since the last one
	Visible, InFlight       int64
	OldestAge               time.Duration
	Waiting                 bool
	Sent, Received, Deleted int64 // since the process started
}

// Counters never go backwards while the process lives.
type Counters struct {
	Sent, Received, Deleted, Redelivered, Expired, DeadLettered, Deduplicated, EmptyReceives, Timeouts int64

	Withheld int64 // receives of messages that stayed because who set the RedrivePolicy may not send to the target
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
	c.Withheld += o.Withheld
}
