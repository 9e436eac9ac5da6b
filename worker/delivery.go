package worker

import (
	"context"
	"slices"
	"time"
)

// state is where a message in hand is.
type state int

const (
	waiting  state = iota // for a handler
	running               // a handler works on it
	settling              // it only has to be deleted or given back
)

// want is what the server has to be told about a message.
type want int

const (
	nothing want = iota
	beat         // extend the lease
	back         // let it come back, after a delay
	remove       // delete it
)

// delivery is a message in hand.
type delivery struct {
	message *Message
	handle  string
	group   string    // of a FIFO queue, else empty
	until   time.Time // when the lease ends, as far as is known here

	state state
	want  want
	delay int32 // seconds, for back
	busy  bool  // a call about it is on its way

	begun   time.Time // of the handler
	trial   bool      // it finds out whether the handler is there again
	late    bool      // it was begun while the worker ends, see lastTry
	ctx     context.Context
	cancel  context.CancelCauseFunc
	stopped bool      // its context was ended
	stopBy  time.Time // and it must have returned by then
	left    bool      // it has not
	lost    bool      // the message is no longer ours
}

// beatAt is when the next heartbeat is due: after a third of the lease, so that two may fail.
func (d *delivery) beatAt(lease time.Duration) time.Time { return d.until.Add(-lease * 2 / 3) }

// due reports whether a heartbeat is to be sent. Handlers that do not return are not worth one.
func (d *delivery) due(lease time.Duration, now time.Time) bool {
	return d.state != settling && d.want == nothing && !d.left && !d.lost && !now.Before(d.beatAt(lease))
}

// drop takes d out of hand.
func (l *loop) drop(d *delivery) {
	if i := slices.Index(l.held, d); i >= 0 {
		l.held = slices.Delete(l.held, i, i+1)
		l.busyUntil = time.Now()
	}
}

// giveBack lets d come back after a delay in seconds.
func (d *delivery) giveBack(delay int32) {
	d.state, d.want, d.delay = settling, back, delay
}

// giveBackWaiting gives back what no handler works on, except messages at their last receive: those would go to the
// dead-letter queue untried, so they are still started as long as that is possible.
func (l *loop) giveBackWaiting() {
	for _, d := range l.held {
		if d.state == waiting && !l.lastReceive(d) {
			d.giveBack(0)
			l.stats.GivenBack++
		}
	}
}

// giveUpWaiting gives back also those at their last receive, when it is too late to start them.
func (l *loop) giveUpWaiting() {
	for _, d := range l.held {
		if d.state == waiting {
			l.Logger.Error("a message could not be started before the worker ends, and this was its last receive; "+
				"it goes to the dead-letter queue: move it back from there", "id", d.message.ID(), "receives", d.message.Receives())
			d.giveBack(0)
			l.stats.GivenBack++
		}
	}
}

// endsAt is when the context of d's handler ends in a drain of which the grace is over at over.
func (d *delivery) endsAt(over time.Time) time.Time {
	if late := d.begun.Add(lastTry); d.late && late.After(over) {
		return late
	}
	return over
}

// giveBackBehind gives back what is in hand of the same FIFO group, and not yet started: it must not overtake d.
func (l *loop) giveBackBehind(d *delivery) {
	if d.group == "" {
		return
	}
	for _, other := range l.held {
		if other != d && other.group == d.group && other.state == waiting {
			other.giveBack(0)
			l.stats.GivenBack++
		}
	}
}

// lose accepts that the message is no longer ours. A handler at work is told, and keeps its place until it returns.
func (l *loop) lose(d *delivery, why string) {
	if d.lost {
		return
	}
	d.lost = true
	l.stats.Lost++
	l.Logger.Warn("a message was lost to others", "id", d.message.ID(), "why", why)
	l.giveBackBehind(d)
	if d.state == running {
		d.want = nothing
		l.stopOne(d, time.Now(), ErrLeaseLost)
		return
	}
	l.drop(d)
}

// stop ends the contexts of the handlers that match.
func (l *loop) stop(now time.Time, cause error, match func(*delivery) bool) {
	for _, d := range l.held {
		if d.state == running && !d.stopped && match(d) {
			l.stopOne(d, now, cause)
		}
	}
}

func (l *loop) stopOne(d *delivery, now time.Time, cause error) {
	if d.stopped {
		return
	}
	d.stopped, d.stopBy = true, now.Add(stopPatience)
	d.cancel(cause)
}

// abandon gives up on a handler that does not return: there are no more heartbeats for its message, which so comes back.
// Its place is only free again when it does return, or else such handlers would pile up.
func (l *loop) abandon(d *delivery) {
	if !d.left {
		d.left = true
		l.Logger.Error("a handler does not return though its context has ended; its message is no longer held",
			"id", d.message.ID(), "cause", context.Cause(d.ctx))
	}
	if !l.draining {
		return
	}
	l.running--
	if d.lost {
		l.drop(d)
		return
	}
	d.giveBack(0)
	l.stats.GivenBack++
}
