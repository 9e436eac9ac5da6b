package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// Controller runs one pool. All that changes is owned by the goroutine of Run.
type Controller struct {
	queues  []string
	sources []Source
	driver  Driver
	leader  Leader
	memory  []Memory
	metrics *Metrics
	log     *slog.Logger

	observed chan observation           // from the watcher
	acted    chan struct{}              // to the watcher: the observation has been acted upon
	calls    chan func(context.Context) // from others, to be run by the owner
	ended    chan struct{}              // closed when Run ends

	mu       sync.Mutex // guards settings and policy: the watcher asks for the cadence
	settings Settings
	policy   policy.Policy

	// What follows belongs to the owner.
	crew      crew
	estimates []estimate
	boot      policy.Boot
	journal   *journal
	drained   bool // asked to have no workers
	paused    bool // asked to have workers take no messages
	led       bool // led at the last look
	idle      time.Duration
	keep      int
	last      Decision
	each      []Signals // of the last observation
	numbered  int       // workers so far
	trouble   string    // the last trouble with observing, logged once
	failures  int       // starts in a row that came to nothing
	held      time.Time // no start before
	totals    Totals
	billed    time.Time // worker time is counted up to here
}

// Totals are what a pool has come to since its controller started.
type Totals struct {
	Started       int                `json:"started"`
	Ended         int                `json:"ended"`
	FailedStarts  int                `json:"failed_starts"`
	WorkerSeconds float64            `json:"worker_seconds"` // from start order to end, boots included
	Wasted        map[string]float64 `json:"wasted_seconds"` // by reason
}

// New makes a controller. It starts nothing yet.
func New(o Options) (*Controller, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if len(o.Sources) != len(o.Queues) {
		return nil, fmt.Errorf("%d sources for %d queues", len(o.Sources), len(o.Queues))
	}
	p, err := policy.Parse(o.policy())
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Controller{
		queues: o.Queues, sources: o.Sources, driver: o.Driver, leader: o.Leader, memory: o.Memory, metrics: o.Metrics,
		log: o.Log.With("pool", o.Name), settings: o.Settings, policy: p,
		observed: make(chan observation), acted: make(chan struct{}), calls: make(chan func(context.Context)), ended: make(chan struct{}),
		estimates: make([]estimate, len(o.Queues)), totals: Totals{Wasted: map[string]float64{}},
	}
	if c.leader == nil {
		c.leader = alone{}
	}
	if c.journal, err = openJournal(o.Folder, o.Name); err != nil {
		return nil, err
	}
	return c, nil
}

// alone is the leader where there is one controller.
type alone struct{}

// Lead implements Leader.
func (alone) Lead() (int64, bool) { return 0, true }

// Changed implements Leader.
func (alone) Changed() <-chan struct{} { return nil }

// Resign implements Leader.
func (alone) Resign(context.Context) {}

// Name is the name of the pool.
func (c *Controller) Name() string { return c.settings.Name }

// cadence is how often to decide.
func (c *Controller) cadence() policy.Cadence {
	c.mu.Lock()
	defer c.mu.Unlock()
	cadence := c.policy.Cadence()
	if c.settings.Every > 0 {
		cadence.Every = c.settings.Every
	}
	return cadence
}

// Run runs the pool until ctx ends, then closes the driver, which lets its workers finish. The end of grace bounds that:
// then they are ended. It must be called once.
func (c *Controller) Run(ctx, grace context.Context) error {
	defer close(c.ended)
	c.recall(ctx)
	c.billed = time.Now()
	var watcher sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	watcher.Go(func() { c.watch(watching) })
	for ctx.Err() == nil {
		c.turn(ctx)
	}
	stop()
	watcher.Wait()
	c.remember(context.WithoutCancel(ctx))
	c.leader.Resign(context.WithoutCancel(ctx))
	err := c.close(grace)
	return errors.Join(err, c.journal.close())
}

// turn waits for the next thing that happens, and acts on it.
func (c *Controller) turn(ctx context.Context) {
	select {
	case <-ctx.Done():
	case seen := <-c.observed:
		c.act(ctx, seen)
		select {
		case c.acted <- struct{}{}:
		case <-ctx.Done():
		}
	case e := <-c.driver.Events():
		c.event(e)
	case call := <-c.calls:
		call(ctx)
	case <-c.leader.Changed():
		c.lead(ctx)
	}
}

