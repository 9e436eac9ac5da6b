package sim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// script is a policy that carries out what a test says, second by second.
type script struct {
	at   int // seconds so far
	do   map[int]policy.Decision
	idle time.Duration
	keep int
}

func (s *script) Cadence() policy.Cadence { return policy.Cadence{Every: time.Second} }

func (s *script) Decide(policy.Observation) policy.Decision {
	d := s.do[s.at]
	d.Idle, d.Keep = s.idle, s.keep
	s.at++
	return d
}

// jobs are messages at given seconds that take ten seconds each.
func jobs(length time.Duration, at ...int) Trace {
	t := Trace{Name: "jobs", Length: length}
	for _, second := range at {
		t.Messages = append(t.Messages, Message{At: time.Duration(second) * time.Second, Service: 10 * time.Second})
	}
	return t
}

// exact is a pool in which nothing is left to chance: a boot takes five seconds.
func exact() Config {
	return Config{Pool: policy.Pool{Wait: 10 * time.Second, Max: 10}, Times: Times{Service: 10 * time.Second, Boot: 5 * time.Second}}
}

// hours are so many worker-seconds.
func hours(seconds int) float64 { return (time.Duration(seconds) * time.Second).Hours() }

func TestRunsCountedByHand(t *testing.T) {
	start := func(n int) policy.Decision { return policy.Decision{Start: n} }
	for _, test := range []struct {
		name   string
		trace  Trace
		policy *script
		change func(*Config)
		want   Result
	}{
		{
			name:   "one worker serves three messages one after the other",
			trace:  jobs(time.Minute, 0, 0, 0), // waits 5, 15 and 25
			policy: &script{do: map[int]policy.Decision{0: start(1)}},
			want:   Result{Messages: 3, WorkerHours: hours(60), WaitP50: 15, WaitP95: 25, WaitP99: 25, WaitMax: 25, Late: 2. / 3, Starts: 1, Peak: 1},
		},
		{
			name:   "two slots serve two at once",
			trace:  jobs(time.Minute, 0, 0, 0), // waits 5, 5 and 15
			policy: &script{do: map[int]policy.Decision{0: start(1)}},
			change: func(c *Config) { c.Pool.Slots = 2 },
			want:   Result{Messages: 3, WorkerHours: hours(60), WaitP50: 5, WaitP95: 15, WaitP99: 15, WaitMax: 15, Late: 1. / 3, Starts: 1, Peak: 1},
		},
		{
			name:   "a worker that is idle for long enough retires",
			trace:  jobs(time.Minute, 0), // boot 5, work 10, idle 8
			policy: &script{do: map[int]policy.Decision{0: start(1)}, idle: 8 * time.Second},
			want:   Result{Messages: 1, WorkerHours: hours(23), WaitP50: 5, WaitP95: 5, WaitP99: 5, WaitMax: 5, Starts: 1, Peak: 1},
		},
		{
			name:   "what is to be kept does not retire",
			trace:  jobs(time.Minute, 0), // one is idle from 5 to 13 and goes; the other stays
			policy: &script{do: map[int]policy.Decision{0: start(2)}, idle: 8 * time.Second, keep: 1},
			want:   Result{Messages: 1, WorkerHours: hours(13 + 60), WaitP50: 5, WaitP95: 5, WaitP99: 5, WaitMax: 5, Starts: 2, Peak: 2},
		},
		{
			name:   "a busy worker that is told to stop finishes first",
			trace:  jobs(time.Minute, 0),
			policy: &script{do: map[int]policy.Decision{0: start(1), 7: {Stop: 1}}},
			want:   Result{Messages: 1, WorkerHours: hours(15), WaitP50: 5, WaitP95: 5, WaitP99: 5, WaitMax: 5, Starts: 1, Peak: 1},
		},
		{
			name:   "a worker killed in the middle of its work repeats it after the visibility timeout",
			trace:  jobs(time.Minute, 0), // received at 5, told at 7, killed at 10, visible at 25 and served at once
			policy: &script{do: map[int]policy.Decision{0: start(1), 7: {Stop: 1}, 8: start(1)}},
			change: func(c *Config) { c.Kill = Kill{Grace: 3 * time.Second, Visibility: 20 * time.Second} },
			want: Result{Messages: 1, WorkerHours: hours(10 + 52), WaitP50: 25, WaitP95: 25, WaitP99: 25, WaitMax: 25, Late: 1,
				Repeated: 0.5, Redelivered: 1, Starts: 2, Peak: 1},
		},
		{
			name:   "a worker that finishes within its grace repeats nothing",
			trace:  jobs(time.Minute, 0),
			policy: &script{do: map[int]policy.Decision{0: start(1), 7: {Stop: 1}}},
			change: func(c *Config) { c.Kill = Kill{Grace: 8 * time.Second, Visibility: 20 * time.Second} },
			want:   Result{Messages: 1, WorkerHours: hours(15), WaitP50: 5, WaitP95: 5, WaitP99: 5, WaitMax: 5, Starts: 1, Peak: 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := exact()
			if test.change != nil {
				test.change(&c)
			}
			test.want.Score = Score(test.want.WorkerHours, test.want.WaitP95, c.Pool.Wait)
			if diff := cmp.Diff(test.want, Run(test.trace, test.policy, c)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheWorkerThatWasBusyLastWakesFirst(t *testing.T) {
	// Two workers are up at 5. A message every 20 s keeps one of them busy; the other one's timer runs out.
	trace := jobs(2*time.Minute, 10, 30, 50, 70, 90)
	do := map[int]policy.Decision{0: {Start: 2}}
	c := exact()
	last := Run(trace, &script{do: do, idle: 25 * time.Second}, c)
	c.FIFO = true
	first := Run(trace, &script{do: do, idle: 35 * time.Second}, c)
	if want := hours(30 + 120); last.WorkerHours != want {
		t.Errorf("busy last: %.4f worker-hours, want %.4f, since one retires at 30", last.WorkerHours, want)
	}
	if want := hours(120 + 115); first.WorkerHours != want {
		t.Errorf("idle longest: %.4f worker-hours, want %.4f, since the turns keep both until 115", first.WorkerHours, want)
	}
}

func TestFromZeroTheSendItselfDecides(t *testing.T) {
	c := exact()
	trace := jobs(2*time.Minute, 2)
	if got := Run(trace, &policy.Slack{}, c).WaitMax; got != 5 {
		t.Errorf("slack: the message waits %gs, want the boot of 5s and nothing else", got)
	}
	if got := Run(trace, &policy.KEDA{Target: 1}, c).WaitMax; got != 28+5 {
		t.Errorf("KEDA: the message waits %gs, want 33s: the poll at 30s, then the boot", got)
	}
}

func TestWorkThatIsKnownBeforehandFindsItsWorkers(t *testing.T) {
	c := exact()
	trace := jobs(2*time.Minute, 61, 61, 61)
	for i := range trace.Messages {
		trace.Messages[i].Lead = time.Minute
	}
	if got := Run(trace, &policy.Slack{}, c).WaitMax; got != 4 {
		t.Errorf("known beforehand: the last waits %gs, want 4s: decided at 60s, up at 65s", got)
	}
	for i := range trace.Messages {
		trace.Messages[i].Lead = 0
	}
	if got := Run(trace, &policy.Slack{}, c).WaitMax; got != 5 {
		t.Errorf("not known: the last waits %gs, want a boot of 5s", got)
	}
}

// TestEveryMessageIsServedOnce plays all policies on all generators and checks what must hold whatever they decide.
func TestEveryMessageIsServedOnce(t *testing.T) {
	times := Times{Service: 20 * time.Second, ServiceCV: 1.5, Boot: 30 * time.Second, BootSpread: 0.2}
	for _, text := range []string{"slack", "slack:eager=true", "keda:target=2,window=0s", "target-tracking:target=3", "nomad:target=2", "age-step"} {
		for _, g := range Generators() {
			trace := g.Trace(1, 2*time.Hour, times)
			for _, kill := range []Kill{{}, {Grace: 5 * time.Second, Visibility: time.Minute}} {
				c := Config{Pool: policy.Pool{Wait: time.Minute, Min: 1, Max: 40}, Times: times, Seed: 1, Kill: kill, Sample: time.Minute}
				checkRun(t, g.Name+" under "+text, c, Run(trace, mustParse(t, text), c), len(trace.Messages))
			}
		}
	}
}

func mustParse(t *testing.T, text string) policy.Policy {
	t.Helper()
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkRun(t *testing.T, name string, c Config, r Result, messages int) {
	t.Helper()
	if r.Messages != messages {
		t.Errorf("%s: %d messages served, want %d", name, r.Messages, messages)
	}
	if r.Peak > c.Pool.Max {
		t.Errorf("%s: %d workers, max is %d", name, r.Peak, c.Pool.Max)
	}
	if r.Repeated > 0 && c.Kill == (Kill{}) {
		t.Errorf("%s: %.1f %% of the work repeated though nobody was killed", name, 100*r.Repeated)
	}
	if r.Repeated > 0 && (name[len(name)-5:] == "slack") {
		t.Errorf("%s: work was repeated, but its workers leave by themselves", name)
	}
	for _, p := range r.Timeline {
		if p.At > 0 && p.Up+p.Booting < c.Pool.Min {
			t.Errorf("%s: %d workers at %s, min is %d", name, p.Up+p.Booting, p.At, c.Pool.Min)
			return
		}
	}
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	c := settings()[0].config()
	play := func(seed uint64) Result {
		c.Seed = seed
		return Run(Generators()[3].Trace(seed, 6*time.Hour, c.Times), &policy.Slack{}, c)
	}
	if diff := cmp.Diff(play(7), play(7)); diff != "" {
		t.Errorf("seed 7 twice:\n%s", diff)
	}
	if cmp.Equal(play(7), play(8)) {
		t.Errorf("seeds 7 and 8 give the same run")
	}
}

func BenchmarkDay(b *testing.B) {
	c := settings()[0].config()
	for _, g := range Generators() {
		trace := g.Trace(1, 24*time.Hour, c.Times)
		b.Run(g.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Run(trace, &policy.Slack{}, c)
			}
		})
	}
}
