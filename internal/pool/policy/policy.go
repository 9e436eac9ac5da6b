package policy

import (
	"fmt"
	"math"
	"time"
)

// Policy sizes one pool. It is not safe for concurrent use.
type Policy interface {
	// Decide says what to do now. Times of successive observations must not run backwards.
	Decide(o Observation) Decision
	// Cadence says when Decide wants to be asked.
	Cadence() Cadence
}

// Cadence is when a policy wants to be asked.
type Cadence struct {
	Every  time.Duration // between two regular decisions; above zero
	OnSend bool          // also at each send that finds no free slot
}

// Observation is all that a policy may know. The policy keeps none of its slices.
type Observation struct {
	Now     time.Time
	Queue   Queue
	Pool    Pool
	Workers []Worker // those that were told to start and have neither ended nor been given up, in any order
}

// Queue is what the queue tells of itself.
type Queue struct {
	Visible   int           // messages that could be received now
	InFlight  int           // messages received and neither deleted nor given back
	OldestAge time.Duration // how long the oldest visible message has waited; zero when there is none
	Future    []Arrival     // work that is known to come: delays that end, schedules, a stage before this one
	Rate      float64       // messages that arrive in a second, lately
	Service   time.Duration // estimate of S; zero is unknown, and ServiceGuess counts
	Boot      time.Duration // estimate of B; zero is a worker that is ready at once
}

// service returns S, or the guess while it is unknown.
func (q Queue) service() time.Duration {
	if q.Service <= 0 {
		return ServiceGuess
	}
	return q.Service
}

// Arrival is a number of messages that will become visible at a known time.
type Arrival struct {
	At    time.Time
	Count int
}

// ServiceGuess stands for the service time of a queue from which nothing has been finished yet.
const ServiceGuess = time.Second

// Pool is what its owner asked for.
type Pool struct {
	Wait  time.Duration // W*; above zero
	Min   int           // workers that are always there
	Max   int           // never more than these; above zero
	Slots int           // c, messages that a worker takes at once; zero means 1

	// Budget is what the pool may spend in an hour and Price what a worker costs in an hour, in the same money. There
	// are never more workers than the budget can pay for a whole hour. No limit when either is zero.
	Budget, Price float64
}

// slots returns c.
func (p Pool) slots() int { return max(p.Slots, 1) }

// Limit is the number of workers that Max and the budget allow together.
func (p Pool) Limit() int {
	if paid, limited := p.paid(); limited {
		return min(p.Max, paid)
	}
	return p.Max
}

// paid returns how many workers the budget can pay, if there is one.
func (p Pool) paid() (int, bool) {
	if p.Budget <= 0 || p.Price <= 0 {
		return 0, false
	}
	return int(min(p.Budget/p.Price+1e-9, math.MaxInt32)), true
}

// State is where a worker is in its life.
type State uint8

// The states of a worker.
const (
	Booting  State = iota // was told to start and has not asked for a message yet
	Idle                  // waits for a message on all its slots
	Busy                  // works on at least one message
	Draining              // finishes what it has and takes no more; no policy counts on it
)

// Worker is one worker of the pool.
type Worker struct {
	State     State
	Started   time.Time // of the start order
	IdleSince time.Time // only when Idle
}

// Decision is what a policy wants done now. At most one of Start and Stop is above zero.
type Decision struct {
	Start int // workers to start
	Stop  int // workers to stop; which ones is up to whoever carries it out

	// Idle is how long a worker may be idle before it retires by itself, as long as more than Keep are left. Zero:
	// workers do not retire by themselves.
	Idle time.Duration
	Keep int // at least Min

	Outlook Outlook
	Why     fmt.Stringer // the reason with its inputs; String is only worth its time when somebody reads it
}

// Outlook says whether the wait objective can be met. Policies without an objective leave it at its zero value, and
// Known is false.
type Outlook struct {
	Known     bool
	Reachable bool
	Workers   int   // how many it takes; with Limit ByBoot, how many would have to be up beforehand
	Limit     Limit // what is in the way
}

// Limit is what keeps a pool from its objective.
type Limit uint8

// The limits.
const (
	NoLimit  Limit = iota
	ByMax          // Max is too low
	ByBudget       // the budget is too low
	ByBoot         // a worker takes longer to boot than a message should wait
)

// String is the outlook in words; empty when the objective can be met or there is none.
func (o Outlook) String() string {
	switch o.Limit {
	case ByMax:
		return fmt.Sprintf("objective unreachable without max ≥ %d", o.Workers)
	case ByBudget:
		return fmt.Sprintf("objective unreachable without a budget for %d workers", o.Workers)
	case ByBoot:
		return fmt.Sprintf("objective unreachable without min ≥ %d", o.Workers)
	}
	return ""
}

// census counts the workers that a policy may rely on.
type census struct{ up, booting int }

func (c census) total() int { return c.up + c.booting }

func (o Observation) census() census {
	var c census
	for i := range o.Workers {
		switch o.Workers[i].State {
		case Idle, Busy:
			c.up++
		case Booting:
			c.booting++
		}
	}
	return c
}

// toward turns a desired number of workers into a decision within [low, limit of the pool].
func (o Observation) toward(desired, low int, why fmt.Stringer) Decision {
	have := o.census().total()
	desired = min(max(desired, low), o.Pool.Limit())
	return Decision{Start: max(desired-have, 0), Stop: max(have-desired, 0), Why: why}
}

// sentence is a reason that is formatted only when it is read.
type sentence struct {
	format string
	args   []any
}

func because(format string, args ...any) sentence { return sentence{format, args} }

func (s sentence) String() string { return fmt.Sprintf(s.format, s.args...) }

// ceil rounds up to a whole number of workers and survives infinity.
func ceil(x float64) int {
	return int(math.Ceil(min(x-1e-9, math.MaxInt32)))
}
