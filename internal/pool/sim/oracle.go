package sim

import (
	"cmp"
	"slices"
	"time"
)

// Oracle is the name under which a Study adds the lower bound to its policies.
const Oracle = "oracle"

// LowerBound is what the trace costs at least when no message may wait longer than the objective, even for somebody
// who knows the future: the work itself, and one boot for each worker that the densest stretch of the trace forces to
// be there at once. Real optima lie above it, since workers also wait for work between messages. The waits of the
// result are zero, which nobody could beat either.
func LowerBound(t Trace, c Config) Result {
	slots := float64(max(c.Pool.Slots, 1))
	var due time.Duration
	for _, m := range t.Messages {
		if m.At+c.Pool.Wait+m.Service <= t.Length {
			due += m.Service
		}
	}
	workers := 0.0
	for window := 2 * c.Pool.Wait; window <= t.Length; window *= 2 {
		workers = max(workers, densest(t, c.Pool.Wait, window).Seconds()/window.Seconds()/slots)
	}
	boots := workers * c.Times.Boot.Hours() * (1 - c.Times.BootSpread)
	res := Result{Messages: len(t.Messages), WorkerHours: due.Hours()/slots + boots, Peak: int(workers + 1)}
	res.Score = Score(res.WorkerHours, 0, c.Pool.Wait)
	return res
}

// densest is the most work that must be done from its first to its last second within any window of this length.
func densest(t Trace, wait, window time.Duration) time.Duration {
	// A message lies in a window that begins no later than it is sent, and early enough to end after it is done.
	type edge struct{ at, work time.Duration }
	var edges []edge
	for _, m := range t.Messages {
		if earliest := m.At + wait + m.Service - window; earliest <= m.At {
			edges = append(edges, edge{earliest, m.Service}, edge{m.At + 1, -m.Service})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var inside, most time.Duration
	for i, e := range edges {
		inside += e.work
		if i+1 == len(edges) || edges[i+1].at != e.at {
			most = max(most, inside)
		}
	}
	return most
}
