package policy

import "time"

// AgeStep is the rule that people write first: when the oldest message has waited half the objective, add half as
// many workers again; when nothing has waited for a while, take a tenth away.
//
//	once a minute: age > W*/2: N + N/2 rounded up;  visible = 0 for five minutes: N − N/10 rounded up
//
// It looks at the pain itself, and so acts when the message has waited already; the age says nothing about how many
// workers it takes.
type AgeStep struct {
	calm int // minutes in a row with nothing visible
}

// The steps of the rule.
const (
	ageEvery = time.Minute
	ageCalm  = 5
)

// Cadence is once a minute.
func (a *AgeStep) Cadence() Cadence { return Cadence{Every: ageEvery} }

// Decide makes at most one step.
func (a *AgeStep) Decide(o Observation) Decision {
	n := o.census().total()
	a.calm = inARow(a.calm, o.Queue.Visible == 0)
	desired := n
	switch {
	case o.Queue.OldestAge > o.Pool.Wait/2:
		desired = n + (n+1)/2
		if n == 0 {
			desired = 1
		}
	case a.calm >= ageCalm && o.Queue.InFlight < n:
		desired = n - (n+9)/10
	}
	return o.toward(desired, o.Pool.Min, because("the oldest has waited %s of at most %s, nothing visible for %d minutes: %d of %d",
		round(o.Queue.OldestAge), round(o.Pool.Wait), a.calm, desired, n))
}
