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
	if l.paused || l.draining {
		return
	}
	var taken map[string]bool // FIFO groups with an earlier message in hand
	if l.fifo() {
		taken = make(map[string]bool)
	}
	for _, d := range l.held {
		if l.running >= l.Concurrency {
			return
		}
		blocked := d.group != "" && taken[d.group]
		if d.group != "" {
			taken[d.group] = true
		}
		if d.state == waiting && !blocked && !d.lost {
			l.start(d, now)
		}
	}
}

func (l *loop) start(d *delivery, now time.Time) {
	d.state, d.begun = running, now
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
	if d.state != running { // it was abandoned before
		return
	}
	l.running--
	switch {
	case d.lost:
		l.drop(d)
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
