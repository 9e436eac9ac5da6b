package broker

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// twoClocks are the sources of a steady clock, set by hand.
type twoClocks struct {
	wall   time.Time
	passed time.Duration
}

func (c *twoClocks) read() (time.Time, time.Duration) { return c.wall, c.passed }

// pass lets real time pass on both.
func (c *twoClocks) pass(d time.Duration) { c.wall, c.passed = c.wall.Add(d), c.passed+d }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestSteadyClock(t *testing.T) {
	for _, row := range []struct {
		name      string
		notBefore time.Time
		step      time.Duration // of the wall clock, before the time passes
		pass      time.Duration
		ahead     time.Duration // of the wall clock at the end
		lines     int           // in the log
	}{
		{"counts real time", time.Time{}, 0, time.Hour, 0, 0},
		{"leaves a small difference alone", time.Time{}, time.Second, time.Hour, -time.Second, 0},
		{"starts where the data ended when that is later", noon.Add(time.Hour), 0, 0, time.Hour, 1},
		{"does not jump forward", time.Time{}, time.Hour, 0, -time.Hour, 1},
		{"does not jump back", time.Time{}, -time.Hour, 0, time.Hour, 1},
		{"runs faster by a tenth to catch up", time.Time{}, time.Hour, 100 * time.Minute, -50 * time.Minute, 1},
		{"runs slower by a tenth to be caught up", time.Time{}, -time.Hour, 100 * time.Minute, 50 * time.Minute, 1},
		{"meets the wall clock in the end", time.Time{}, -time.Hour, 11 * time.Hour, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			source := &twoClocks{wall: noon}
			c := newSteadyClock(source.read, row.notBefore, slog.New(slog.NewTextHandler(&log, nil)))
			c.Now()
			source.wall = source.wall.Add(row.step)
			c.Now()
			for range 100 {
				source.pass(row.pass / 100)
				c.Now()
			}
			if ahead := c.Now().Sub(source.wall); ahead != row.ahead {
				t.Errorf("ahead of the wall clock: got %v, want %v", ahead, row.ahead)
			}
			if lines := strings.Count(log.String(), "\n"); lines != row.lines {
				t.Errorf("got %d log lines, want %d:\n%s", lines, row.lines, log.String())
			}
		})
	}
}

func TestSteadyClockNeverGoesBackAndRunsNearRealTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := &twoClocks{wall: noon}
		c := newSteadyClock(source.read, time.Time{}, slog.New(slog.DiscardHandler))
		before := c.Now()
		for range rapid.IntRange(1, 50).Draw(t, "readings") {
			passed := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "passed"))
			source.pass(passed)
			source.wall = source.wall.Add(time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "step")))
			now := c.Now()
			if off := now.Sub(before) - passed; off.Abs() > passed/10 {
				t.Fatalf("in %v of real time the clock moved %v", passed, now.Sub(before))
			}
			before = now
		}
	})
}
