package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Worker takes messages from a queue and works on them. Make one with [New]; its methods may be called from anywhere.
type Worker struct {
	options Options
	told    chan func(*loop) // read by the loop of Run alone
	ended   chan struct{}    // closed when Run returns

	mu      sync.Mutex
	started bool
	stats   Stats
}

// Stats count what a worker has done, and what it has in hand.
type Stats struct {
	Received  int64 // messages that came
	Done      int64 // deleted after their handler was content
	Failed    int64 // handlers that failed, were too slow, or panicked
	Postponed int64 // Later and ErrCheckpoint
	GivenBack int64 // never started, or interrupted, because the worker ended, was paused, or a message before failed
	Lost      int64 // no longer ours before they were done

	Running int // handlers now at work
	Held    int // messages in hand: in work, prefetched, or about to be deleted or given back
}

// New checks the options and makes a worker. It sends nothing yet.
func New(o Options) (*Worker, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return &Worker{options: o, told: make(chan func(*loop), 16), ended: make(chan struct{})}, nil
}

// Run works until ctx ends, Drain or GiveBack is called, a command says so, or the idle time has passed; then it drains:
// it takes no further message, gives back those that nobody works on, waits for handlers up to the grace, gives back
// what they could not finish, and returns. It does not return while a handler runs, unless that handler ignores the end
// of its context for several seconds.
//
// It returns nil when all of that went well. Otherwise: the server's error when it refuses the very first receive (no
// such queue, no permission); an error that says how many messages could not be settled before the end, which come back
// when their lease is over. A server that does not answer is no error: Run goes on trying. A worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	again := w.started
	w.started = true
	w.mu.Unlock()
	if again {
		return errors.New("worker: Run was called before")
	}
	defer close(w.ended)
	l := newLoop(w, ctx)
	defer l.end()
	return l.run(ctx)
}

// Drain asks Run to end as it does when its context ends. It does not wait.
func (w *Worker) Drain() { w.tell(func(l *loop) { l.drain("it was told to") }) }

// GiveBack asks Run to end without any grace: contexts of handlers end at once, and their messages are given back.
func (w *Worker) GiveBack() { w.tell((*loop).giveBackAll) }

// Pause lets handlers finish, gives back what is prefetched, and takes no further messages until Resume.
func (w *Worker) Pause() { w.tell((*loop).pause) }

// Resume ends a pause.
func (w *Worker) Resume() { w.tell((*loop).resume) }

// Set changes the settings of the worker, from the next message on; a new time limit also counts for handlers at work.
// Settings that are out of bounds are an error and change nothing.
func (w *Worker) Set(s Settings) error {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	w.tell(func(l *loop) { l.Settings = s })
	return nil
}

// Stats returns the counts so far.
func (w *Worker) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// tell hands do to the loop. What is told before Run begins waits for it; what is told after its end is not heard.
func (w *Worker) tell(do func(*loop)) {
	select {
	case w.told <- do:
	case <-w.ended:
	}
}
