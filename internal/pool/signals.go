package pool

import (
	"context"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// Signals are what one queue tells of itself at one moment.
type Signals struct {
	Visible, InFlight, Delayed int
	Oldest                     time.Duration // how long the oldest visible message has waited; zero when unknown too

	// Told is true when the server tells what is below; any server tells what is above.
	Told      bool
	Consumers int     // that poll or hold messages now
	Rate      float64 // messages sent in a second, over the last minute
	Processed Sum     // of the times from receive to delete, since the server counts
	Due       []Due   // delayed messages by when they become visible, each entry with those of the entries before it
}

// Sum is a number of durations and their sum.
type Sum struct {
	Count   int64
	Seconds float64
}

// Due is how many messages become visible within a time from now.
type Due struct {
	Within   time.Duration
	Messages int
}

// Source observes one queue.
type Source interface {
	// Signals asks now.
	Signals(ctx context.Context) (Signals, error)
	// Demand asks, but answers only when there is a deliverable message that nobody polls for, or else when wait is
	// over. An error that is errors.ErrUnsupported says that this server cannot do that, for now.
	Demand(ctx context.Context, wait time.Duration) (Signals, error)
}

// estimate is what is learned about one queue.
type estimate struct {
	service policy.Service
	last    Sum
	counted bool // last was set
}

// learnMax bounds how often one observation enters an estimate, in which each message has its weight.
const learnMax = 200

// learn takes in what was finished since the last observation. A sum that went back begins anew: the server did.
func (e *estimate) learn(s Signals) {
	if !s.Told {
		return
	}
	n, seconds := s.Processed.Count-e.last.Count, s.Processed.Seconds-e.last.Seconds
	known := e.counted && n > 0 && seconds >= 0
	e.last, e.counted = s.Processed, true
	if !known {
		return
	}
	mean := time.Duration(seconds / float64(n) * float64(time.Second))
	for range min(n, learnMax) {
		e.service.Add(mean)
	}
}

// dueSteps is into how many steps the messages of one entry of Due are spread: nobody says when within its time they
// come.
const dueSteps = 10

// arrivals spreads what comes due over time.
func arrivals(now time.Time, all []Due) []policy.Arrival {
	var found []policy.Arrival
	before := Due{}
	for _, d := range all {
		n := d.Messages - before.Messages
		for i := range dueSteps {
			share := n*(i+1)/dueSteps - n*i/dueSteps
			if share > 0 {
				at := before.Within + (d.Within-before.Within)*time.Duration(i+1)/dueSteps
				found = append(found, policy.Arrival{At: now.Add(at), Count: share})
			}
		}
		before = d
	}
	return found
}

// merge makes one queue of several, as a pool sees them: the work of all has to be begun within the objective. The time
// of a message is weighed by what waits.
func merge(now time.Time, each []Signals, estimates []estimate) policy.Queue {
	var q policy.Queue
	var work, plain float64
	known := 0
	for i, s := range each {
		q.Visible += s.Visible
		q.InFlight += s.InFlight
		q.OldestAge = max(q.OldestAge, s.Oldest)
		q.Rate += s.Rate
		q.Future = append(q.Future, arrivals(now, s.Due)...)
		if service := estimates[i].service.Estimate(); service > 0 {
			known++
			plain += service.Seconds()
			work += service.Seconds() * float64(s.Visible)
		} else {
			work += policy.ServiceGuess.Seconds() * float64(s.Visible)
		}
	}
	switch {
	case known == 0:
	case q.Visible > 0:
		q.Service = time.Duration(work / float64(q.Visible) * float64(time.Second))
	default:
		q.Service = time.Duration(plain / float64(known) * float64(time.Second))
	}
	return q
}
