package sim

import (
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// worker is one worker. A worker that has ended is never used again.
type worker struct {
	at      int // its index in run.workers and run.views; negative when it has ended
	started time.Duration
	up      time.Duration // when it was ready
	epoch   int           // how often it has become idle
	jobs    []job
}

// job is a message that a worker works on.
type job struct {
	message int
	since   time.Duration
}

func (w *worker) ended() bool { return w.at < 0 }

func (r *run) state(w *worker) *policy.State { return &r.views[w.at].State }

func (r *run) slots() int { return max(r.config.Pool.Slots, 1) }

// start orders a worker.
func (r *run) start() {
	w := &worker{at: len(r.workers), started: r.now}
	r.workers = append(r.workers, w)
	r.views = append(r.views, policy.Worker{State: policy.Booting, Started: epoch.Add(r.now)})
	r.starts++
	r.awake++
	r.peak = max(r.peak, r.awake)
	spread := 1 + r.config.Times.BootSpread*(2*r.boots.Float64()-1)
	r.agenda.push(event{at: r.now + time.Duration(spread*float64(r.config.Times.Boot)), kind: booted, worker: w})
}

// bootDone makes a worker ask for messages.
func (r *run) bootDone(w *worker) {
	if w.ended() {
		return // it was stopped before
	}
	w.up = r.now
	r.boot.Add(r.now - w.started)
	for range r.slots() {
		r.free = append(r.free, w)
	}
	r.becomeIdle(w)
	r.dispatch()
}

// becomeIdle notes that no slot of a worker is in use.
func (r *run) becomeIdle(w *worker) {
	w.epoch++
	view := &r.views[w.at]
	view.State, view.IdleSince = policy.Idle, epoch.Add(r.now)
	if r.idle > 0 {
		r.agenda.push(event{at: r.now + r.idle, kind: retires, worker: w, epoch: w.epoch})
	}
}

// wake takes the free slot that gets the next message.
func (r *run) wake() *worker {
	i := len(r.free) - 1
	if r.config.FIFO {
		i = 0
	}
	w := r.free[i]
	r.free = slices.Delete(r.free, i, i+1)
	return w
}

// serve begins to work on a message.
func (r *run) serve(w *worker, message int) {
	m := r.trace.Messages[message]
	*r.state(w) = policy.Busy
	w.jobs = append(w.jobs, job{message, r.now})
	r.flying++
	r.wait[message] = r.now - m.At
	r.agenda.push(event{at: r.now + m.Service, kind: finished, worker: w, message: message})
}

// finish ends the work on a message.
func (r *run) finish(w *worker, message int) {
	if w.ended() {
		return // it was killed before
	}
	r.flying--
	r.service.Add(r.trace.Messages[message].Service)
	w.jobs = slices.DeleteFunc(w.jobs, func(j job) bool { return j.message == message })
	if *r.state(w) == policy.Draining {
		if len(w.jobs) == 0 {
			r.end(w)
		}
		return
	}
	r.free = append(r.free, w)
	if r.line.len() > 0 {
		r.dispatch()
	}
	if len(w.jobs) == 0 {
		r.becomeIdle(w)
	}
}

// askAgain is how soon a worker that was kept may try to retire again, at least.
const askAgain = 5 * time.Second

// retire ends a worker that has been idle since the timer was set, unless the pool would become too small.
func (r *run) retire(w *worker, epoch int) {
	if w.ended() || w.epoch != epoch || *r.state(w) != policy.Idle {
		return
	}
	if r.awake <= r.keep {
		r.agenda.push(event{at: r.now + max(r.idle, askAgain), kind: retires, worker: w, epoch: epoch})
		return
	}
	r.leave(w)
	r.end(w)
}

// stop tells one worker to stop: one that still boots, else the one that has been up for the shortest time, which is
// the order of a Kubernetes replica set.
func (r *run) stop() {
	var last *worker
	for _, w := range r.workers {
		if *r.state(w) != policy.Draining && (last == nil || r.later(w, last)) {
			last = w
		}
	}
	if last == nil {
		return
	}
	r.leave(last)
	if len(last.jobs) == 0 {
		r.end(last)
		return
	}
	*r.state(last) = policy.Draining
	if r.config.Kill.any() {
		r.agenda.push(event{at: r.now + r.config.Kill.Grace, kind: killed, worker: last})
	}
}

// later says whether w is to be stopped rather than v.
func (r *run) later(w, v *worker) bool {
	wBoots, vBoots := *r.state(w) == policy.Booting, *r.state(v) == policy.Booting
	if wBoots != vBoots {
		return wBoots
	}
	return w.started > v.started || w.started == v.started && w.up > v.up
}

// leave takes a worker out of those that count and of those that get messages.
func (r *run) leave(w *worker) {
	r.awake--
	r.free = slices.DeleteFunc(r.free, func(f *worker) bool { return f == w })
}

// kill ends a draining worker with what it works on; its messages come back when their visibility timeout ends.
func (r *run) kill(w *worker) {
	if w.ended() {
		return
	}
	for _, j := range w.jobs {
		r.flying--
		r.hidden++
		r.repeated++
		spent := r.now - j.since
		r.wasted += spent
		timeouts := spent/r.config.Kill.Visibility + 1 // it was extended while the work went on
		r.agenda.push(event{at: j.since + timeouts*r.config.Kill.Visibility, kind: returns, message: j.message})
	}
	r.end(w)
}

// end takes a worker out of the world and pays it.
func (r *run) end(w *worker) {
	r.pay(w)
	last := len(r.workers) - 1
	r.workers[w.at], r.views[w.at] = r.workers[last], r.views[last]
	r.workers[w.at].at = w.at
	r.workers, r.views = r.workers[:last], r.views[:last]
	w.at = -1
}

// pay adds what a worker costs, from its start order on; what comes after the trace is not paid.
func (r *run) pay(w *worker) {
	r.paid += max(min(r.now, r.trace.Length)-w.started, 0)
}
