package policy

import (
	"testing"
	"time"
)

// noon is when the observations of the tests are made.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// crew makes workers: so many idle ones, busy ones, and for each age a booting one that was started so long ago.
func crew(idle, busy int, boots ...time.Duration) []Worker {
	var all []Worker
	for range idle {
		all = append(all, Worker{State: Idle, Started: noon.Add(-time.Hour), IdleSince: noon.Add(-time.Second)})
	}
	for range busy {
		all = append(all, Worker{State: Busy, Started: noon.Add(-time.Hour)})
	}
	for _, age := range boots {
		all = append(all, Worker{State: Booting, Started: noon.Add(-age)})
	}
	return all
}

// ages repeats an age n times.
func ages(n int, age time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = age
	}
	return all
}

func TestSlackStartsWhatTheWorkNeeds(t *testing.T) {
	pool := Pool{Wait: time.Minute, Max: 400}
	with := func(change func(*Pool)) Pool { p := pool; change(&p); return p }
	queue := func(visible int) Queue {
		return Queue{Visible: visible, Service: 5 * time.Second, Boot: time.Minute}
	}
	for _, test := range []struct {
		name    string
		o       Observation
		slack   Slack
		start   int
		outlook string
	}{
		{name: "nothing to do starts nobody", o: Observation{Queue: queue(0), Pool: pool}},
		{name: "a single message starts a worker from zero", o: Observation{Queue: queue(1), Pool: pool}, start: 1},
		// 500 s of work; a new worker takes max(60−60, 60/2, 5) = 30 s of it: 16.7.
		{name: "a hundred messages start seventeen", o: Observation{Queue: queue(100), Pool: pool}, start: 17},
		// 17 × 30 s = 510 s are on their way already.
		{name: "booting workers count from their start order on", o: Observation{Queue: queue(100), Pool: pool, Workers: crew(0, 0, ages(17, 0)...)}},
		{name: "ten that boot leave seven to start", o: Observation{Queue: queue(100), Pool: pool, Workers: crew(0, 0, ages(10, 0)...)}, start: 7},
		// A worker that is up in 10 s has 50 s left: 10 × 50 = 500.
		{name: "a worker that is nearly up counts more", o: Observation{Queue: queue(100), Pool: pool, Workers: crew(0, 0, ages(10, 50*time.Second)...)}},
		{name: "nine workers that are up can begin 540 s of work in time", o: Observation{Queue: queue(100), Pool: pool, Workers: crew(0, 9)}},
		{name: "workers that drain do not count", o: Observation{Queue: queue(1), Pool: pool, Workers: []Worker{{State: Draining}}}, start: 1},
		{name: "never more workers than messages", start: 3,
			o: Observation{Queue: Queue{Visible: 3, Service: time.Minute, Boot: time.Second}, Pool: with(func(p *Pool) { p.Wait = 2 * time.Second })}},
		{name: "messages in flight keep their workers", start: 3,
			o: Observation{Queue: Queue{Visible: 3, InFlight: 2, Service: time.Minute, Boot: time.Second}, Workers: crew(0, 2),
				Pool: with(func(p *Pool) { p.Wait = 2 * time.Second })}},
		{name: "work that comes within a boot counts, later work does not", start: 4,
			o: Observation{Now: noon, Pool: pool, Queue: Queue{Service: 5 * time.Second, Boot: time.Minute,
				Future: []Arrival{{noon.Add(time.Minute), 20}, {noon.Add(61 * time.Second), 1000}}}}},
		{name: "four slots do the work of four workers", start: 5,
			o: Observation{Queue: queue(100), Pool: with(func(p *Pool) { p.Slots = 4 })}},
		{name: "min is kept without any work", start: 2, o: Observation{Queue: queue(0), Pool: with(func(p *Pool) { p.Min = 2 })}},
		// 2,500 s over 30 s is 83.3.
		{name: "max limits, and the number that would do is told", start: 10, outlook: "objective unreachable without max ≥ 84",
			o: Observation{Queue: queue(500), Pool: with(func(p *Pool) { p.Max = 10 })}},
		{name: "the budget limits too", start: 3, outlook: "objective unreachable without a budget for 84 workers",
			o: Observation{Queue: queue(500), Pool: with(func(p *Pool) { p.Budget, p.Price = 1.5, 0.5 })}},
		{name: "a boot longer than the objective is told", start: 17, outlook: "objective unreachable without min ≥ 17",
			o: Observation{Queue: queue(100), Pool: with(func(p *Pool) { p.Wait = 30 * time.Second })}},
		{name: "an unknown service time is taken as a second", start: 4,
			o: Observation{Queue: Queue{Visible: 100, Boot: time.Minute}, Pool: pool}},
		// λS = 20, and √20 = 4.5.
		{name: "eager keeps up with the arrivals without a backlog", start: 25, slack: Slack{Eager: true},
			o: Observation{Queue: Queue{Rate: 4, Service: 5 * time.Second, Boot: time.Minute}, Pool: pool}},
		{name: "a backlog of millions does not overflow", start: 400, outlook: "objective unreachable without max ≥ 20000000",
			o: Observation{Queue: Queue{Visible: 20_000_000, Service: time.Hour, Boot: time.Minute}, Pool: pool}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.o.Now = noon
			d := test.slack.Decide(test.o)
			if d.Start != test.start || d.Stop != 0 {
				t.Errorf("start %d, stop %d, want start %d: %s", d.Start, d.Stop, test.start, d.Why)
			}
			if got := d.Outlook.String(); got != test.outlook || d.Outlook.Reachable != (test.outlook == "") {
				t.Errorf("outlook %q, reachable %t, want %q", got, d.Outlook.Reachable, test.outlook)
			}
		})
	}
}

func TestSlackRetiresIdleWorkers(t *testing.T) {
	for _, test := range []struct {
		name       string
		slack      Slack
		boot, want time.Duration
	}{
		{"after a quarter of a boot", Slack{}, time.Minute, 15 * time.Second},
		{"after a second at least", Slack{}, 10 * time.Millisecond, time.Second},
		{"after what was asked for", Slack{Idle: 5 * time.Minute}, time.Minute, 5 * time.Minute},
	} {
		d := test.slack.Decide(Observation{Now: noon, Queue: Queue{Boot: test.boot}, Pool: Pool{Wait: time.Minute, Max: 1}})
		if d.Idle != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Idle, test.want)
		}
	}
}

func TestSlackTellsItsReason(t *testing.T) {
	pool := Pool{Wait: time.Minute, Max: 10}
	queue := Queue{Visible: 100, Service: 5 * time.Second, Boot: time.Minute}
	for _, test := range []struct {
		o    Observation
		want string
	}{
		{Observation{Queue: queue, Pool: pool, Workers: crew(1, 1, 0)},
			"100 visible × 5s each = 8m20s of work; 2 up and 1 booting can begin 2m30s of it within 1m0s: start 7 (objective unreachable without max ≥ 15)"},
		{Observation{Queue: queue, Pool: pool, Workers: crew(10, 0)},
			"100 visible × 5s each = 8m20s of work; 10 up and 0 booting can begin 10m0s of it within 1m0s: enough"},
		{Observation{Queue: Queue{Service: time.Second}, Pool: Pool{Wait: time.Minute, Max: 10, Min: 1}},
			"0 visible × 1s each = 0s of work; 0 up and 0 booting can begin 0s of it within 1m0s: enough, but start 1 to be ready for more"},
	} {
		test.o.Now = noon
		if got := (&Slack{}).Decide(test.o).Why.String(); got != test.want {
			t.Errorf("reason\n got %s\nwant %s", got, test.want)
		}
	}
}
