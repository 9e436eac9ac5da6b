package policy

import (
	"testing"
	"time"
)

// moment is one question to a policy, and the answer it must give.
type moment struct {
	at       time.Duration // after noon
	visible  int
	inFlight int
	age      time.Duration
	up       int
	booting  int
	start    int
	stop     int
	why      string // what to tell when the answer is wrong
}

// play asks a policy one moment after the other.
func play(t *testing.T, p Policy, pool Pool, moments []moment) {
	t.Helper()
	for _, m := range moments {
		workers := crew(m.up, 0, ages(m.booting, 0)...)
		d := p.Decide(Observation{Now: noon.Add(m.at), Pool: pool, Workers: workers,
			Queue: Queue{Visible: m.visible, InFlight: m.inFlight, OldestAge: m.age}})
		if d.Start != m.start || d.Stop != m.stop {
			t.Errorf("at %s: start %d, stop %d, want %d and %d, since %s (it says: %s)", m.at, d.Start, d.Stop, m.start, m.stop, m.why, d.Why)
		}
	}
}

// s is a number of seconds.
func s(n int) time.Duration { return time.Duration(n) * time.Second }

func TestKEDAFollowsTheAutoscaler(t *testing.T) {
	pool := Pool{Wait: time.Minute, Max: 20}
	t.Run("activation waits for a poll, deactivation for five minutes", func(t *testing.T) {
		play(t, &KEDA{Target: 10}, pool, []moment{
			{at: 0, why: "there is nothing"},
			{at: s(15), visible: 50, why: "this is no poll"},
			{at: s(30), visible: 50, start: 1, why: "the poll activates"},
			{at: s(45), booting: 1, visible: 50, start: 4, why: "50/10 is 5, and 4 more are allowed"},
			{at: s(60), up: 1, why: "nothing is left, but the highest of five minutes is 5"},
			{at: s(345), up: 1, why: "this is no poll"},
			{at: s(360), up: 1, stop: 1, why: "nothing was there for more than five minutes"},
		})
	})
	t.Run("up is limited to twice as many or four more", func(t *testing.T) {
		play(t, &KEDA{Target: 1}, pool, []moment{
			{at: 0, visible: 100, up: 2, start: 4, why: "2 + 4"},
			{at: s(15), visible: 100, up: 2, booting: 4, start: 6, why: "twice 6"},
			{at: s(30), visible: 100, up: 12, start: 8, why: "max is 20"},
		})
	})
	t.Run("within a tenth nothing changes", func(t *testing.T) {
		play(t, &KEDA{Target: 10}, pool, []moment{
			{at: 0, visible: 40, inFlight: 3, up: 4, why: "43/40 is less than 1.1"},
			{at: s(15), visible: 41, inFlight: 4, up: 4, start: 1, why: "45/40 is more than 1.1"},
		})
	})
	t.Run("down takes the highest recommendation of the window", func(t *testing.T) {
		play(t, &KEDA{Target: 1, Window: time.Minute}, pool, []moment{
			{at: 0, visible: 10, up: 10, why: "10 is right"},
			{at: s(15), visible: 6, up: 10, why: "10 was right a moment ago"},
			{at: s(30), visible: 3, up: 10, why: "and still is"},
			{at: s(60), visible: 3, up: 10, stop: 4, why: "6 is the highest of the last minute"},
		})
	})
	t.Run("a window of zero does not wait", func(t *testing.T) {
		play(t, &KEDA{Target: 1, Window: -1}, pool, []moment{
			{at: 0, visible: 10, up: 10, why: "10 is right"},
			{at: s(15), visible: 3, up: 10, stop: 7, why: "3 are enough"},
		})
	})
}

func TestTargetTrackingWaitsForItsAlarms(t *testing.T) {
	// The example of the guide: 1,500 messages, 10 instances and a target of 100 make 15 instances.
	up := []moment{
		{at: s(0), visible: 1500, up: 10, why: "one minute above"},
		{at: s(60), visible: 1500, up: 10, why: "two minutes above"},
		{at: s(120), visible: 1500, up: 10, start: 5, why: "three minutes above"},
		{at: s(180), visible: 1500, up: 10, booting: 5, why: "five are booting"},
	}
	play(t, &TargetTracking{Target: 100}, Pool{Wait: time.Minute, Max: 100}, up)

	var down []moment
	for i := range 14 {
		down = append(down, moment{at: s(60 * i), up: 30, why: "not yet fifteen minutes below"})
	}
	down = append(down,
		moment{at: s(60 * 14), up: 30, stop: 3, why: "a tenth"},
		moment{at: s(60 * 15), up: 27, stop: 3, why: "another tenth, rounded up"},
		moment{at: s(60 * 16), up: 24, visible: 24*90 + 1, why: "more than nine tenths of the target"},
		moment{at: s(60 * 17), up: 24, why: "the count begins again"})
	play(t, &TargetTracking{Target: 100}, Pool{Wait: time.Minute, Max: 100}, down)

	play(t, &TargetTracking{Target: 100}, Pool{Wait: time.Minute, Max: 100}, []moment{{start: 1, why: "the metric needs one worker"}})
}

func TestNomadCoolsDownAfterAChange(t *testing.T) {
	play(t, &Nomad{Target: 2}, Pool{Wait: time.Minute, Max: 100}, []moment{
		{at: 0, visible: 10, start: 5, why: "10/2"},
		{at: s(10), visible: 40, booting: 5, why: "it cools down"},
		{at: s(299), visible: 40, up: 5, why: "it still does"},
		{at: s(300), visible: 30, inFlight: 10, up: 5, start: 15, why: "40/2"},
		{at: s(600), visible: 40, up: 20, why: "exactly on target"},
		{at: s(610), up: 20, stop: 20, why: "nothing to do"},
	})
}

func TestAgeStepActsWhenItIsLate(t *testing.T) {
	play(t, &AgeStep{}, Pool{Wait: time.Minute, Max: 100}, []moment{
		{at: 0, visible: 1, age: s(30), why: "not more than half the objective"},
		{at: s(60), visible: 1, age: s(31), start: 1, why: "the first worker"},
		{at: s(120), visible: 9, age: s(50), up: 5, start: 3, why: "half of five, rounded up"},
		{at: s(180), up: 8, why: "calm for a minute"},
		{at: s(240), up: 8, why: "calm for two"},
		{at: s(300), up: 8, why: "calm for three"},
		{at: s(360), up: 8, why: "calm for four"},
		{at: s(420), up: 8, inFlight: 8, why: "everybody works"},
		{at: s(480), up: 8, inFlight: 7, stop: 1, why: "a tenth, rounded up"},
	})
}

func TestFixedKeepsItsNumber(t *testing.T) {
	play(t, &Fixed{Workers: 4}, Pool{Wait: time.Minute, Max: 100}, []moment{
		{at: 0, start: 4, why: "there is none"},
		{at: s(15), up: 3, booting: 1, visible: 99, why: "whatever waits"},
		{at: s(30), up: 3, start: 1, why: "one has ended"},
		{at: s(45), up: 5, stop: 1, why: "one is too many"},
	})
}
