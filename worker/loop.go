package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	stopPatience   = 5 * time.Second // for a handler whose context has ended to return
	settlePatience = 5 * time.Second // at the end, for the server to take what is left to say

	// linger is how long receives that are on their way are waited for when no more are wanted. What the server has sent
	// already comes in that time; hung up on, it would be hidden until its lease is over, and have cost a receive.
	// It is no round number, so that what happens by the clock does not happen in the moment of hanging up.
	linger = 487 * time.Millisecond

	// lastTry is what a message at its last receive gets at least that was started when the worker was ending already.
	lastTry = 2 * time.Second
)

// loop is a running worker. One goroutine owns it; handlers and calls to the server run in their own and report back
// over the channels.
type loop struct {
	Options
	w *Worker

	held     []*delivery // in the order of arrival
	running  int
	polls    int // receives on their way
	reserved int // places that their messages may take
	settling map[want]int

	paused, draining bool
	over             time.Time // draining: end of the grace
	last             time.Time // draining: no more patience
	busyUntil        time.Time // when a message was last in hand
	hangUpAt         time.Time // when receives on their way are given up; zero is not
	link             link
	absence          absence
	redrive          redrive
	stats            Stats

	calls     context.Context // of calls other than receives
	hangUp    context.CancelFunc
	polling   context.Context // of receives
	stopPolls context.CancelFunc
	handling  context.Context // parent of the handlers' contexts

	polled   chan polled
	finished chan finished
	settled  chan settled
	tasks    sync.WaitGroup // goroutines that end with calls and polling
	gone     chan struct{}  // closed at the end: nobody reads the channels any more
}

func newLoop(w *Worker, ctx context.Context) *loop {
	l := &loop{
		Options: w.options, w: w, settling: make(map[want]int), busyUntil: time.Now(),
		link:   link{logger: w.options.Logger, backoffMax: min(linkBackoffMax, w.options.Lease/4)},
		polled: make(chan polled), finished: make(chan finished), settled: make(chan settled), gone: make(chan struct{}),
	}
	l.handling = context.WithoutCancel(ctx)
	l.calls, l.hangUp = context.WithCancel(l.handling)
	l.openPolls()
	if l.Ready != nil {
		l.absence.state = away
	}
	return l
}

// end waits for everything that the loop has started, except handlers that do not return.
func (l *loop) end() {
	close(l.gone)
	l.hangUp()
	l.tasks.Wait()
}

// run is the worker's life.
func (l *loop) run(ctx context.Context) error {
	if l.CommandsURL != "" {
		l.tasks.Go(func() { l.listen(l.calls) })
	}
	told := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		l.tick(now)
		l.askRedrive(now)
		l.findOut(now)
		l.dispatch(now)
		l.poll(now)
		l.askReady(now)
		l.settle(now)
		l.publish()
		if l.draining && l.polls == 0 && len(l.held) == 0 {
			return nil
		}
		if l.draining && !now.Before(l.last) {
			return fmt.Errorf("worker: %d messages could not be settled before the end; they come back when their lease is over", len(l.held))
		}
		timer.Reset(l.wake(now))
		select {
		case r := <-l.polled:
			if err := l.onPolled(r); err != nil {
				return err
			}
		case f := <-l.finished:
			l.onFinished(f)
		case s := <-l.settled:
			l.onSettled(s)
		case do := <-l.w.told:
			do(l)
		case <-told:
			told = nil
			l.drain("its context ended")
		case <-timer.C:
		}
	}
}

// tick does what is due at now.
func (l *loop) tick(now time.Time) {
	if len(l.held) > 0 {
		l.busyUntil = now
	}
	if l.draining && !now.Before(l.over) {
		l.stop(now, ErrEnding, func(d *delivery) bool { return !now.Before(d.endsAt(l.over)) })
	}
	if l.draining && !now.Before(l.over.Add(stopPatience)) {
		l.giveUpWaiting()
	}
	if !l.hangUpAt.IsZero() && !now.Before(l.hangUpAt) {
		l.hangUpAt = time.Time{}
		l.stopPolls()
	}
	l.stop(now, ErrTimeLimit, func(d *delivery) bool { return !now.Before(d.begun.Add(l.TimeLimit)) })
	for _, d := range slices.Clone(l.held) {
		if d.state == running && d.stopped && !now.Before(d.stopBy) {
			l.abandon(d)
		}
		switch expired := !now.Before(d.until); {
		case expired && d.state == waiting:
			l.lose(d, "its lease ended before it was started")
		case expired && d.state == running && l.fifo():
			l.lose(d, "its lease ended, and the next of its group may be with somebody else")
		case d.due(l.Lease, now):
			d.want = beat
		}
	}
	if l.idle() && !now.Before(l.busyUntil.Add(l.IdleTime)) && l.polls == 0 {
		l.drain("no message has come for " + l.IdleTime.String())
	}
}

// idle reports whether the worker waits for a message, and would end if none comes.
func (l *loop) idle() bool {
	return l.IdleTime > 0 && len(l.held) == 0 && !l.paused && !l.draining && !l.link.down && l.absence.state == present
}

// wake is how long the loop may wait until something is due, as seen after everything due at now was done.
func (l *loop) wake(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	at := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	for _, d := range l.held {
		at(d.until)
		at(d.beatAt(l.Lease))
		if d.state == running {
			at(d.begun.Add(l.TimeLimit))
			at(d.stopBy)
			at(d.endsAt(l.over))
			if d.trial {
				at(d.begun.Add(trialPatience))
			}
		}
	}
	at(l.link.retryAt)
	at(l.hangUpAt)
	at(l.absence.retryAt)
	at(l.redrive.next)
	if l.draining {
		at(l.over)
		at(l.over.Add(stopPatience))
		at(l.last)
	}
	if l.idle() {
		at(l.busyUntil.Add(l.IdleTime))
	}
	return next.Sub(now)
}

// drain begins the end.
func (l *loop) drain(why string) {
	if l.draining {
		return
	}
	l.draining = true
	l.over = time.Now().Add(l.Grace)
	l.last = l.over.Add(stopPatience + settlePatience)
	l.hangUpAt = time.Now().Add(linger)
	l.absence.retryAt = time.Now() // the last opportunity for messages at their last receive
	l.Logger.Info("draining", "why", why, "running", l.running, "grace", l.Grace)
	l.giveBackWaiting()
}

// openPolls lets receives begin.
func (l *loop) openPolls() {
	l.hangUpAt = time.Time{}
	if l.polling == nil || l.polling.Err() != nil {
		l.polling, l.stopPolls = context.WithCancel(l.calls)
	}
}

// giveBackAll ends without a grace.
func (l *loop) giveBackAll() {
	l.drain("it was told to give everything back")
	l.over = time.Now()
	l.last = l.over.Add(stopPatience + settlePatience)
}

func (l *loop) pause() {
	if l.paused || l.draining {
		return
	}
	l.paused = true
	l.hangUpAt = time.Now().Add(linger)
	l.Logger.Info("paused", "running", l.running)
	l.giveBackWaiting()
}

func (l *loop) resume() {
	if !l.paused || l.draining {
		return
	}
	l.paused = false
	l.busyUntil = time.Now()
	l.openPolls()
	l.Logger.Info("resumed")
}

// publish makes the counts visible outside.
func (l *loop) publish() {
	l.stats.Running, l.stats.Held = l.running, len(l.held)
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.stats = l.stats
}
