package torture

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/history"
)

var (
	torturePoints = flag.Int("torture.points", 300, "power cuts that the service goes through")
	tortureSeed   = flag.Uint64("torture.seed", 1, "seed of the first run; each run of 50 cuts has the next one")
)

// pointsPerRun is how many power cuts one data folder goes through.
const pointsPerRun = 50

// counts says what has happened in a run. But for the first two they count what was acknowledged.
type counts struct {
	cuts, restarts, sends, repeats, deletes, deliveries, deadLetters, moves, purges, drops int
}

// totals sums up the runs.
type totals struct {
	mu         sync.Mutex
	counts     counts
	violations map[history.Kind]int
}

func (s *totals) add(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, more := &s.counts, &w.counts
	c.cuts += more.cuts
	c.restarts += more.restarts
	c.sends += more.sends
	c.repeats += more.repeats
	c.deletes += more.deletes
	c.deliveries += more.deliveries
	c.deadLetters += more.deadLetters
	c.moves += more.moves
	c.purges += more.purges
	c.drops += more.drops
	for _, v := range w.violations {
		s.violations[v.Kind]++
	}
}

// log tells the sum in a few lines.
func (s *totals) log(t *testing.T, runs int, took time.Duration) {
	other := 0
	for kind, n := range s.violations {
		if kind != history.Lost && kind != history.Revived {
			other += n
		}
	}
	c := s.counts
	t.Logf("%d power cuts and %d restarts, %.0f cuts a second, seeds %d to %d\n"+
		"acknowledged: %d sends (%d of them repeated), %d deletes, %d purges, %d queue deletions, %d move tasks\n"+
		"delivered: %d messages, %d of them dead letters\n"+
		"%d lost, %d revived, %d other violations",
		c.cuts, c.restarts, float64(c.cuts)/took.Seconds(), *tortureSeed, *tortureSeed+uint64(runs)-1,
		c.sends, c.repeats, c.deletes, c.purges, c.drops, c.moves, c.deliveries, c.deadLetters,
		s.violations[history.Lost], s.violations[history.Revived], other)
	if runs > 1 && min(c.restarts, c.repeats, c.deletes, c.purges, c.drops, c.moves, c.deadLetters) == 0 { // one run is too short for all
		t.Errorf("the runs have not done all that they should have: %+v", c)
	}
}

// TestPowerCuts cuts the power of a busy service at random moments and holds what the disk has kept against all that
// was acknowledged.
func TestPowerCuts(t *testing.T) {
	sum := totals{violations: make(map[history.Kind]int)}
	runs := (*torturePoints + pointsPerRun - 1) / pointsPerRun
	began := time.Now()
	t.Run("run", func(t *testing.T) {
		for run := range runs {
			seed := *tortureSeed + uint64(run)
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, seed)
					w.torture(pointsPerRun)
					report(t, w, seed)
					sum.add(w)
				})
			})
		}
	})
	sum.log(t, runs, time.Since(began))
}

// report fails the test if anything impossible has happened.
func report(t *testing.T, w *world, seed uint64) {
	if len(w.violations) == 0 {
		return
	}
	var text strings.Builder
	for _, v := range w.violations[:min(len(w.violations), 10)] {
		fmt.Fprintf(&text, "\n\t%v", v)
	}
	about := []string{w.violations[0].Key}
	if m := w.messages[about[0]]; m != nil {
		fmt.Fprintf(&text, "\n\t%s is message %d of %s", m.key, m.seq, m.home.name)
		about[0] = m.home.name
		if m.home.dead != nil {
			about = append(about, m.home.dead.name)
		}
	}
	fmt.Fprintf(&text, "\nwhat the store was asked for:%s", w.trace.of(about...))
	t.Errorf("seed %d, after %d power cuts and %d restarts, %d violations:%s\nrepeat: go test ./internal/torture "+
		"-run TestPowerCuts -count=10 -torture.points=%d -torture.seed=%d",
		seed, w.counts.cuts, w.counts.restarts, len(w.violations), text.String(), pointsPerRun, seed)
}
