package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
	"github.com/forebay-mq/forebay/worker"
)

// atHand is how many urgent jobs wait in this process besides those that are worked on: as many as one receive brings.
const atHand = 10

// placesMax keeps the numbers that follow from the places within those that a worker takes.
const placesMax = 1000

// factory works on the jobs of both lanes.
type factory struct {
	convert *converter
	places  *places
	room    int           // how many places there are
	done    chan struct{} // closed when nothing of what is awaited is left

	mu      sync.Mutex
	awaited map[string]bool  // outputs that were planned and are neither made nor given up
	failed  map[string]error // outputs that were given up
	made    [lanes]int
	waited  [lanes]time.Duration // of all that were made, from the send to a place
}

func newFactory(c *converter, room int, planned []Job) *factory {
	f := &factory{convert: c, places: newPlaces(room), room: room, done: make(chan struct{}),
		awaited: make(map[string]bool), failed: make(map[string]error)}
	for _, j := range planned {
		f.awaited[j.Output] = true
	}
	if len(f.awaited) == 0 {
		close(f.done)
	}
	return f
}

// run takes jobs until ctx ends, or all that were planned are done if it is for once.
func (f *factory) run(ctx context.Context, queues [lanes]*jobs.Queue, once bool) error {
	var workers [lanes]*worker.Worker
	for l, q := range queues {
		var err error
		if workers[l], err = f.worker(lane(l), q); err != nil {
			return err
		}
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var errs [lanes]error
	for l, w := range workers {
		running.Go(func() {
			if errs[l] = w.Run(working); errs[l] != nil {
				stop() // one lane alone is not what was asked for
			}
		})
	}
	select {
	case <-f.done:
		if !once {
			f.report(os.Stdout)
			fmt.Fprintln(os.Stdout, "waiting for further jobs until Ctrl-C")
			<-working.Done()
		}
	case <-working.Done():
	}
	stop()
	running.Wait()
	return errors.Join(errs[:]...)
}

// worker makes the worker of a lane. A lane holds messages of which some wait for a place. The urgent one holds more than
// there are places, so that its next job is at hand in the moment when a place becomes free; the other no more than could
// begin, since nobody else can take what it holds.
func (f *factory) worker(l lane, q *jobs.Queue) (*worker.Worker, error) {
	holds := f.room
	if l == interactive {
		holds += atHand
	}
	return worker.New(worker.Options{
		Client: q.Client, QueueURL: q.URL, Settings: worker.Settings{Concurrency: holds},
		Handler: func(ctx context.Context, m *worker.Message) error { return f.handle(ctx, l, m) },
	})
}

// handle does one job.
func (f *factory) handle(ctx context.Context, l lane, m *worker.Message) error {
	j, err := parseJob(*m.Body)
	if err != nil {
		return hopeless(err)
	}
	urgency := l
	if m.Receives() >= jobs.ReceivesMax {
		urgency = interactive // given back once more, it would go to the dead-letter queue without having been tried
	}
	if err := f.places.take(ctx, urgency); err != nil {
		return err // the worker ends, and gives the message back
	}
	defer f.places.leave()
	waited := time.Since(m.Sent())
	err = f.convert.convert(ctx, j)
	switch {
	case err == nil:
		fmt.Fprintf(os.Stdout, "%-11s %s after %s\n", l, j.Output, waited.Round(time.Millisecond))
		f.note(j.Output, func() { f.made[l]++; f.waited[l] += waited })
	case ctx.Err() == nil && m.Receives() >= jobs.ReceivesMax: // the queue gives it no further attempt
		f.note(j.Output, func() { f.failed[j.Output] = err })
	}
	return err
}

// note writes down what became of an output, the first time that it is settled.
func (f *factory) note(output string, write func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	planned := f.awaited[output]
	delete(f.awaited, output)
	write()
	if planned && len(f.awaited) == 0 {
		close(f.done)
	}
}

// report says what has become of the jobs.
func (f *factory) report(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range lanes {
		mean := f.waited[l] / time.Duration(max(1, f.made[l]))
		fmt.Fprintf(w, "%-11s %d converted, after a mean wait of %s\n", l, f.made[l], mean.Round(time.Millisecond))
	}
	for _, output := range slices.Sorted(maps.Keys(f.failed)) {
		fmt.Fprintf(w, "given up    %s: %v\n", output, f.failed[output])
	}
}
