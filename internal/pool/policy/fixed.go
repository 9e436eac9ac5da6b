package policy

import "time"

// Fixed keeps a number of workers whatever happens: the classic pool, and the base line of every comparison.
type Fixed struct {
	Workers int
}

// fixedEvery is how soon a worker that ended is replaced.
const fixedEvery = 15 * time.Second

// Cadence is often enough to replace workers that ended.
func (f *Fixed) Cadence() Cadence { return Cadence{Every: fixedEvery} }

// Decide goes to the number.
func (f *Fixed) Decide(o Observation) Decision {
	return o.toward(f.Workers, o.Pool.Min, because("always %d", f.Workers))
}
