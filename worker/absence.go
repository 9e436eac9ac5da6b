package worker

import (
	"context"
	"time"
)

const (
	absenceBackoffMin = time.Second // between messages that find out
	absenceBackoffMax = 30 * time.Second
	readyRetry        = 2 * time.Second  // between questions while the answer is no
	absenceRemind     = 5 * time.Minute  // until the same reason is logged again
	readyEvery        = time.Second      // between questions while the worker waits for messages
	readyTimeout      = 10 * time.Second // of one question
	trialPatience     = time.Second      // after which a handler that was begun to find out counts as there
)

// presence is whether handlers can be started.
type presence int

const (
	present presence = iota
	away             // nothing is received or started until retryAt
	trying           // it may be back: one message finds out
)

// absence is what the loop knows of a handler that cannot be started, see [Unavailable].
//
//	present --unavailable, not ready--> away --retryAt, ready--> trying --begun and not unavailable--> present
//	                                     ^-----------unavailable----'
//
// Where [Options.Ready] is given, a worker begins as away, and the first good answer makes it present.
type absence struct {
	state   presence
	since   time.Time
	tries   int       // messages in a row that have found it away; at least 1 when it was asked and is
	retryAt time.Time // away: when to find out; present: when to ask again
	asking  bool      // Options.Ready is on its way
	trials  int       // handlers at work that find out
	said    string    // the reason that was last logged
	saidAt  time.Time
}

// findOut ends a trial that has gone well, and begins one when that is due and cannot be asked.
func (l *loop) findOut(now time.Time) {
	a := &l.absence
	for _, d := range l.held {
		if d.trial && d.state == running && !now.Before(d.begun.Add(trialPatience)) {
			l.back(d)
		}
	}
	if a.state == away && l.Ready == nil && !now.Before(a.retryAt) {
		a.state = trying
	}
}

// askReady asks whether the handler is there, when that is due: while receives wait, and while it is away.
func (l *loop) askReady(now time.Time) {
	a := &l.absence
	waits := a.state == present && l.polls > 0 && !l.paused && !l.draining
	if l.Ready == nil || a.asking || now.Before(a.retryAt) || !waits && a.state != away || l.draining && len(l.held) == 0 {
		return
	}
	a.asking = true
	l.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(l.calls, readyTimeout)
		defer cancel()
		err := l.Ready(ctx)
		l.report(func(l *loop) { l.onReady(err) })
	})
}

// report has the loop do something, unless it has ended.
func (l *loop) report(do func(*loop)) {
	select {
	case l.w.told <- do:
	case <-l.gone:
	}
}

// onReady goes on with the answer of Options.Ready.
func (l *loop) onReady(err error) {
	a := &l.absence
	a.asking = false
	switch {
	case err != nil && l.calls.Err() == nil:
		l.missing(err)
		a.tries = max(a.tries, 1)
		a.retryAt = time.Now().Add(readyRetry)
	case a.state == away && a.tries == 0: // the worker's first question
		l.returned()
	case a.state == away:
		a.state = trying
	default:
		a.retryAt = time.Now().Add(readyEvery)
	}
}

// missing notes that the handler is not there.
func (l *loop) missing(err error) {
	a, now := &l.absence, time.Now()
	if a.state == present || a.tries == 0 {
		a.since = now
		l.hangUpAt = now.Add(linger) // receives were begun for a handler that was there
	}
	a.state = away
	if text := err.Error(); text != a.said || !now.Before(a.saidAt.Add(absenceRemind)) {
		a.said, a.saidAt = text, now
		l.Logger.Error("the handler is not there; nothing is received until it is, and what is in hand is kept",
			"err", err, "held", len(l.held), "for", now.Sub(a.since).Round(time.Second))
	}
}

// notStarted takes back a message whose handler has said that it is not there.
func (l *loop) notStarted(d *delivery, err error) {
	l.missing(err)
	a := &l.absence
	a.retryAt = time.Now().Add(min(absenceBackoffMin<<min(a.tries, 10), absenceBackoffMax))
	a.tries++
	d.state, d.stopped, d.left = waiting, false, false
	if l.paused || l.draining {
		l.giveBackWaiting()
	}
}

// back notes that the handler of d, which was to find out, is there.
func (l *loop) back(d *delivery) {
	d.trial = false
	l.absence.trials--
	if l.absence.state == trying {
		l.returned()
	}
}

// returned goes on as usual.
func (l *loop) returned() {
	a, now := &l.absence, time.Now()
	if a.tries > 0 {
		l.Logger.Info("the handler is there again", "after", now.Sub(a.since).Round(time.Millisecond))
	}
	*a = absence{retryAt: now.Add(readyEvery), trials: a.trials}
	l.busyUntil = now
	l.openPolls()
}
