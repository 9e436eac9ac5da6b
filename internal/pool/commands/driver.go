package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/pool"
	"github.com/forebay-mq/forebay/worker"
)

// Options are those of [New].
type Options struct {
	Driver pool.Driver // it must see its workers: Events is not nil
	Client *sqs.Client
	Pool   string
	Log    *slog.Logger // nil: none
}

// The times of the queues.
const (
	speakEvery = 20 * time.Minute // how often living workers are spoken for, and others' queues looked at
	staleAfter = time.Hour        // after which a queue that nobody has spoken for is swept up
	callTime   = 30 * time.Second // for one round of calls in the background
)

// callsMax is how many calls to the server are made at once.
const callsMax = 8

// Driver is a [pool.Driver] and a [pool.Teller] around another driver.
type Driver struct {
	inner  pool.Driver
	queues queues
	log    *slog.Logger

	events chan pool.Event
	closed chan struct{} // no more events are to be passed on
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	urls     map[string]string // of the queues of the workers that live
	settings worker.Change     // what workers have been told so far, for those that come
}

// New gives a driver's workers queues. Close of the Driver that it returns ends that, and closes the driver.
func New(o Options) (*Driver, error) {
	if o.Driver.Events() == nil {
		return nil, errors.New("commands: this driver does not see its workers end, so nobody could delete their queues; use exec")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	running, stop := context.WithCancel(context.Background())
	d := &Driver{inner: o.Driver, queues: queues{client: o.Client, prefix: prefixOf(o.Pool)}, log: o.Log, stop: stop,
		events: make(chan pool.Event), closed: make(chan struct{}), urls: map[string]string{}}
	d.done.Go(func() { d.pass(running) })
	d.done.Go(func() { d.speak(running) })
	return d, nil
}

// Start creates the queues of the workers, and has them started. When a queue cannot be created nobody is started.
func (d *Driver) Start(ctx context.Context, o pool.Order) error {
	specs := make([]pool.Spec, len(o.Workers))
	err := each(len(specs), func(i int) error {
		specs[i] = o.Workers[i]
		url, err := d.queues.create(ctx, specs[i].ID)
		if err != nil {
			return err
		}
		specs[i].Commands = url
		d.mu.Lock()
		d.urls[specs[i].ID] = url
		d.mu.Unlock()
		return d.greet(ctx, url)
	})
	if err == nil {
		o.Workers = specs
		if err = d.inner.Start(ctx, o); err == nil {
			return nil
		}
	} else {
		err = fmt.Errorf("create a queue for commands: %w", err)
	}
	for _, w := range specs {
		d.done.Go(func() { d.forget(context.WithoutCancel(ctx), w.ID) })
	}
	return err
}

// greet tells a worker that comes what the others have been told.
func (d *Driver) greet(ctx context.Context, url string) error {
	d.mu.Lock()
	settings := d.settings
	d.mu.Unlock()
	if settings == (worker.Change{}) {
		return nil
	}
	return d.send(ctx, url, worker.Command{Command: worker.CommandSettings, Settings: &settings})
}

// Tell implements [pool.Teller]. New settings are told to workers that come later, too.
func (d *Driver) Tell(ctx context.Context, ids []string, c worker.Command) error {
	if c.Settings != nil {
		d.mu.Lock()
		d.settings = d.settings.Over(*c.Settings)
		d.mu.Unlock()
	}
	return each(len(ids), func(i int) error {
		d.mu.Lock()
		url := d.urls[ids[i]]
		d.mu.Unlock()
		if url == "" {
			return nil // it has ended
		}
		if err := d.send(ctx, url, c); err != nil {
			return fmt.Errorf("tell %s to %s: %w", ids[i], c.Command, err)
		}
		return nil
	})
}

func (d *Driver) send(ctx context.Context, url string, c worker.Command) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = d.queues.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body))})
	return err
}

// Drain has the driver ask workers to leave; where it cannot, they are told through their queues.
func (d *Driver) Drain(ctx context.Context, ids []string) error {
	err := d.inner.Drain(ctx, ids)
	if errors.Is(err, errors.ErrUnsupported) {
		return d.Tell(ctx, ids, worker.Command{Command: worker.CommandDrain})
	}
	return err
}

// Count is the driver's.
func (d *Driver) Count(ctx context.Context) (pool.Count, error) { return d.inner.Count(ctx) }

// Events are the driver's. They must be taken until Close has returned.
func (d *Driver) Events() <-chan pool.Event { return d.events }

// Close closes the driver, and then deletes the queues that are left.
func (d *Driver) Close(ctx context.Context) error {
	err := d.inner.Close(ctx)
	close(d.closed)
	d.stop()
	d.done.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), pool.OrderTime)
	defer cancel()
	left := d.living()
	_ = each(len(left), func(i int) error { d.forget(ending, left[i]); return nil })
	return err
}

// pass passes events on, and deletes the queues of workers that have ended.
func (d *Driver) pass(ctx context.Context) {
	for {
		var e pool.Event
		select {
		case e = <-d.inner.Events():
		case <-d.closed:
			for { // what the driver has said before it was closed
				select {
				case e := <-d.inner.Events():
					d.events <- e
				default:
					return
				}
			}
		}
		d.events <- e
		if e.Kind == pool.Ended {
			d.done.Go(func() { d.forget(ctx, e.ID) })
		}
	}
}

// forget deletes the queue of a worker. One that cannot be deleted now is not spoken for any more.
func (d *Driver) forget(ctx context.Context, id string) {
	d.mu.Lock()
	url, known := d.urls[id]
	d.mu.Unlock()
	if !known {
		return
	}
	calling, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := d.queues.remove(calling, url); err != nil {
		if ctx.Err() != nil {
			return // Close deletes it
		}
		d.log.Warn("the command queue of a worker that has ended could not be deleted; it is swept up later", "worker", id, "err", err)
	}
	d.mu.Lock()
	delete(d.urls, id)
	d.mu.Unlock()
}

// living are the workers that have a queue.
func (d *Driver) living() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]string, 0, len(d.urls))
	for id := range d.urls {
		ids = append(ids, id)
	}
	return ids
}

// speak speaks for the workers that live, and sweeps up what nobody has spoken for, now and then.
func (d *Driver) speak(ctx context.Context) {
	ticker := time.NewTicker(speakEvery)
	defer ticker.Stop()
	for {
		d.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// round is one time of speaking and sweeping. Queues of this driver's own workers are spoken for first.
func (d *Driver) round(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	now := time.Now()
	d.mu.Lock()
	mine := make([]string, 0, len(d.urls))
	for _, url := range d.urls {
		mine = append(mine, url)
	}
	d.mu.Unlock()
	err := each(len(mine), func(i int) error { return d.queues.speakFor(ctx, mine[i], now) })
	swept, sweepErr := d.queues.sweep(ctx, now)
	if err = errors.Join(err, sweepErr); err != nil && ctx.Err() == nil {
		d.log.Warn("command queues could not be looked after; it is tried again", "in", speakEvery, "err", err)
	}
	if swept > 0 {
		d.log.Info("command queues that nobody has spoken for are deleted", "queues", swept)
	}
}

// each calls f for 0 to n-1, some at once, and returns the first error of the lowest number.
func each(n int, f func(int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	places := make(chan struct{}, callsMax)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			errs[i] = f(i)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
