package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
)

// broker is a server with a protocol of its own.
type broker interface {
	// prepare makes an empty queue. What an earlier work left is gone.
	prepare(ctx context.Context) error
	// producer and consumer open a connection each.
	producer(ctx context.Context) (producer, error)
	consumer(ctx context.Context, batch int) (consumer, error)
	// batches tells whether the protocol can send many messages before it waits for their acknowledgements.
	batches() bool
}

// producer is a connection that sends.
type producer interface {
	// send sends n messages and returns when all are acknowledged.
	send(ctx context.Context, body []byte, n int) error
	close()
}

// consumer is a connection that receives.
type consumer interface {
	// take receives up to n messages and acknowledges them. Zero means that none came within waitMax.
	take(ctx context.Context, n int) (int, error)
	close()
}

// load drives a broker as `forebay bench` drives servers with the SQS API: a closed loop on each connection.
type load struct{ broker broker }

// flow is one work that is going on.
type flow struct {
	load
	sent, taken, waiting atomic.Int64
	body                 []byte
	begin                chan struct{} // closed when all connections are there

	mu      sync.Mutex // guards latency
	latency *hdrhistogram.Histogram
}

func newFlow(l load) *flow {
	return &flow{load: l, body: make([]byte, bodyBytes), begin: make(chan struct{}), latency: hdrhistogram.New(1, int64(time.Minute), 3)}
}

func (l load) work(ctx context.Context, p plan, w work) (measurement, error) {
	batch := w.batch
	note := ""
	if batch > 1 && !l.broker.batches() {
		if !w.backlog {
			return measurement{}, errNoBatches
		}
		batch, note = 1, "one by one"
	}
	if err := l.broker.prepare(ctx); err != nil {
		return measurement{}, fmt.Errorf("make the queue: %w", err)
	}
	ahead := int64(aheadMax)
	if w.backlog {
		ahead = 0
		filled, err := l.fill(ctx, p, batch)
		if err != nil {
			return measurement{}, fmt.Errorf("fill: %w", err)
		}
		note = joinNotes(note, shortfall(filled, int64(p.backlog), p.fill))
	}
	f := newFlow(l)
	consumers := p.connections
	if w.send {
		ahead, consumers = 0, 0
	}
	elapsed, err := f.run(ctx, p, batch, ahead, consumers)
	if err != nil {
		return measurement{}, err
	}
	through := f.taken.Load()
	if w.send {
		through = f.sent.Load()
	}
	if through == 0 {
		return measurement{}, errors.New("not one message got through")
	}
	return measurement{
		PerSecond: float64(through) / elapsed.Seconds(), Seconds: elapsed.Seconds(), Note: note,
		P50: millis(f.latency.ValueAtQuantile(50)), P99: millis(f.latency.ValueAtQuantile(99)),
	}, nil
}

func millis(nanos int64) float64 { return float64(nanos) / float64(time.Millisecond) }

// fill sends the backlog, for p.fill at most, and returns how many messages it has.
func (l load) fill(ctx context.Context, p plan, batch int) (int64, error) {
	f := newFlow(l)
	_, err := f.drive(ctx, p.fill, func(ctx context.Context, g *errgroup.Group) error {
		return f.produce(ctx, g, p.connections, func() error {
			if f.sent.Load() >= int64(p.backlog) {
				return errFull
			}
			return nil
		}, batch)
	})
	return f.sent.Load(), err
}

// errFull ends a producer that has nothing more to do.
var errFull = errors.New("enough has been sent")

// run sends and receives for the plan's duration. ahead bounds what waits; zero: nothing does.
func (f *flow) run(ctx context.Context, p plan, batch int, ahead int64, consumers int) (time.Duration, error) {
	return f.drive(ctx, p.duration, func(ctx context.Context, g *errgroup.Group) error {
		if err := f.consume(ctx, g, consumers, batch); err != nil {
			return err
		}
		return f.produce(ctx, g, p.connections, func() error {
			for ahead > 0 && f.waiting.Load() >= ahead {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(pauseAhead):
				}
			}
			return nil
		}, batch)
	})
}

// drive opens connections, lets them work for a while, and returns how long it was. What a request does that is
// under way at the end does not count.
func (f *flow) drive(ctx context.Context, d time.Duration, open func(context.Context, *errgroup.Group) error) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, working := errgroup.WithContext(ctx)
	if err := open(working, g); err != nil {
		cancel()
		return 0, errors.Join(err, g.Wait())
	}
	start := time.Now()
	close(f.begin)
	timer := time.AfterFunc(d, cancel)
	defer timer.Stop()
	err := g.Wait()
	elapsed := min(time.Since(start), d)
	return elapsed, err
}

// produce opens connections, then makes each send until the context ends or may says so.
func (f *flow) produce(ctx context.Context, g *errgroup.Group, n int, may func() error, batch int) error {
	opened := make([]producer, 0, n)
	for range n {
		c, err := f.broker.producer(ctx)
		if err != nil {
			for _, c := range opened {
				c.close()
			}
			return fmt.Errorf("connect: %w", err)
		}
		opened = append(opened, c)
	}
	for _, c := range opened {
		g.Go(func() error {
			defer c.close()
			latency := hdrhistogram.New(1, int64(time.Minute), 3)
			defer f.merge(latency)
			f.ready(ctx)
			for {
				if err := may(); errors.Is(err, errFull) || ctx.Err() != nil {
					return nil
				}
				start := time.Now()
				if err := c.send(ctx, f.body, batch); err != nil {
					return ended(ctx, "send", err)
				}
				if ctx.Err() != nil {
					return nil
				}
				_ = latency.RecordValue(int64(time.Since(start))) // a value out of range is above a minute
				f.sent.Add(int64(batch))
				f.waiting.Add(int64(batch))
			}
		})
	}
	return nil
}

// consume does the same for connections that receive.
func (f *flow) consume(ctx context.Context, g *errgroup.Group, n, batch int) error {
	for range n {
		c, err := f.broker.consumer(ctx, batch)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		g.Go(func() error {
			defer c.close()
			f.ready(ctx)
			for ctx.Err() == nil {
				taken, err := c.take(ctx, batch)
				if err != nil {
					return ended(ctx, "receive", err)
				}
				if ctx.Err() != nil {
					return nil
				}
				f.taken.Add(int64(taken))
				f.waiting.Add(-int64(taken))
			}
			return nil
		})
	}
	return nil
}

// ready waits until all connections are there, or the work is over.
func (f *flow) ready(ctx context.Context) {
	select {
	case <-f.begin:
	case <-ctx.Done():
	}
}

// ended makes nothing of an error that comes from the end of the work.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (f *flow) merge(latency *hdrhistogram.Histogram) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency.Merge(latency)
}
