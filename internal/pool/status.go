package pool

import (
	"context"
	"maps"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
	"github.com/forebay-mq/forebay/worker"
)

// Status is what a pool says of itself, as JSON at GET /forebay/v1/pools/{name}.
type Status struct {
	Name    string   `json:"name"`
	Queues  []string `json:"queues"`
	Desired int      `json:"desired"` // workers there should be: what an autoscaler reads
	Reason  string   `json:"reason"`  // why, in words
	Workers tally    `json:"workers"`

	Objective Objective      `json:"objective"`
	Queue     QueueStatus    `json:"queue"`
	Estimates EstimateStatus `json:"estimates"`
	Settings  Shown          `json:"settings"`
	Totals    Totals         `json:"totals"`

	Leads   bool      `json:"leads"`   // false: another controller does
	Drained bool      `json:"drained"` // no workers are wanted until it is resumed
	Paused  bool      `json:"paused"`  // workers stay, but take no messages until it is resumed
	Trouble string    `json:"trouble,omitempty"`
	Time    time.Time `json:"time"`
}

// Objective is the wait objective and whether it can be met.
type Objective struct {
	Wait        float64 `json:"wait_seconds"`
	Reachable   bool    `json:"reachable"`
	Needed      int     `json:"needed,omitempty"` // the number that would do, when it is not
	Unreachable string  `json:"unreachable,omitempty"`
}

// QueueStatus is the queues of a pool taken together.
type QueueStatus struct {
	Visible  int      `json:"visible"`
	InFlight int      `json:"in_flight"`
	Delayed  int      `json:"delayed"`
	Oldest   *float64 `json:"oldest_seconds"` // null: nothing waits, or the server does not tell
}

// EstimateStatus is what was learned. Zero is unknown.
type EstimateStatus struct {
	Service float64 `json:"service_seconds"`
	Boot    float64 `json:"boot_seconds"`
	Rate    float64 `json:"rate"`
}

// Shown are the settings that can be changed while the pool runs.
type Shown struct {
	Policy string  `json:"policy"`
	Wait   float64 `json:"wait_seconds"`
	Min    int     `json:"min"`
	Max    int     `json:"max"`
	Slots  int     `json:"slots"`
	Budget float64 `json:"budget"`
	Price  float64 `json:"price"`
}

// Status tells how the pool is. It answers false when the controller has ended.
func (c *Controller) Status() (Status, bool) {
	var s Status
	ok := c.do(func(context.Context) { s = c.status(time.Now()) })
	return s, ok
}

func (c *Controller) status(now time.Time) Status {
	c.bill(now)
	size := c.settings.Size
	q := merge(now, c.signals(), c.estimates)
	t := c.crew.tally()
	s := Status{
		Name: c.settings.Name, Queues: c.queues, Desired: t.active(), Reason: c.last.Why, Workers: t,
		Objective: Objective{Wait: size.Wait.Seconds(), Reachable: c.last.Unreachable == "", Needed: c.last.Needed, Unreachable: c.last.Unreachable},
		Queue:     QueueStatus{Visible: q.Visible, InFlight: q.InFlight},
		Estimates: EstimateStatus{Service: q.Service.Seconds(), Boot: c.bootTime().Seconds(), Rate: q.Rate},
		Settings: Shown{Policy: c.settings.policy(), Wait: size.Wait.Seconds(), Min: size.Min, Max: size.Max,
			Slots: max(size.Slots, 1), Budget: size.Budget, Price: size.Price},
		Totals: c.totals, Leads: c.led, Drained: c.drained, Paused: c.paused, Trouble: c.trouble, Time: now,
	}
	s.Totals.Wasted = maps.Clone(c.totals.Wasted)
	for _, each := range c.signals() {
		s.Queue.Delayed += each.Delayed
		if each.Told && each.Visible > 0 {
			s.Queue.Oldest = new(q.OldestAge.Seconds())
		}
	}
	return s
}

// Decisions returns the last decisions, oldest first, at most so many. It answers false when the controller has ended.
func (c *Controller) Decisions(most int) ([]Decision, bool) {
	var found []Decision
	ok := c.do(func(context.Context) {
		all := c.journal.last
		found = append(found, all[max(0, len(all)-most):]...)
	})
	return found, ok
}

// Change is new settings for a pool that runs; what is nil stays. They are gone when its controller ends.
type Change struct {
	Policy *string  `json:"policy,omitempty"`
	Wait   *float64 `json:"wait_seconds,omitempty"`
	Min    *int     `json:"min,omitempty"`
	Max    *int     `json:"max,omitempty"`
	Budget *float64 `json:"budget,omitempty"`
	Price  *float64 `json:"price,omitempty"`
	// Drained true has all workers finish and leave, and starts no more; false goes on.
	Drained *bool `json:"drained,omitempty"`
	// Paused true has all workers finish what they have and take no more, and starts none; false goes on. It needs workers
	// that take commands.
	Paused *bool `json:"paused,omitempty"`
	// Worker is told to all workers, and to those that start later. A concurrency is also taken for the pool's slots. It
	// needs workers that take commands.
	Worker *worker.Change `json:"worker,omitempty"`
}

// Set changes settings. All of them are good, or nothing changes and the error is a *[SettingError]. Another error says that
// not all workers could be told; the same change may be made again. It answers false when the controller has ended.
func (c *Controller) Set(change Change) (Status, bool, error) {
	var s Status
	var err error
	ok := c.do(func(ctx context.Context) {
		if err = c.set(ctx, change); err != nil {
			return
		}
		if c.each != nil && ctx.Err() == nil {
			c.act(ctx, observation{each: c.each})
		}
		s = c.status(time.Now())
	})
	return s, ok, err
}

func (c *Controller) set(ctx context.Context, change Change) error {
	next := c.settings
	size := &next.Size
	if change.Wait != nil {
		size.Wait = seconds(min(*change.Wait, 1e9))
	}
	take(&size.Min, change.Min)
	take(&size.Max, change.Max)
	take(&size.Budget, change.Budget)
	take(&size.Price, change.Price)
	take(&next.Policy, change.Policy)
	if change.Worker != nil {
		take(&size.Slots, change.Worker.Concurrency)
	}
	if err := next.Validate(); err != nil {
		return err
	}
	p, err := policy.Parse(next.policy())
	if err != nil {
		return err
	}
	if err := c.tellChange(ctx, change); err != nil {
		return err
	}
	c.mu.Lock()
	if next.Policy != c.settings.Policy {
		c.policy = p
	}
	c.settings = next
	c.mu.Unlock()
	take(&c.drained, change.Drained)
	take(&c.paused, change.Paused)
	return nil
}

func take[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// show moves the gauges.
func (c *Controller) show() {
	slots := max(c.settings.Size.Slots, 1)
	inFlight := 0
	for _, s := range c.signals() {
		inFlight += s.InFlight
	}
	t := c.crew.tally()
	busy := min((inFlight+slots-1)/slots, t.Up)
	c.metrics.workers(c.settings.Name, map[string]int{"starting": t.Booting, "idle": t.Up - busy, "busy": busy, "stopping": t.Draining},
		t.active(), c.last.Unreachable == "", c.led)
}
