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

// totals sums up the runs.
type totals struct {
	mu                         sync.Mutex
	cuts, restarts             int
	sends, deletes, deliveries int
	violations                 map[history.Kind]int
}

func (s *totals) add(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts += w.cuts
	s.restarts += w.restarts
	s.sends += w.sends
	s.deletes += w.deletes
	s.deliveries += w.deliveries
	for _, v := range w.violations {
		s.violations[v.Kind]++
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
	other := 0
	for kind, n := range sum.violations {
		if kind != history.Lost && kind != history.Revived {
			other += n
		}
	}
	t.Logf("%d power cuts and %d restarts, %d sends and %d deletes acknowledged, %d messages delivered: "+
		"%d lost, %d revived, %d other violations; seeds %d to %d, %.0f cuts a second",
		sum.cuts, sum.restarts, sum.sends, sum.deletes, sum.deliveries,
		sum.violations[history.Lost], sum.violations[history.Revived], other,
		*tortureSeed, *tortureSeed+uint64(runs)-1, float64(sum.cuts)/time.Since(began).Seconds())
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
	t.Errorf("seed %d, after %d power cuts and %d restarts, %d violations:%s\nrepeat: go test ./internal/torture "+
		"-run TestPowerCuts -count=10 -torture.points=%d -torture.seed=%d",
		seed, w.cuts, w.restarts, len(w.violations), text.String(), pointsPerRun, seed)
}
