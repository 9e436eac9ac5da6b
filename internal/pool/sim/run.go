package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// Config is how a pool lives in the simulation.
type Config struct {
	Pool  policy.Pool
	Times Times
	Seed  uint64 // for the boots; the trace has its own

	// Kill makes workers that are told to stop die after a grace, as Kubernetes does. Zero: they finish what they have.
	Kill Kill
	// FIFO wakes the worker that has waited longest; otherwise the one that was busy last.
	FIFO bool
	// Sample is the distance between the points of Result.Timeline; zero: none.
	Sample time.Duration
}

// Kill is the end of a worker that is told to stop in the middle of its work.
type Kill struct {
	Grace      time.Duration // it may finish within; zero with zero Visibility: for ever
	Visibility time.Duration // a message of a killed worker is visible again after a multiple of it
}

func (k Kill) any() bool { return k.Visibility > 0 }

// afterwards bounds how long a run goes on after the trace has ended, to see the last messages served.
const afterwards = 24 * time.Hour

// Run plays a trace under a policy, which must be new.
func Run(t Trace, p policy.Policy, c Config) Result {
	r := &run{trace: t, policy: p, config: c, boots: source(c.Seed, "boots"), wait: make([]time.Duration, len(t.Messages))}
	r.foreseen = slices.ContainsFunc(t.Messages, func(m Message) bool { return m.Lead > 0 })
	r.service.Add(c.Times.Service)
	r.boot.Add(c.Times.Boot)
	for r.step() {
	}
	return r.result()
}

// epoch is the beginning of the simulated day for policies, which count in times.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// run is a simulation under way.
type run struct {
	trace  Trace
	policy policy.Policy
	config Config
	boots  *rand.Rand

	now        time.Duration
	agenda     agenda
	sent       int           // messages of the trace that have become visible
	nextTick   time.Duration // the next regular decision
	nextSample time.Duration

	line    line // visible messages
	flying  int  // messages in flight
	hidden  int  // messages of killed workers that are not visible yet
	workers []*worker
	views   []policy.Worker // of workers, by the same index
	free    []*worker       // one entry for each free slot, the one that was busy last at the end
	idle    time.Duration   // as decided last
	keep    int             // as decided last
	awake   int             // workers that are up or booting

	service policy.Service
	boot    policy.Boot
	rate    policy.Rate
	future  []policy.Arrival

	foreseen bool // some messages are known before they come

	wait     []time.Duration // by message, until the receive that finished it
	paid     time.Duration
	wasted   time.Duration
	repeated int
	starts   int
	peak     int
	timeline []Point
}

// step takes the next thing that happens. It answers false when nothing more will.
func (r *run) step() bool {
	over := r.sent == len(r.trace.Messages) && r.line.len() == 0 && r.flying == 0 && r.hidden == 0
	if over && r.now >= r.trace.Length || r.now > r.trace.Length+afterwards {
		return false
	}
	at, what := r.nextTick, r.tick
	if r.config.Sample > 0 && r.nextSample <= at && r.nextSample <= r.trace.Length {
		at, what = r.nextSample, r.sample
	}
	if next, ok := r.agenda.next(); ok && next <= at {
		at, what = next, r.event
	}
	if r.sent < len(r.trace.Messages) && r.trace.Messages[r.sent].At < at {
		at, what = r.trace.Messages[r.sent].At, r.send
	}
	r.now = max(r.now, at)
	what()
	return true
}

// send makes the next message of the trace visible.
func (r *run) send() {
	r.line.push(r.sent)
	r.sent++
	r.rate.Add(epoch.Add(r.now), 1)
	r.dispatch()
	if r.line.len() > 0 && r.policy.Cadence().OnSend {
		r.decide()
	}
}

// tick makes a regular decision.
func (r *run) tick() {
	r.nextTick += r.policy.Cadence().Every
	r.decide()
}

// decide asks the policy and does what it says.
func (r *run) decide() {
	d := r.policy.Decide(r.observe())
	r.idle, r.keep = d.Idle, d.Keep
	for range d.Start {
		r.start()
	}
	for range d.Stop {
		r.stop()
	}
}

func (r *run) observe() policy.Observation {
	q := policy.Queue{
		Visible: r.line.len(), InFlight: r.flying + r.hidden,
		Rate: r.rate.Estimate(epoch.Add(r.now)), Service: r.service.Estimate(), Boot: r.boot.Estimate(),
		Future: r.known(),
	}
	if q.Visible > 0 {
		q.OldestAge = r.now - r.trace.Messages[r.line.first()].At
	}
	return policy.Observation{Now: epoch.Add(r.now), Queue: q, Pool: r.config.Pool, Workers: r.views}
}

// futureHorizon bounds how far known work is looked ahead, in boots.
const futureHorizon = 2

// known lists the messages to come that are known already.
func (r *run) known() []policy.Arrival {
	if !r.foreseen {
		return nil
	}
	r.future = r.future[:0]
	end := r.now + futureHorizon*r.boot.Estimate()
	for _, m := range r.trace.Messages[r.sent:] {
		if m.At > end {
			break
		}
		if m.Lead == 0 || m.At-m.Lead > r.now {
			continue
		}
		at := epoch.Add(m.At)
		if n := len(r.future); n > 0 && r.future[n-1].At.Equal(at) {
			r.future[n-1].Count++
			continue
		}
		r.future = append(r.future, policy.Arrival{At: at, Count: 1})
	}
	return r.future
}

// event carries out what was planned.
func (r *run) event() {
	switch e := r.agenda.pop(); e.kind {
	case booted:
		r.bootDone(e.worker)
	case finished:
		r.finish(e.worker, e.message)
	case retires:
		r.retire(e.worker, e.epoch)
	case killed:
		r.kill(e.worker)
	case returns:
		r.hidden--
		r.line.push(e.message)
		r.dispatch()
	}
}

// dispatch gives visible messages to free slots.
func (r *run) dispatch() {
	for r.line.len() > 0 && len(r.free) > 0 {
		r.serve(r.wake(), r.line.pop())
	}
}

// line is the queue: messages by number, first in, first out.
type line struct {
	messages []int
	head     int
}

func (l *line) len() int   { return len(l.messages) - l.head }
func (l *line) first() int { return l.messages[l.head] }
func (l *line) push(m int) { l.messages = append(l.messages, m) }

func (l *line) pop() int {
	m := l.messages[l.head]
	l.head++
	if l.head == len(l.messages) {
		l.messages, l.head = l.messages[:0], 0
	}
	return m
}
