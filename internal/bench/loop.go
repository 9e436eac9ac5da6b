package bench

import (
	"fmt"
	"time"
)

// Loop says when requests are sent, and so what their latencies mean.
type Loop string

// The two kinds of loops.
const (
	Closed Loop = "closed" // a connection sends when it has the answer to its last request: the load is what the server can take
	Open   Loop = "open"   // each request is due at a time that the rate gives, whatever became of those before
)

// loop is the kind of loop that sends.
func (o Options) loop() Loop {
	if o.Rate > 0 {
		return Open
	}
	return Closed
}

// measures says of a step from when to when its latencies count.
func (o Options) measures(s step) string {
	open := o.loop() == Open
	switch {
	case s == stepSend && open:
		return "from when the request was due to its answer, also while no connection was free for it"
	case s == stepReceive:
		return "from call to answer, with the wait for a message"
	case s == stepThrough && open:
		return "of each message, from when its send was due to the answer that delivered it"
	case s == stepThrough && o.Ahead < 0:
		return "of each message, from its send to the answer that delivered it: with the wait behind all that this run had sent before"
	case s == stepThrough:
		return fmt.Sprintf("of each message, from its send to the answer that delivered it: with the wait behind what this run had "+
			"sent before, some %d messages at most (--ahead)", o.Ahead+o.Producers*o.Batch)
	}
	return "from call to answer"
}

// The bounds within which a run has kept its rate.
const (
	behindShare = 20                     // of the run: one in so many
	behindMin   = 250 * time.Millisecond // a stall
)

// noteBehind remembers how late a producer was with its last request.
func (r *run) noteBehind(late time.Duration) {
	for {
		before := r.behind.Load()
		if int64(late) <= before || r.behind.CompareAndSwap(before, int64(late)) {
			return
		}
	}
}

// behindAtEnd is how late the producers were in the end, zero when they have kept the rate.
func (r *run) behindAtEnd() time.Duration {
	late := time.Duration(r.behind.Load())
	if late < max(r.meter.elapsed/behindShare, behindMin) {
		return 0
	}
	return late
}
