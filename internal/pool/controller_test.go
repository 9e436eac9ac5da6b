package pool

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// fakeQueue is a queue whose signals a test sets. It tells demand, as Forebay does.
type fakeQueue struct {
	mu      sync.Mutex
	now     Signals
	err     error
	changed chan struct{}
}

func newQueue() *fakeQueue {
	return &fakeQueue{now: Signals{Told: true}, changed: make(chan struct{}, 1)}
}

func (q *fakeQueue) set(change func(*Signals)) {
	q.mu.Lock()
	change(&q.now)
	q.mu.Unlock()
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

func (q *fakeQueue) Signals(context.Context) (Signals, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now, q.err
}

func (q *fakeQueue) Demand(ctx context.Context, wait time.Duration) (Signals, error) {
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		if s, err := q.Signals(ctx); err != nil || s.Visible > 0 {
			return s, err
		}
		select {
		case <-q.changed:
		case <-limit.C:
			return q.Signals(ctx)
		case <-ctx.Done():
			return Signals{}, ctx.Err()
		}
	}
}

// fakeDriver notes orders. With a boot time, its workers become ready after it.
type fakeDriver struct {
	boot   time.Duration
	blind  bool // it does not see its workers
	events chan Event

	mu      sync.Mutex
	err     error
	orders  []Order
	at      []time.Time
	drained []string
	alive   map[string]bool
}

func newDriver(boot time.Duration) *fakeDriver {
	return &fakeDriver{boot: boot, events: make(chan Event, 1000), alive: map[string]bool{}}
}

func (d *fakeDriver) Start(_ context.Context, o Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.orders, d.at = append(d.orders, o), append(d.at, time.Now())
	for _, w := range o.Workers {
		d.alive[w.ID] = true
		if d.boot > 0 {
			time.AfterFunc(d.boot, func() { d.events <- Event{ID: w.ID, Kind: Ready, At: time.Now()} })
		}
	}
	return nil
}

func (d *fakeDriver) end(id, cause string) {
	d.mu.Lock()
	delete(d.alive, id)
	d.mu.Unlock()
	d.events <- Event{ID: id, Kind: Ended, At: time.Now(), Cause: cause}
}

func (d *fakeDriver) Drain(_ context.Context, ids []string) error {
	d.mu.Lock()
	d.drained = append(d.drained, ids...)
	d.mu.Unlock()
	for _, id := range ids {
		time.AfterFunc(time.Second, func() { d.end(id, "") })
	}
	return nil
}

func (d *fakeDriver) Count(context.Context) (Count, error) { return Count{}, errors.ErrUnsupported }

func (d *fakeDriver) Events() <-chan Event {
	if d.blind {
		return nil
	}
	return d.events
}

func (d *fakeDriver) Close(ctx context.Context) error {
	var ids []string
	d.mu.Lock()
	for id := range d.alive {
		ids = append(ids, id)
	}
	d.mu.Unlock()
	d.Drain(ctx, ids)
	time.Sleep(2 * time.Second)
	return nil
}

// ids are all workers ordered so far.
func (d *fakeDriver) workers() []Spec {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Spec
	for _, o := range d.orders {
		all = append(all, o.Workers...)
	}
	return all
}

// fakeLeader leads when it is told to.
type fakeLeader struct {
	mu      sync.Mutex
	epoch   int64 // zero: it does not lead
	changed chan struct{}
}

func (l *fakeLeader) Lead() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.epoch > 0
}

func (l *fakeLeader) set(epoch int64) {
	l.mu.Lock()
	l.epoch = epoch
	l.mu.Unlock()
	l.changed <- struct{}{}
}

func (l *fakeLeader) Changed() <-chan struct{} { return l.changed }
func (l *fakeLeader) Resign(context.Context)   {}

// heldMemo is a memory in memory.
type heldMemo struct {
	mu sync.Mutex
	m  *Memo
}

func (h *heldMemo) Load(context.Context) (*Memo, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.m, nil
}

func (h *heldMemo) Save(_ context.Context, m Memo) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.m = &m
	return nil
}

// rig is a controller under test in a bubble.
type rig struct {
	*Controller
	queue  *fakeQueue
	driver *fakeDriver
	stop   func() error
}

func testSettings() Settings {
	return Settings{Name: "orders", Queues: []string{"orders"}, Size: policy.Pool{Wait: time.Minute, Max: 20}, Boot: time.Minute, Service: 5 * time.Second}
}

// running runs a controller in a bubble, and ends it afterwards.
func running(t *testing.T, change func(*Options), f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{queue: newQueue(), driver: newDriver(time.Minute)}
		o := Options{Settings: testSettings(), Sources: []Source{r.queue}, Driver: r.driver}
		if change != nil {
			change(&o)
		}
		var err error
		if r.Controller, err = New(o); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx, context.Background()) }()
		r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
		time.Sleep(100 * time.Millisecond)
		f(t, r)
		if err := r.stop(); err != nil {
			t.Errorf("the controller ended with %v", err)
		}
	})
}

