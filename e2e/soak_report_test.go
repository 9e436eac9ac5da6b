//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/history"
)

// How the trend of a soak is judged.
const (
	trendRounds     = 6    // at least, or there is none
	trendGrowth     = 1.25 // the later half may have so many times as much as the earlier, and
	trendMemory     = 32 << 20
	trendGoroutines = 30 // so much more
)

// soakSummary is what a soak amounts to.
type soakSummary struct {
	Seed       uint64            `json:"seed"`
	Seconds    float64           `json:"seconds"`
	Faults     map[string]int    `json:"faults"`
	LeftOut    []string          `json:"leftOut,omitempty"`
	Rounds     []soakRoundReport `json:"rounds"`
	Violations int               `json:"violations"`
	Events     int               `json:"events"`
	Acked      int               `json:"acknowledged"`
	Delivered  int               `json:"delivered"`
	Again      int               `json:"redelivered"`
	Deleted    int               `json:"deleted"`
	Ready      float64           `json:"slowestStartSeconds"`
	SendAgain  float64           `json:"slowestSendAfterFaultSeconds"`
	MemoryHour float64           `json:"memoryBytesAnHour"` // slope after the first third, at rest
	GoHour     float64           `json:"goroutinesAnHour"`
}

// soakRoundReport is what a round amounts to.
type soakRoundReport struct {
	Round      int             `json:"round"`
	Seed       uint64          `json:"seed"`
	Verdict    history.Verdict `json:"verdict"`
	RSS        float64         `json:"residentBytes"` // of the server, after the drain
	Goroutines float64         `json:"goroutines"`
	SendAgain  float64         `json:"slowestSendAfterFaultSeconds"`
}

// String says it in a line.
func (r soakRoundReport) String() string {
	v := r.Verdict
	return fmt.Sprintf("round %d: %d events, %d acknowledged, %d delivered, %d again, %d deleted, %d dead letters, %d crashes, %d undecided, %d violations; "+
		"at rest %.0f MiB, %.0f goroutines", r.Round, v.Events, v.Acknowledged, v.Delivered, v.Redelivered, v.Deleted, v.DeadLetters, v.Crashes,
		v.Undecided, len(v.Violations), r.RSS/(1<<20), r.Goroutines)
}

func (s *soakSummary) add(r soakRoundReport) {
	v := r.Verdict
	s.Violations += len(v.Violations)
	s.Events += v.Events
	s.Acked += v.Acknowledged
	s.Delivered += v.Delivered
	s.Again += v.Redelivered
	s.Deleted += v.Deleted
	s.SendAgain = max(s.SendAgain, r.SendAgain)
	s.Rounds = append(s.Rounds, r)
}

// ready notes how long a start took.
func (s *soakSummary) ready(took time.Duration) { s.Ready = max(s.Ready, took.Seconds()) }

// String is the report for people.
func (s soakSummary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "soak of %.0f s, seed %d, %d rounds: %d events, %d messages acknowledged, %d delivered, %d deliveries again, %d deleted\n",
		s.Seconds, s.Seed, len(s.Rounds), s.Events, s.Acked, s.Delivered, s.Again, s.Deleted)
	b.WriteString("faults:")
	for _, name := range slices.Sorted(maps.Keys(s.Faults)) {
		fmt.Fprintf(&b, " %s %d", name, s.Faults[name])
	}
	if len(s.Faults) == 0 {
		b.WriteString(" none")
	}
	fmt.Fprintf(&b, "; slowest start %.2f s, slowest first send after a fault %.2f s\n", s.Ready, s.SendAgain)
	for _, reason := range s.LeftOut {
		fmt.Fprintf(&b, "left out: %s\n", reason)
	}
	fmt.Fprintf(&b, "memory %+.1f MiB an hour, goroutines %+.0f an hour (at rest, after the first third)\n", s.MemoryHour/(1<<20), s.GoHour)
	fmt.Fprintf(&b, "violations: %d", s.Violations)
	return b.String()
}

// sample reads memory and goroutines of the server.
func (s *soak) sample() (rss, goroutines float64) {
	for name, into := range map[string]*float64{"process_resident_memory_bytes": &rss, "go_goroutines": &goroutines} {
		value, err := strconv.ParseFloat(s.p.metric(name), 64)
		if err != nil {
			s.t.Errorf("the metric %s: %v", name, err)
		}
		*into = value
	}
	return rss, goroutines
}

// trend fails the test when memory or goroutines have grown from the earlier to the later half of the soak. The first
// third is warm-up.
func (s *soakSummary) trend(t *testing.T) {
	t.Helper()
	warm := s.Rounds[len(s.Rounds)/3:]
	var rss, goroutines []float64
	for _, r := range warm {
		rss, goroutines = append(rss, r.RSS), append(goroutines, r.Goroutines)
	}
	hour := 3600 / (s.Seconds / float64(max(len(s.Rounds), 1)))
	s.MemoryHour, s.GoHour = slope(rss)*hour, slope(goroutines)*hour
	if len(s.Rounds) < trendRounds {
		return
	}
	if before, after := halves(rss); after > trendGrowth*before+trendMemory {
		t.Errorf("memory at rest grew from %.0f to %.0f MiB", before/(1<<20), after/(1<<20))
	}
	if before, after := halves(goroutines); after > trendGrowth*before+trendGoroutines {
		t.Errorf("goroutines at rest grew from %.0f to %.0f", before, after)
	}
}

// slope is how much values grow from one to the next, by least squares.
func slope(values []float64) float64 {
	n := float64(len(values))
	var x, y, xx, xy float64
	for i, v := range values {
		x += float64(i)
		y += v
		xx += float64(i) * float64(i)
		xy += float64(i) * v
	}
	if n < 2 {
		return 0
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// halves are the medians of the earlier and the later half.
func halves(values []float64) (before, after float64) {
	median := func(part []float64) float64 {
		sorted := slices.Sorted(slices.Values(part))
		return sorted[len(sorted)/2]
	}
	return median(values[:len(values)/2]), median(values[len(values)/2:])
}
