package sim

import (
	"cmp"
	"slices"
	"time"
)

// Trace is what happens to a queue, whatever the pool does.
type Trace struct {
	Name     string
	Length   time.Duration // work is sent, and workers are paid, until then
	Messages []Message     // in the order of At
}

// Message is one piece of work.
type Message struct {
	At      time.Duration // when it becomes visible, from the beginning
	Service time.Duration // what it takes
	Lead    time.Duration // how long before At it is known to come, as a delayed message is; zero: not at all
}

// Work is what an ideal worker needs for all messages.
func (t Trace) Work() time.Duration {
	var sum time.Duration
	for _, m := range t.Messages {
		sum += m.Service
	}
	return sum
}

// Thinned keeps each message with a probability, so that one can see the same load with fewer and longer messages. A
// share of one or more keeps all.
func (t Trace) Thinned(share float64, seed uint64) Trace {
	if share >= 1 {
		return t
	}
	chance := source(seed, "thin")
	var kept []Message
	for _, m := range t.Messages {
		if chance.Float64() < share {
			kept = append(kept, m)
		}
	}
	t.Messages = kept
	return t
}

// Times are the distributions of what a message and a boot take.
type Times struct {
	Service    time.Duration // mean of a lognormal distribution; above zero
	ServiceCV  float64       // its standard deviation over its mean; zero: all alike
	Boot       time.Duration // mean of a uniform distribution
	BootSpread float64       // its half width over its mean, 0 to 1
}

// arranged makes a trace from arrival times: sorted, and each with a service time of its own.
func arranged(name string, length time.Duration, at []time.Duration, times Times, seed uint64) Trace {
	slices.SortFunc(at, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	draw := newLognormal(times.Service, times.ServiceCV)
	chance := source(seed, "service")
	t := Trace{Name: name, Length: length, Messages: make([]Message, 0, len(at))}
	for _, a := range at {
		if a < length {
			t.Messages = append(t.Messages, Message{At: a, Service: draw.draw(chance)})
		}
	}
	return t
}