func (r *rig) decided(t *testing.T) Decision {
	t.Helper()
	all, ok := r.Decisions(1)
	if !ok || len(all) == 0 {
		t.Fatal("there is no decision")
	}
	return all[0]
}

func TestFromZeroTheSendItselfStartsAWorker(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		time.Sleep(2 * time.Second) // between two regular decisions
		sent := time.Now()
		r.queue.set(func(s *Signals) { s.Visible = 1 })
		synctest.Wait()
		if len(r.driver.at) != 1 || !r.driver.at[0].Equal(sent) {
			t.Fatalf("ordered at %v, want at the send, %v", r.driver.at, sent)
		}
		if d := r.decided(t); d.Occasion != "send" || d.Start != 1 || d.Inputs.Visible != 1 || !strings.Contains(d.Why, "start 1") {
			t.Errorf("decision %+v", d)
		}
		time.Sleep(50 * time.Second) // it boots: what is on its way counts
		if n := len(r.driver.workers()); n != 1 {
			t.Errorf("%d workers were ordered for one message", n)
		}
	})
}

func TestTheBootIsLearned(t *testing.T) {
	running(t, func(o *Options) { o.Driver.(*fakeDriver).boot = 20 * time.Second }, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 1 })
		time.Sleep(21 * time.Second)
		s, _ := r.Status()
		if s.Estimates.Boot != 20 || s.Workers != (tally{Up: 1}) {
			t.Errorf("boot %v s and workers %+v, want 20 s and one up", s.Estimates.Boot, s.Workers)
		}
	})
}

func TestTheMinimumStaysAndTheOthersLeaveByThemselves(t *testing.T) {
	running(t, func(o *Options) { o.Size.Min = 2 }, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 100 })
		time.Sleep(6 * time.Second)
		stay, leave := 0, 0
		for _, w := range r.driver.workers() {
			if w.Idle == 0 {
				stay++
			} else if w.Idle == 15*time.Second {
				leave++
			}
		}
		if stay != 2 || stay+leave != len(r.driver.workers()) || leave < 10 {
			t.Errorf("%d stay and %d leave after a quarter of a boot, of %d", stay, leave, len(r.driver.workers()))
		}
		r.driver.end(r.driver.workers()[0].ID, "")
		r.queue.set(func(s *Signals) { s.Visible = 0 })
		time.Sleep(10 * time.Second)
		if s, _ := r.Status(); s.Totals.Ended != 1 {
			t.Errorf("%d have ended, want 1", s.Totals.Ended)
		}
	})
}

func TestStartsThatComeToNothingAreHeldBackAndLeftOut(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		r.driver.err = errors.New("no such machine")
		r.queue.set(func(s *Signals) { s.Visible = 1 })
		time.Sleep(10 * time.Minute)
		s, _ := r.Status()
		if s.Workers.active() != 0 || s.Totals.FailedStarts < 8 || s.Totals.FailedStarts > 20 {
			t.Errorf("workers %+v after %d failed starts; want none, and a start a minute at last", s.Workers, s.Totals.FailedStarts)
		}
		if d := r.decided(t); d.Outcome == "" || d.Start != 0 {
			t.Errorf("the decision does not tell: %+v", d)
		}
		r.driver.mu.Lock()
		r.driver.err = nil
		r.driver.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if n := len(r.driver.workers()); n != 1 {
			t.Errorf("%d workers once it works again, want 1", n)
		}
	})
}

func TestLostWorkIsMeasured(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 3 })
		time.Sleep(6 * time.Second)
		r.driver.end(r.driver.workers()[0].ID, "exit status 1") // in its boot, after 6 s
		time.Sleep(2 * time.Minute)
		up := ""
		for _, w := range r.driver.workers()[1:] {
			up = w.ID
		}
		r.driver.end(up, "signal: killed")
		time.Sleep(time.Second)
		s, _ := r.Status()
		if got := s.Totals.Wasted[lostStart]; got < 5 || got > 7 {
			t.Errorf("a failed start cost %v s, want about 6", got)
		}
		if got := s.Totals.Wasted[lostCrash]; got != 5 {
			t.Errorf("a crash cost %v s, want a usual message, 5", got)
		}
	})
}

