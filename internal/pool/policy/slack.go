package policy

import (
	"fmt"
	"math"
	"time"
)

// Slack starts workers when the known work is more than the workers, those still booting included, can begin before
// its wait objective; workers retire by themselves when idle. It needs no cool-down: what was started counts at once.
//
//	work = visible·S + work that becomes visible within B
//	have = Σ up: c·W*  +  Σ booting: c·max(W* − rest of its boot, B/2, S)
//	if work > have: start (work − have) / (c · max(W* − B, B/2, S)), rounded up
//	never more slots than messages; never more workers than max and budget allow
//
// What a worker is expected to take off counts from its start order on, with the same floor on both lines: so the need
// is gone as soon as enough were started, even when a boot takes as long as a message may wait.
//
// The source is deadline scheduling by least slack, with the boot as lead time. For the idle timer: to hold a worker
// for as long as a boot costs is never worse than twice the best in hindsight (the ski-rental argument), and Gandhi et
// al., "AutoScale" (ACM TOCS 2012), show that with most-recently-busy routing such timers keep the number of workers
// near the need. So the wake order of the queue, last in, first out, is a part of this policy. Since it leaves only
// workers idle that are rarely needed, a quarter of a boot turned out cheaper than a whole one on every trace that we
// tried, for a little more lateness; docs/scaling.md has the figures.
type Slack struct {
	// Idle is how long a worker stays without work; zero is a quarter of the boot time.
	Idle time.Duration
	// Eager also keeps enough workers for the arrival rate, λS + √(λS): shorter waits for more worker-hours.
	Eager bool
}

// slackEvery is the time between regular decisions; most are made on a send.
const slackEvery = 5 * time.Second

// idleMin keeps workers that boot in no time from coming and going between two messages.
const idleMin = time.Second

// Cadence is every five seconds and every send that finds no free slot.
func (s *Slack) Cadence() Cadence { return Cadence{Every: slackEvery, OnSend: true} }

// Decide compares the work with what the workers can begin in time.
func (s *Slack) Decide(o Observation) Decision {
	r := slackReason{queue: o.Queue, pool: o.Pool, census: o.census()}
	r.service = o.Queue.service()
	r.future = futureWithin(o, o.Queue.Boot)
	r.work = float64(o.Queue.Visible+r.future) * r.service.Seconds()
	r.have = capacity(o)

	c := float64(o.Pool.slots())
	if r.work > r.have {
		each := c * o.share(o.Queue.Boot).Seconds()
		messages := float64(o.Queue.Visible + o.Queue.InFlight + r.future)
		r.want = min(ceil((r.work-r.have)/each), ceil(messages/c)-r.census.total())
	}
	keep := o.Pool.Min
	if s.Eager {
		steady := o.Queue.Rate * r.service.Seconds()
		keep = max(keep, min(ceil((steady+math.Sqrt(steady))/c), o.Pool.Limit()))
	}
	r.want = max(r.want, keep-r.census.total(), 0)
	r.start = min(r.want, max(o.Pool.Limit()-r.census.total(), 0))

	idle := s.Idle
	if idle <= 0 {
		idle = max(o.Queue.Boot/4, idleMin)
	}
	return Decision{Start: r.start, Idle: idle, Keep: keep, Outlook: r.outlook(), Why: r}
}

// futureWithin counts the messages that become visible within d.
func futureWithin(o Observation, d time.Duration) int {
	end := o.Now.Add(d)
	n := 0
	for _, a := range o.Queue.Future {
		if !a.At.After(end) {
			n += a.Count
		}
	}
	return n
}

// capacity is the work, in seconds, that the workers can begin before a message sent now has waited W*.
func capacity(o Observation) float64 {
	var sum time.Duration
	for i := range o.Workers {
		switch w := &o.Workers[i]; w.State {
		case Idle, Busy:
			sum += o.Pool.Wait
		case Booting:
			sum += o.share(max(o.Queue.Boot-o.Now.Sub(w.Started), 0))
		}
	}
	return sum.Seconds() * float64(o.Pool.slots())
}

// share is the work that one slot of a worker is counted on for, when the rest of its boot takes so long. A worker up to
// which W* has passed already still helps those that wait then, so there is a floor.
func (o Observation) share(rest time.Duration) time.Duration {
	return max(o.Pool.Wait-rest, o.Queue.Boot/2, o.Queue.service())
}

// slackReason is a decision of Slack with all its inputs.
type slackReason struct {
	queue       Queue
	pool        Pool
	census      census
	service     time.Duration
	future      int
	work, have  float64 // seconds
	want, start int
}

func (r slackReason) outlook() Outlook {
	needed := r.census.total() + r.want
	switch {
	case r.want > r.start:
		limit := ByMax
		if r.pool.Limit() < r.pool.Max {
			limit = ByBudget
		}
		return Outlook{Known: true, Workers: needed, Limit: limit}
	case r.want > 0 && r.work > r.have && r.pool.Wait < r.queue.Boot:
		beforehand := ceil(r.work / (r.pool.Wait.Seconds() * float64(r.pool.slots())))
		return Outlook{Known: true, Workers: beforehand, Limit: ByBoot}
	}
	return Outlook{Known: true, Reachable: true, Workers: needed}
}

// String tells the decision as one would to a colleague.
func (r slackReason) String() string {
	text := fmt.Sprintf("%d visible", r.queue.Visible)
	if r.future > 0 {
		text += fmt.Sprintf(" and %d due within a boot", r.future)
	}
	text += fmt.Sprintf(" × %s each = %s of work; ", round(r.service), seconds(r.work))
	text += fmt.Sprintf("%d up and %d booting can begin %s of it within %s", r.census.up, r.census.booting, seconds(r.have), round(r.pool.Wait))
	switch {
	case r.start > 0 && r.work > r.have:
		text += fmt.Sprintf(": start %d", r.start)
	case r.start > 0:
		text += fmt.Sprintf(": enough, but start %d to be ready for more", r.start)
	case r.work > r.have:
		text += ": not enough, but none to start"
	default:
		text += ": enough"
	}
	if limit := r.outlook().String(); limit != "" {
		text += " (" + limit + ")"
	}
	return text
}

// round shortens a duration for people.
func round(d time.Duration) time.Duration {
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}

// seconds is a duration for people, from seconds.
func seconds(s float64) time.Duration { return round(time.Duration(min(s*1e9, math.MaxInt64/2))) }
