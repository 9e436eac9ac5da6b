package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// act decides on an observation and does what was decided.
func (c *Controller) act(ctx context.Context, seen observation) {
	now := time.Now()
	if seen.err != nil {
		if ctx.Err() == nil && c.trouble != seen.err.Error() {
			c.trouble = seen.err.Error()
			c.log.Warn("the queue cannot be observed; the pool stays as it is", "err", seen.err)
		}
		return
	}
	if c.trouble != "" {
		c.trouble = ""
		c.log.Info("the queue is observed again")
	}
	c.each = seen.each
	for i, s := range seen.each {
		c.estimates[i].learn(s)
	}
	c.bill(now)
	c.compare(ctx, now)
	if c.lead(ctx); !c.led {
		c.show()
		return
	}
	d, decided := c.decide(now, seen.demand)
	c.carryOut(ctx, &d, decided)
	if err := c.journal.add(d); err != nil {
		c.log.Error("a decision could not be written down", "err", err)
	}
	c.last = d
	c.show()
	if d.Start > 0 || d.Stop > 0 {
		c.log.Info("decided", "start", d.Start, "stop", d.Stop, "desired", d.Desired, "why", d.Why, "outcome", d.Outcome)
		c.remember(ctx)
	}
}

// decide asks the policy. A pool that is drained or paused needs none.
func (c *Controller) decide(now time.Time, demand bool) (Decision, policy.Decision) {
	o := c.observation(now)
	var decided policy.Decision
	why := ""
	switch {
	case c.drained:
		decided.Stop = c.crew.tally().active()
		why = "drained: no workers are wanted until forebay pool resume"
	case c.paused:
		why = "paused: workers take no messages, and none are started, until forebay pool resume"
	default:
		decided = c.policy.Decide(o)
	}
	d := Decision{At: now, Occasion: "time", Inputs: c.inputs(o), Start: decided.Start, Stop: decided.Stop,
		Keep: decided.Keep, Idle: decided.Idle.Seconds(), Needed: decided.Outlook.Workers}
	if demand {
		d.Occasion = "send"
	}
	if d.Why = why; decided.Why != nil {
		d.Why = decided.Why.String()
	}
	if decided.Outlook.Known && !decided.Outlook.Reachable {
		d.Unreachable = decided.Outlook.String()
	} else {
		d.Needed = 0
	}
	return d, decided
}

// observation is what the policy may know.
func (c *Controller) observation(now time.Time) policy.Observation {
	q := merge(now, c.each, c.estimates)
	if q.Service == 0 {
		q.Service = c.settings.Service
	}
	q.Boot = c.bootTime()
	slots := max(c.settings.Size.Slots, 1)
	return policy.Observation{Now: now, Queue: q, Pool: c.settings.Size, Workers: c.crew.views((q.InFlight + slots - 1) / slots)}
}

// bootTime is what was learned, or else what the settings say.
func (c *Controller) bootTime() time.Duration {
	if b := c.boot.Estimate(); b > 0 {
		return b
	}
	return c.settings.Boot
}

func (c *Controller) inputs(o policy.Observation) Inputs {
	in := Inputs{
		Visible: o.Queue.Visible, InFlight: o.Queue.InFlight, Oldest: o.Queue.OldestAge.Seconds(), Rate: o.Queue.Rate,
		Service: o.Queue.Service.Seconds(), Boot: o.Queue.Boot.Seconds(), Workers: c.crew.tally(),
		Wait: o.Pool.Wait.Seconds(), Min: o.Pool.Min, Max: o.Pool.Max, Limit: o.Pool.Limit(), Slots: max(o.Pool.Slots, 1),
	}
	for _, a := range o.Queue.Future {
		in.Future += a.Count
	}
	return in
}

// carryOut orders and drains, and completes the decision with what came of it.
func (c *Controller) carryOut(ctx context.Context, d *Decision, decided policy.Decision) {
	if !c.paused || c.drained {
		c.idle, c.keep = decided.Idle, decided.Keep
	}
	switch {
	case d.Stop > 0:
		d.Stop, d.Outcome = c.drain(ctx, c.crew.leavers(d.Stop))
	case d.Start > 0 && d.At.Before(c.held):
		d.Start = 0
		d.Outcome = fmt.Sprintf("held back until %s, after %d starts that came to nothing", c.held.Format(time.TimeOnly), c.failures)
	case d.Start > 0:
		if err := c.start(ctx, d.Start, d.Why); err != nil {
			d.Start, d.Outcome = 0, err.Error()
		}
	}
	c.release(ctx)
	d.Desired = c.crew.tally().active()
	c.metrics.scaled(c.settings.Name, d)
}

