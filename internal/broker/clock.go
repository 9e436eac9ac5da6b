package broker

import (
	"log/slog"
	"time"
)

// Clock tells the time that queues live by. Now must never go backwards.
type Clock interface {
	Now() time.Time
}

// How the steady clock follows the wall clock.
const (
	clockGapMax  = time.Second // a difference up to this is left alone
	clockSlewDiv = 10          // the clock runs at most one tenth faster or slower than real time
)

// steadyClock is the clock of a running server. It starts where the wall clock or the stored data stand,
// whichever is later, and from then on counts real time, so that a jump of the wall clock neither freezes
// messages nor releases them all at once. A difference from the wall clock is made good slowly.
//
// It is not safe for concurrent use: the owner reads it.
type steadyClock struct {
	// read returns the wall clock and the real time passed since some fixed moment.
	read func() (wall time.Time, passed time.Duration)
	log  *slog.Logger

	now     time.Time     // what Now last returned
	wall    time.Time     // the wall clock at that moment
	passed  time.Duration // the real time at that moment
	slewing bool          // on the way to the wall clock
}

// newSteadyClock starts a clock over read that shows no time before notBefore.
func newSteadyClock(read func() (time.Time, time.Duration), notBefore time.Time, log *slog.Logger) *steadyClock {
	wall, passed := read()
	now := wall
	if notBefore.After(now) {
		now = notBefore
	}
	return &steadyClock{read: read, log: log, now: now, wall: wall, passed: passed}
}

// machineTime returns the source of a steadyClock that reads the clocks of this machine.
func machineTime() func() (time.Time, time.Duration) {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0).Add(clockStep()), now.Sub(start) // Round takes the monotonic part away; Sub uses it
	}
}

// Now returns the steady time. It never goes backwards.
func (c *steadyClock) Now() time.Time {
	wall, passed := c.read()
	real := passed - c.passed
	step := wall.Sub(c.wall) - real
	c.now = c.now.Add(real)
	gap := wall.Sub(c.now)

	begins := !c.slewing && gap.Abs() > clockGapMax
	if begins || step.Abs() > clockGapMax {
		c.log.Warn("the wall clock and the queues' clock differ; the queues' clock follows slowly",
			"difference", gap.Round(time.Millisecond), "step", step.Round(time.Millisecond))
	}
	c.slewing = c.slewing || begins
	if c.slewing {
		slew := real / clockSlewDiv
		c.now = c.now.Add(min(max(gap, -slew), slew))
		c.slewing = gap.Abs() > slew
	}
	c.wall, c.passed = wall, passed
	return c.now
}