func TestAnObjectiveOutOfReachIsToldWithTheNumberThatWouldDo(t *testing.T) {
	running(t, func(o *Options) { o.Size.Max = 4 }, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 500 })
		time.Sleep(time.Second)
		s, _ := r.Status()
		if s.Objective.Reachable || s.Objective.Needed != 84 || s.Objective.Unreachable != "objective unreachable without max ≥ 84" || s.Desired != 4 {
			t.Errorf("desired %d, objective %+v", s.Desired, s.Objective)
		}
		if _, _, err := r.Set(Change{Max: new(100)}); err != nil {
			t.Fatal(err)
		}
		if s, _ := r.Status(); !s.Objective.Reachable || s.Desired != 84 {
			t.Errorf("with a higher max: desired %d, objective %+v", s.Desired, s.Objective)
		}
		_, _, err := r.Set(Change{Min: new(5), Max: new(2)})
		if bad, ok := errors.AsType[*SettingError](err); !ok || bad.Key != "min" {
			t.Errorf("min above max: %v", err)
		}
	})
}

func TestADrainedPoolIsEmptyUntilItIsResumed(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 20 })
		time.Sleep(time.Second)
		before := len(r.driver.workers())
		r.Set(Change{Drained: new(true)})
		time.Sleep(time.Minute)
		s, _ := r.Status()
		if s.Desired != 0 || len(r.driver.drained) != before || len(r.driver.workers()) != before || s.Workers != (tally{}) {
			t.Errorf("of %d workers %d were asked to leave, and %+v are there", before, len(r.driver.drained), s.Workers)
		}
		r.Set(Change{Drained: new(false)})
		time.Sleep(time.Second)
		if s, _ := r.Status(); s.Desired != before {
			t.Errorf("desired %d after it was resumed, want %d", s.Desired, before)
		}
	})
}

func TestOnlyTheLeaderStartsWorkers(t *testing.T) {
	leader := &fakeLeader{changed: make(chan struct{}, 1)}
	running(t, func(o *Options) { leader.changed = make(chan struct{}, 1); o.Leader = leader }, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 1 })
		time.Sleep(time.Minute)
		if n := len(r.driver.workers()); n != 0 {
			t.Fatalf("one that stands by has started %d workers", n)
		}
		leader.set(7)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if n := len(r.driver.orders); n != 1 || r.driver.orders[0].Epoch != 7 {
			t.Fatalf("the leader's orders: %+v", r.driver.orders)
		}
		leader.set(0)
		synctest.Wait()
		if len(r.driver.drained) != 1 {
			t.Errorf("its workers were not asked to leave when it stopped leading")
		}
		if s, _ := r.Status(); s.Leads {
			t.Error("it says that it leads")
		}
	})
}

func TestANewLeaderCountsWhatTheLastOneStarted(t *testing.T) {
	memory := &heldMemo{}
	change := func(o *Options) {
		o.Memory = []Memory{memory}
		o.Driver.(*fakeDriver).blind = true
	}
	running(t, change, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 100; s.Told = false })
		time.Sleep(time.Second)
		if n := len(r.driver.workers()); n != 17 {
			t.Fatalf("the first controller has started %d, want 17", n)
		}
	})
	for i := range memory.m.Crew { // each bubble begins at the same time: they were started just before
		memory.m.Crew[i].Started = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	running(t, change, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 100; s.Told = false })
		time.Sleep(10 * time.Second)
		if n := len(r.driver.workers()); n != 0 {
			t.Errorf("the second controller has started %d more", n)
		}
	})
}

func TestWhenTheQueueCannotBeSeenThePoolStaysAsItIs(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 1 })
		time.Sleep(time.Second)
		r.queue.mu.Lock()
		r.queue.err = errors.New("connection refused")
		r.queue.mu.Unlock()
		time.Sleep(time.Minute)
		s, _ := r.Status()
		if s.Trouble == "" || s.Desired != 1 || len(r.driver.drained) != 0 {
			t.Errorf("trouble %q, desired %d, drained %d", s.Trouble, s.Desired, len(r.driver.drained))
		}
	})
}

func TestTheEndOfTheControllerDrains(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		r.queue.set(func(s *Signals) { s.Visible = 4 })
		time.Sleep(time.Second)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if len(r.driver.alive) != 0 || len(r.driver.drained) != len(r.driver.workers()) {
			t.Errorf("%d workers live on", len(r.driver.alive))
		}
		if _, ok := r.Status(); ok {
			t.Error("a controller that has ended answers")
		}
	})
}

func TestDecisionsSurviveTheController(t *testing.T) {
	folder := t.TempDir()
	running(t, func(o *Options) { o.Folder = folder }, func(t *testing.T, r *rig) {
		time.Sleep(time.Minute) // twelve decisions alike
		r.queue.set(func(s *Signals) { s.Visible = 1 })
		time.Sleep(time.Second)
		all, _ := r.Decisions(10)
		if len(all) < 2 || all[0].Repeats < 10 {
			t.Errorf("decisions %+v; want those that say the same counted together", all)
		}
	})
	kept, err := ReadDecisions(folder, "orders", 10)
	if err != nil || len(kept) < 2 || kept[1].Start != 1 {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}