// start orders workers. What was ordered is remembered first where a later controller has to know it: one that dies
// between the two leaves a successor that waits for workers that do not come, never one that starts them twice.
func (c *Controller) start(ctx context.Context, n int, why string) error {
	epoch, leads := c.leader.Lead()
	if !leads {
		return errors.New("another controller leads now")
	}
	now := time.Now()
	order := Order{Pool: c.settings.Name, Queues: c.queues, Epoch: epoch, Why: why}
	stay := c.keep - c.crew.staying()
	if c.idle <= 0 {
		stay = n
	}
	before := len(c.crew.members)
	for i := range n {
		c.numbered++
		m := &member{id: c.workerID(), started: now, stays: i < stay}
		spec := Spec{ID: m.id, Idle: c.idle}
		if m.stays {
			spec.Idle = 0
		}
		order.Workers = append(order.Workers, spec)
		c.crew.members = append(c.crew.members, m)
	}
	order.Desired = c.crew.tally().active()
	ordering, cancel := context.WithTimeout(ctx, OrderTime)
	defer cancel()
	c.rememberCrew(ordering)
	if _, still := c.leader.Lead(); !still { // remembering took a moment
		c.crew.members = c.crew.members[:before]
		return errors.New("another controller leads now")
	}
	if err := c.driver.Start(ordering, order); err != nil {
		c.crew.members = c.crew.members[:before]
		c.failed(time.Since(now), err.Error(), time.Now())
		return fmt.Errorf("the start order was not accepted: %w", err)
	}
	c.totals.Started += n
	return nil
}

// workerID names a worker so that nobody else has the name, also after a restart.
func (c *Controller) workerID() string {
	return fmt.Sprintf("%s-%d-%s", c.settings.Name, c.numbered, rand.Text()[:6])
}

// drain asks workers to leave.
func (c *Controller) drain(ctx context.Context, leavers []*member) (n int, outcome string) {
	if len(leavers) == 0 {
		return 0, ""
	}
	ids := make([]string, len(leavers))
	for i, m := range leavers {
		ids[i] = m.id
	}
	ordering, cancel := context.WithTimeout(ctx, OrderTime)
	defer cancel()
	switch err := c.driver.Drain(ordering, ids); {
	case errors.Is(err, errors.ErrUnsupported):
		return 0, "this driver cannot ask workers to leave: they do so by themselves when they are idle"
	case err != nil:
		return 0, fmt.Sprintf("the workers could not be asked to leave: %v", err)
	}
	for _, m := range leavers {
		m.draining = true
	}
	return len(leavers), ""
}

// release drains workers that would stay for ever although fewer are to be kept now.
func (c *Controller) release(ctx context.Context) {
	spare := c.crew.staying() - c.keep
	if spare <= 0 || c.idle <= 0 {
		return
	}
	var leavers []*member
	for _, m := range c.crew.leavers(len(c.crew.members)) {
		if m.stays && len(leavers) < spare {
			leavers = append(leavers, m)
		}
	}
	if _, outcome := c.drain(ctx, leavers); outcome != "" {
		c.log.Debug("workers that are not needed for the minimum any more stay", "cause", outcome)
	}
}

// compare brings the crew in line with what can be seen of it.
func (c *Controller) compare(ctx context.Context, now time.Time) {
	s := seen{now: now, consumers: -1, boot: c.bootTime(), idle: c.idle, slots: max(c.settings.Size.Slots, 1)}
	if c.driver.Events() != nil { // it sees them itself; those that do not say that they are ready are taken to be
		for _, m := range c.crew.members {
			if m.booting() && now.Sub(m.started) >= s.boot {
				m.ready = now
			}
		}
		return
	}
	asking, cancel := context.WithTimeout(ctx, OrderTime)
	defer cancel()
	count, err := c.driver.Count(asking)
	switch {
	case err == nil:
		s.count = &count
	case !errors.Is(err, errors.ErrUnsupported):
		c.log.Warn("the driver cannot count its workers", "err", err)
	}
	told := true
	consumers := 0
	for _, e := range c.each {
		told = told && e.Told
		consumers += e.Consumers
		s.work += e.Visible + e.InFlight
	}
	if told {
		s.consumers = consumers
	}
	ch := c.crew.compare(s)
	for _, boot := range ch.boots {
		c.boot.Add(boot)
		c.failures = 0
	}
	c.totals.Ended += len(ch.ended)
	for _, m := range ch.failed {
		c.failed(now.Sub(m.started), "the worker was never seen", now)
	}
}

// lead notes whether this controller leads. One that no longer does has its own workers leave: the new leader does not
// count them. One that has begun to takes over what the last one remembered.
func (c *Controller) lead(ctx context.Context) {
	epoch, leads := c.leader.Lead()
	if leads == c.led {
		return
	}
	c.led = leads
	if leads {
		c.recallCrew(ctx)
		if epoch > 0 {
			c.log.Info("this controller leads", "epoch", epoch)
		}
		return
	}
	c.log.Info("another controller leads: this one stands by, and its workers finish")
	c.forget(ctx)
}

// forget gives up a crew that is another controller's now.
func (c *Controller) forget(ctx context.Context) {
	if c.driver.Events() == nil {
		c.crew.members = nil // they live on under the new leader
		return
	}
	c.drain(ctx, c.crew.leavers(len(c.crew.members)))
}
