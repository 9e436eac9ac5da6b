package broker

import (
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// fullPause is how long the machine's deadlines are put off while the disk is full.
const fullPause = time.Second

// deadline is when the owner has something to do without being told; ok is false when it has nothing planned.
func (o *owner) deadline() (at time.Time, ok bool) {
	at, ok = o.catalog.NextDeadline()
	if ok && o.b.store.Space() == SpaceFull {
		at = later(at, o.now.Add(fullPause))
	}
	if o.waiters.len() > 0 {
		if due := o.waiters.first().due; !ok || due.Before(at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// arm sets the timer. The clock may run a little slower or faster than the timer, so the owner may wake early and
// arms again.
func (o *owner) arm() {
	at, ok := o.deadline()
	if !ok {
		at = time.Time{}
	}
	if at.Equal(o.armed) {
		return
	}
	o.armed = at
	if ok {
		o.timer.Reset(max(at.Sub(o.clock.Now()), 0))
	} else {
		o.timer.Stop()
	}
}

// tick lets the machine do what is due. On a full disk it waits: every change needs room.
func (o *owner) tick() {
	at, ok := o.catalog.NextDeadline()
	if ok && !at.After(o.now) && o.b.store.Space() != SpaceFull {
		o.carry(&queue.Tick{})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
