package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

var full = flag.Bool("full", false, "compare with every setting of the rivals and ten seeds; this takes minutes")

// setting is a pool that the policies are compared on.
type setting struct {
	name       string
	boot, wait time.Duration
}

func settings() []setting {
	return []setting{
		{"boot 60s, objective 60s", time.Minute, time.Minute},
		{"boot 10s, objective 30s", 10 * time.Second, 30 * time.Second},
	}
}

func (s setting) config() Config {
	return Config{
		Pool:  policy.Pool{Wait: s.wait, Max: 400},
		Times: Times{Service: 5 * time.Second, ServiceCV: 1.5, Boot: s.boot, BootSpread: 0.2},
	}
}

// rivals are the policies that slack is compared with, in all settings that somebody might choose by hand.
func rivals() []string {
	var all []string
	for _, window := range []string{"", ",window=60s", ",window=0s"} {
		for _, target := range []string{"1", "1.5", "2", "3", "6", "12", "24"} {
			all = append(all, "keda:target="+target+window)
		}
	}
	for _, target := range []string{"1.2", "6", "12"} {
		all = append(all, "target-tracking:target="+target)
	}
	for _, target := range []string{"1", "2", "6", "12"} {
		all = append(all, "nomad:target="+target)
	}
	return append(all, "age-step")
}

// nearest are the rivals that come closest; the short form of the comparison keeps to them.
func nearest() []string {
	return []string{"keda:target=6,window=0s", "keda:target=24,window=60s", "target-tracking:target=6"}
}

// TestSlackScoresLowest holds the claim that the policy is chosen for: on five of six traces nothing else has a lower
// score, and on the sixth it is within 5 %; and none of its work is lost by scaling.
func TestSlackScoresLowest(t *testing.T) {
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			others, seeds := nearest(), 2
			if *full {
				others, seeds = rivals(), 10
			}
			config := s.config()
			study := Study{Policies: append([]string{"slack"}, others...), Seeds: seeds, Config: config}
			for _, g := range Generators() {
				study.Sources = append(study.Sources, Generated(g, 24*time.Hour, config.Times))
			}
			rows, err := study.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			judge(t, rows, len(study.Policies))
		})
	}
}

// judge reads the rows of each trace, slack's first.
func judge(t *testing.T, rows []Row, policies int) {
	t.Helper()
	lost := 0
	for len(rows) > 0 {
		slack, others := rows[0], rows[1:policies]
		rows = rows[policies:]
		best := others[0]
		for _, o := range others {
			if o.Score < best.Score {
				best = o
			}
		}
		ratio := slack.Score / best.Score
		t.Logf("%-8s slack %s, best of the others %s: %s, ratio %.3f", slack.Trace, cells(slack), best.Policy, cells(best), ratio)
		if ratio > 1 {
			lost++
		}
		if ratio > 1.05 {
			t.Errorf("%s: slack scores %.0f, %s %.0f: %.3f of it, want at most 1.05", slack.Trace, slack.Score, best.Policy, best.Score, ratio)
		}
		if slack.Repeated > 0 || slack.Redelivered > 0 {
			t.Errorf("%s: slack repeated %.1f %% of the work, want none", slack.Trace, 100*slack.Repeated)
		}
	}
	if lost > 1 {
		t.Errorf("slack is beaten on %d traces, want at most one", lost)
	}
}

// cells is a result as in the tables of the documentation: worker-hours / p95 wait / % late.
func cells(r Row) string {
	return fmt.Sprintf("%.4g / %.0f / %.2g", r.WorkerHours, r.WaitP95, 100*r.Late)
}
