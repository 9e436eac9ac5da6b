package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// finished is the end of a handler.
type finished struct {
	d   *delivery
	err error
}

// dispatch starts handlers for what is in hand, in the order of arrival, and of a FIFO group one at a time: the next one
// starts when the one before it is deleted.
func (l *loop) dispatch(now time.Time) {
	room := l.room()
	var taken map[string]bool // FIFO groups with an earlier message in hand
	if l.fifo() {
		taken = make(map[string]bool)
	}
	for _, d := range l.held {
		if room < 1 {
			return
		}
		blocked := d.group != "" && taken[d.group]
		if d.group != "" {
			taken[d.group] = true
		}
		if d.state == waiting && !blocked && !d.lost && l.mayStart(d) {
			l.start(d, now)
			room--
		}
	}
}

// room is how many handlers may be started now.
func (l *loop) room() int {
	room := l.Concurrency - l.running
	switch l.absence.state {
	case away:
		return 0
	case trying: // one message finds out
		return min(room, 1-l.absence.trials)
	}
	return room
}

// mayStart reports whether a handler may begin with d. A worker that ends, or pauses, begins only with messages that would
// otherwise die untried.
func (l *loop) mayStart(d *delivery) bool { return !l.paused && !l.draining || l.lastReceive(d) }

func (l *loop) start(d *delivery, now time.Time) {
	d.state, d.begun, d.late = running, now, l.draining
	d.trial = l.absence.state == trying
	if d.trial {
		l.absence.trials++
	}
	d.ctx, d.cancel = context.WithCancelCause(l.handling)
	l.running++
	go func() { // it ends with the handler, which end cannot enforce
		err := l.handle(d)
		select {
		case l.finished <- finished{d, err}:
		case <-l.gone:
		}
	}()
}

// handle calls the handler, and makes an error of a panic.
func (l *loop) handle(d *delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			l.Logger.Error("a handler panicked", "id", d.message.ID(), "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return l.Handler(d.ctx, d.message)
}

// onFinished decides what becomes of a message whose handler has returned.
func (l *loop) onFinished(f finished) {
	d := f.d
	cause := context.Cause(d.ctx)
	d.cancel(nil)
	if d.trial && !errors.Is(f.err, ErrUnavailable) {
		l.back(d)
	} else if d.trial {
		d.trial = false
		l.absence.trials--
	}
	if d.state != running { // it was abandoned before
		return
	}
	l.running--
	switch {
	case d.lost:
		l.drop(d)
	case errors.Is(f.err, ErrUnavailable):
		l.notStarted(d, f.err)
	case f.err == nil:
		d.state, d.want = settling, remove
	case errors.Is(cause, ErrEnding):
		d.giveBack(0)
		l.stats.GivenBack++
		l.giveBackBehind(d)
	default:
		l.failed(d, f.err, cause)
	}
}

// failed lets a message come back whose handler was not content.
func (l *loop) failed(d *delivery, err, cause error) {
	v := l.judge(err, d.message.Receives())
	if cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if v.failed {
		l.stats.Failed++
		l.Logger.Warn("a message failed", "id", d.message.ID(), "receives", d.message.Receives(), "after", time.Since(d.begun).Round(time.Millisecond),
			"back_in_s", v.delay, "err", err)
	} else {
		l.stats.Postponed++
		l.Logger.Debug("a message was put off", "id", d.message.ID(), "back_in_s", v.delay, "err", err)
	}
	d.giveBack(v.delay)
	l.giveBackBehind(d)
}
