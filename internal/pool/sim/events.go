package sim

import "time"

// kind is what an event is about.
type kind uint8

const (
	booted   kind = iota // a worker asks for its first message
	finished             // a worker has done a message
	retires              // a worker may have been idle for long enough
	killed               // the grace of a worker that was told to stop is over
	returns              // a message of a killed worker becomes visible again
)

// event is something that will happen.
type event struct {
	at      time.Duration
	order   uint64 // of events at the same time, the order in which they were planned
	kind    kind
	worker  *worker
	message int
	epoch   int // of retires: how often the worker had become idle
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.order < f.order
}

// agenda is a heap of events. It is written out because the simulation spends most of its time here.
type agenda struct {
	events []event
	orders uint64
}

func (a *agenda) next() (time.Duration, bool) {
	if len(a.events) == 0 {
		return 0, false
	}
	return a.events[0].at, true
}

func (a *agenda) push(e event) {
	e.order = a.orders
	a.orders++
	a.events = append(a.events, e)
	i := len(a.events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !a.events[i].before(&a.events[parent]) {
			return
		}
		a.events[i], a.events[parent] = a.events[parent], a.events[i]
		i = parent
	}
}

func (a *agenda) pop() event {
	top := a.events[0]
	last := len(a.events) - 1
	a.events[0] = a.events[last]
	a.events = a.events[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if a.events[child].before(&a.events[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		a.events[i], a.events[least] = a.events[least], a.events[i]
		i = least
	}
}