// close ends the driver and goes on listening to it and to calls meanwhile.
func (c *Controller) close(grace context.Context) error {
	closed := make(chan error, 1)
	go func() { closed <- c.driver.Close(grace) }()
	for {
		select {
		case err := <-closed:
			for {
				select {
				case e := <-c.driver.Events():
					c.event(e)
				default:
					c.bill(time.Now())
					c.show()
					return err
				}
			}
		case e := <-c.driver.Events():
			c.event(e)
		case call := <-c.calls:
			call(grace)
		}
	}
}

// do has the owner run a function and waits for it. It answers false when the controller has ended.
func (c *Controller) do(f func(context.Context)) bool {
	done := make(chan struct{})
	select {
	case c.calls <- func(ctx context.Context) { defer close(done); f(ctx) }:
		<-done
		return true
	case <-c.ended:
		return false
	}
}

// event takes in what became of a worker.
func (c *Controller) event(e Event) {
	m := c.crew.find(e.ID)
	if m == nil {
		return
	}
	c.bill(time.Now())
	switch e.Kind {
	case Ready:
		if !m.told {
			m.told = true
			m.ready = e.At
			c.boot.Add(e.At.Sub(m.started))
			c.failures = 0
		}
	case Leaving:
		m.draining = true
	case Ended:
		c.crew.remove(m)
		c.totals.Ended++
		c.lost(m, e)
	}
	c.show()
}

// The reasons for which work or time is lost.
const (
	lostStart   = "failed_start" // from the start order to the end of a worker that never asked for a message
	lostCrash   = "crashed"      // what a worker worked on when it ended by itself: a usual message for each slot
	lostAtClose = "killed"       // the same, when the controller's end came before the worker's
)

// The wait after starts that came to nothing, doubled with each of them.
const (
	holdMin = time.Second
	holdMax = time.Minute
)

// lost counts what an end cost, and holds further starts back when workers end before they are up.
func (c *Controller) lost(m *member, e Event) {
	lived := e.At.Sub(m.started)
	switch {
	case e.Cause == "" && (m.told || lived >= holdMin):
		return // it left by itself
	case m.draining && m.booting():
		return // it was not wanted any more
	case m.booting() || e.Cause == "":
		c.failed(lived, cmp.Or(e.Cause, "it ended at once"), e.At)
		return
	}
	reason := lostCrash
	if e.Cause == CauseKilled {
		reason = lostAtClose
	}
	usual := merge(e.At, c.signals(), c.estimates).Service * time.Duration(max(c.settings.Size.Slots, 1))
	c.waste(reason, min(usual, e.At.Sub(m.ready)))
	c.metrics.restart(c.settings.Name, reason)
	c.log.Warn("a worker has ended in the middle of its life", "worker", m.id, "cause", e.Cause)
}

// CauseKilled is the cause of an end that the driver brought about when it was closed.
const CauseKilled = "killed at the end of the controller"

// failed notes a start that came to nothing.
func (c *Controller) failed(took time.Duration, cause string, now time.Time) {
	c.failures++
	hold := min(holdMin<<min(c.failures-1, 10), holdMax)
	c.held = now.Add(hold)
	c.totals.FailedStarts++
	c.waste(lostStart, took)
	c.metrics.restart(c.settings.Name, lostStart)
	c.log.Warn("a start came to nothing", "cause", cause, "next start in", hold)
}

func (c *Controller) waste(reason string, d time.Duration) {
	c.totals.Wasted[reason] += d.Seconds()
	c.metrics.waste(c.settings.Name, reason, d.Seconds())
}

// bill counts worker time up to now.
func (c *Controller) bill(now time.Time) {
	if d := now.Sub(c.billed).Seconds(); d > 0 {
		c.totals.WorkerSeconds += d * float64(len(c.crew.members))
		c.metrics.workerSeconds(c.settings.Name, d*float64(len(c.crew.members)))
		c.billed = now
	}
}

// signals are those of the last observation, or nothing.
func (c *Controller) signals() []Signals {
	if c.each == nil {
		return make([]Signals, len(c.sources))
	}
	return c.each
}
