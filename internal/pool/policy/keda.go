package policy

import (
	"math"
	"time"
)

// KEDA is what the SQS scaler of KEDA does together with the Kubernetes horizontal pod autoscaler.
//
// The formulae are those of the Kubernetes documentation (horizontal pod autoscaling: algorithm details, default
// behaviour) and of KEDA's aws-sqs-queue scaler:
//
//	m = visible + in flight
//	desired = m / Target rounded up, unless m/(Target·N) is within 10 % of 1
//	up: at most 4 more or twice as many every 15 s; down: the highest recommendation of the last Window
//	0 → 1 at the next poll (30 s) that finds anything; 1 → 0 when nothing was there for five minutes
type KEDA struct {
	// Target is the queueLength setting, messages per worker; above zero.
	Target float64
	// Window is the stabilization window for scaling down; zero is the default of 300 s, negative none.
	Window time.Duration

	asked   int // decisions so far; every second one is a poll
	past    []advice
	lastJob time.Time
}

// advice is a recommendation of the autoscaler and when it was made.
type advice struct {
	at time.Time
	n  int
}

// The defaults of KEDA and of the pod autoscaler.
const (
	kedaSync      = 15 * time.Second
	kedaPolls     = 2 // one poll in so many syncs
	kedaWindow    = 300 * time.Second
	kedaCooldown  = 300 * time.Second
	kedaTolerance = 0.1
	kedaStep      = 4
)

// Cadence is the sync period of the autoscaler.
func (k *KEDA) Cadence() Cadence { return Cadence{Every: kedaSync} }

// Decide takes a poll of KEDA and a sync of the autoscaler.
func (k *KEDA) Decide(o Observation) Decision {
	m := o.Queue.Visible + o.Queue.InFlight
	n := o.census().total()
	poll := k.asked%kedaPolls == 0
	k.asked++
	if m > 0 || k.lastJob.IsZero() {
		k.lastJob = o.Now
	}
	switch {
	case n == 0 && o.Pool.Min == 0:
		k.past = k.past[:0]
		if m == 0 || !poll {
			return Decision{Why: because("%d messages and no worker: the next poll decides", m)}
		}
		return o.toward(1, 1, because("%d messages and no worker: activate with one", m))
	case poll && o.Pool.Min == 0 && o.Now.Sub(k.lastJob) >= kedaCooldown:
		return o.toward(0, 0, because("nothing to do for %s: deactivate", round(o.Now.Sub(k.lastJob))))
	}

	desired := n
	if ratio := float64(m) / (k.Target * float64(n)); math.Abs(1-ratio) > kedaTolerance {
		desired = ceil(float64(m) / k.Target)
	}
	desired = min(desired, max(n+kedaStep, 2*n))
	stable := k.stabilize(o.Now, n, desired)
	return o.toward(stable, max(o.Pool.Min, 1),
		because("%d visible and in flight over %g a worker recommends %d, stabilized %d, of %d", m, k.Target, desired, stable, n))
}

// stabilize remembers a recommendation and answers the highest of the window when it is to go down.
func (k *KEDA) stabilize(now time.Time, n, desired int) int {
	window := k.Window
	if window == 0 {
		window = kedaWindow
	}
	kept := k.past[:0]
	for _, a := range k.past {
		if now.Sub(a.at) < window {
			kept = append(kept, a)
		}
	}
	k.past = append(kept, advice{now, desired})
	if desired >= n {
		return desired
	}
	highest := desired
	for _, a := range k.past {
		highest = max(highest, a.n)
	}
	return min(highest, n)
}
