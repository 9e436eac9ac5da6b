package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNoPolicyLeavesItsPool asks every policy arbitrary questions: it stays between min and max, and never does two
// things at once.
func TestNoPolicyLeavesItsPool(t *testing.T) {
	texts := []string{"slack", "slack:eager=true", "keda:target=3", "keda:target=1,window=0s", "target-tracking:target=6",
		"nomad:target=2", "age-step", "fixed:workers=30"}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				pool := drawPool(t)
				for i := range rapid.IntRange(1, 30).Draw(t, "moments") {
					o := drawObservation(t, pool)
					o.Now = noon.Add(time.Duration(i) * p.Cadence().Every)
					checkDecision(t, o, p.Decide(o))
				}
			})
		})
	}
}

func drawPool(t *rapid.T) Pool {
	low := rapid.IntRange(0, 10).Draw(t, "min")
	return Pool{
		Wait: time.Duration(rapid.IntRange(1, 600).Draw(t, "wait")) * time.Second,
		Min:  low, Max: low + rapid.IntRange(1, 50).Draw(t, "above min"),
		Slots: rapid.IntRange(0, 4).Draw(t, "slots"),
	}
}

func drawObservation(t *rapid.T, pool Pool) Observation {
	number := func(most int, name string) int { return rapid.IntRange(0, most).Draw(t, name) }
	span := func(most int, name string) time.Duration { return time.Duration(number(most, name)) * time.Second }
	o := Observation{Pool: pool, Queue: Queue{
		Visible: number(10_000, "visible"), InFlight: number(100, "in flight"), OldestAge: span(900, "age"),
		Rate: float64(number(100, "rate")), Service: span(300, "service"), Boot: span(300, "boot"),
	}}
	for range number(pool.Max, "workers") {
		state := rapid.SampledFrom([]State{Booting, Idle, Busy, Draining}).Draw(t, "state")
		o.Workers = append(o.Workers, Worker{State: state, Started: noon.Add(-span(300, "started"))})
	}
	return o
}

func checkDecision(t *rapid.T, o Observation, d Decision) {
	have := o.census().total()
	switch {
	case d.Start < 0 || d.Stop < 0 || d.Start > 0 && d.Stop > 0:
		t.Fatalf("start %d and stop %d", d.Start, d.Stop)
	case d.Start > 0 && have+d.Start > o.Pool.Limit():
		t.Fatalf("%d and %d to start are more than %d", have, d.Start, o.Pool.Limit())
	case d.Stop > 0 && have-d.Stop < o.Pool.Min:
		t.Fatalf("%d less %d are fewer than %d", have, d.Stop, o.Pool.Min)
	case d.Why == nil || d.Why.String() == "":
		t.Fatalf("no reason")
	}
}

func TestPoliciesAreReadFromText(t *testing.T) {
	for _, text := range []string{"slack", "slack:idle=30s", "slack:idle=30s,eager=true", "keda", "keda:target=1.5,window=0s",
		"target-tracking:target=12", "nomad", "age-step", "fixed:workers=0"} {
		if _, err := Parse(text); err != nil {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                   `"" is not one of slack, keda`,
		"slick":              `"slick" is not one of`,
		"slack:idle":         `"idle" is not KEY=VALUE`,
		"slack:target=3":     `slack has no setting "target"`,
		"slack:idle=-1s":     `idle: "-1s" is not a duration`,
		"slack:eager=maybe":  `eager: "maybe" is neither true nor false`,
		"keda:target=0":      `target: "0" is not a number of messages above 0`,
		"keda:target=NaN":    `target: "NaN" is not`,
		"keda:window=long":   `window: "long" is not a duration`,
		"fixed":              `workers: "" is not a number of workers`,
		"fixed:workers=-1":   `workers: "-1" is not`,
		"age-step:x=1,":      `"" is not KEY=VALUE`,
		"nomad:target=1,y=2": `nomad has no setting "y"`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want an error with %s", text, err, want)
		}
	}
	if p, _ := Parse("keda:window=0s"); p.(*KEDA).Window >= 0 {
		t.Errorf("a window of 0s is taken as the default, want none")
	}
}

func TestEstimates(t *testing.T) {
	var service Service
	if service.Estimate() != 0 {
		t.Errorf("service time before the first message: %s, want 0", service.Estimate())
	}
	service.Add(10 * time.Second)
	service.Add(60 * time.Second)
	if got, want := service.Estimate(), 11*time.Second; got != want {
		t.Errorf("service time after 10s and 60s: %s, want %s", got, want)
	}

	var boot Boot
	for _, d := range []int{50, 900, 60, 70, 55} {
		boot.Add(s(d))
	}
	if got := boot.Estimate(); got != time.Minute {
		t.Errorf("boot with one very slow of five: %s, want the median of 1m", got)
	}
	for range bootsMax {
		boot.Add(s(5))
	}
	if got := boot.Estimate(); got != s(5) {
		t.Errorf("boot after %d faster ones: %s, want 5s", bootsMax, got)
	}

	var rate Rate
	for i := range 600 {
		rate.Add(noon.Add(s(i)), 4)
	}
	if got := rate.Estimate(noon.Add(s(600))); got < 3.9 || got > 4.1 {
		t.Errorf("rate after ten minutes of 4 a second: %.2f", got)
	}
	if got := rate.Estimate(noon.Add(s(1200))); got > 0.01 {
		t.Errorf("rate ten minutes later: %.2f, want nearly none", got)
	}
}
