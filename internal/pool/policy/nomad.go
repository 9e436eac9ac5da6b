package policy

import (
	"math"
	"time"
)

// Nomad is the target-value strategy of the Nomad Autoscaler on messages per worker, with its defaults:
//
//	m = (visible + in flight) / N, every 10 s
//	desired = N·m/Target rounded up, unless m/Target is within 1 % of 1
//	after a change nothing for five minutes
type Nomad struct {
	Target float64 // messages per worker; above zero

	changed time.Time
}

// The defaults of the Nomad Autoscaler.
const (
	nomadEvery     = 10 * time.Second
	nomadCooldown  = 5 * time.Minute
	nomadThreshold = 0.01
)

// Cadence is the evaluation interval.
func (n *Nomad) Cadence() Cadence { return Cadence{Every: nomadEvery} }

// Decide evaluates the strategy unless it cools down.
func (n *Nomad) Decide(o Observation) Decision {
	if !n.changed.IsZero() && o.Now.Sub(n.changed) < nomadCooldown {
		return Decision{Why: because("cools down since %s", round(o.Now.Sub(n.changed)))}
	}
	have := o.census().total()
	m := o.Queue.Visible + o.Queue.InFlight
	desired := ceil(float64(m) / n.Target)
	if have > 0 && math.Abs(1-float64(m)/(n.Target*float64(have))) <= nomadThreshold {
		desired = have
	}
	d := o.toward(desired, o.Pool.Min, because("%d visible and in flight over %g a worker is %d, of %d", m, n.Target, desired, have))
	if d.Start > 0 || d.Stop > 0 {
		n.changed = o.Now
	}
	return d
}
