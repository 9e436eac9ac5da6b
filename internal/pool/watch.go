package pool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// observation is what the watcher saw of all queues, in their order.
type observation struct {
	each   []Signals
	demand bool // a send, not the time, is the occasion
	err    error
}

// The times of watching.
const (
	askTime = 10 * time.Second // for an answer beyond what was asked to wait

	// A share of the time between two regular decisions lies at least between two answers to demand, so that a backlog
	// which is being worked off does not become a stream of questions.
	paceShare = 20
)

// watch observes the queues until ctx ends: every so often, and in between as soon as there is demand.
func (c *Controller) watch(ctx context.Context) {
	cadence := c.cadence()
	next := time.Now()
	for ctx.Err() == nil {
		if wait := time.Until(next); wait > 0 {
			if cadence.OnSend && c.attentive(ctx, wait) {
				sleep(ctx, min(cadence.Every/paceShare, time.Until(next)))
				continue
			}
			if !sleep(ctx, time.Until(next)) {
				return
			}
		}
		next = time.Now().Add(cadence.Every)
		c.tell(ctx, c.look(ctx))
		cadence = c.cadence()
	}
}

// attentive waits for demand and tells the owner. It answers false when nobody came in time, or this cannot be waited for.
func (c *Controller) attentive(ctx context.Context, wait time.Duration) bool {
	limit, cancel := context.WithTimeout(ctx, wait+askTime)
	defer cancel()
	answers := make(chan error, len(c.sources))
	for _, source := range c.sources {
		go func() {
			s, err := source.Demand(limit, wait)
			if err == nil && s.Visible == 0 {
				err = errNobody
			}
			answers <- err
		}()
	}
	wanted := false
	for range c.sources { // all of them end before this returns; the first that is wanted ends the others
		if err := <-answers; err == nil {
			wanted = true
			cancel()
		}
	}
	if !wanted || ctx.Err() != nil {
		return false
	}
	seen := c.look(ctx)
	seen.demand = true
	c.tell(ctx, seen)
	return true
}

// errNobody says that the wait for demand is over.
var errNobody = errors.New("no demand")

// look asks all queues, one after the other.
func (c *Controller) look(ctx context.Context) observation {
	limit, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	seen := observation{each: make([]Signals, len(c.sources))}
	for i, source := range c.sources {
		s, err := source.Signals(limit)
		if err != nil {
			seen.err = fmt.Errorf("queue %s: %w", c.queues[i], err)
			break
		}
		seen.each[i] = s
	}
	return seen
}

// tell hands an observation to the owner and waits until it has been acted upon.
func (c *Controller) tell(ctx context.Context, seen observation) {
	select {
	case c.observed <- seen:
	case <-ctx.Done():
	}
	select {
	case <-c.acted:
	case <-ctx.Done():
	}
}

// sleep waits; it answers false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
