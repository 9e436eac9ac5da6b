package policy

import (
	"math"
	"time"
)

// TargetTracking is Amazon EC2 Auto Scaling on the backlog per instance, as its guide for SQS describes:
//
//	metric = visible / workers in service, once a minute
//	above Target for 3 minutes:            visible / Target workers, rounded up
//	below 90 % of Target for 15 minutes:   down towards the same, by a tenth a minute
//
// The Target is the acceptable wait divided by the service time. The periods of the two alarms are those that the
// service creates by itself, and the documentation only says that it goes down more gradually than up: they and the
// tenth are observations. There is always one worker, since the metric is undefined without.
type TargetTracking struct {
	Target float64 // messages per worker; above zero

	above, below int // minutes in a row
}

// The two alarms.
const (
	trackingPeriod = time.Minute
	trackingUp     = 3
	trackingDown   = 15
	trackingLow    = 0.9
)

// Cadence is the period of the metric.
func (t *TargetTracking) Cadence() Cadence { return Cadence{Every: trackingPeriod} }

// Decide takes one point of the metric.
func (t *TargetTracking) Decide(o Observation) Decision {
	c := o.census()
	low := max(o.Pool.Min, 1)
	if c.total() < low {
		return o.toward(low, low, because("%d workers, at least %d", c.total(), low))
	}
	metric := math.Inf(1)
	if c.up > 0 {
		metric = float64(o.Queue.Visible) / float64(c.up)
	} else if o.Queue.Visible == 0 {
		metric = 0
	}
	t.above = inARow(t.above, metric > t.Target)
	t.below = inARow(t.below, metric < trackingLow*t.Target)
	desired := c.total()
	switch tracked := ceil(float64(o.Queue.Visible) / t.Target); {
	case t.above >= trackingUp:
		desired = max(desired, tracked)
	case t.below >= trackingDown:
		desired = min(desired, max(tracked, desired*9/10))
	}
	return o.toward(desired, low,
		because("%.3g visible a worker against %g, %d minutes above and %d below", metric, t.Target, t.above, t.below))
}

// inARow counts on while it holds.
func inARow(n int, holds bool) int {
	if holds {
		return n + 1
	}
	return 0
}
