package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// run is a run under way.
type run struct {
	opts    Options
	target  target
	codec   codec
	queues  []*queue
	ledgers ledgers
	meter   *meter
	padding []byte
	start   time.Time

	unsent    atomic.Int64  // messages that may still be sent, when their number is limited
	sequences []uint32      // of each source, the next number; used by its producer alone
	sentAll   chan struct{} // closed when no producer will send any more
	ahead     atomic.Int64  // messages sent less messages deleted, whichever run has sent those
	strangers atomic.Int64  // messages received that no run has sent
	empties   atomic.Int64  // receives in a row that found nothing
	behind    atomic.Int64  // how late the latest request of a producer was, nanoseconds; an open loop alone
	leftover  int64         // messages that were in the queues before
	latest    atomic.Int64  // when a message came last, as since() counts
}

// Run does the work that opts describe and returns what was measured. When ctx ends it stops and returns what
// there is, with Result.Interrupted set. An error means that there was nothing to measure: options that make no
// sense, a server that is not there or refuses.
func Run(ctx context.Context, opts Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	r := &run{
		opts: opts, codec: newCodec(opts.Protocol), meter: newMeter(), padding: newPadding(), sentAll: make(chan struct{}),
	}
	r.ledgers = ledgers{run: rand.Uint32(), visibility: opts.Visibility, own: newLedger(opts.Visibility), other: make(map[uint32]*ledger)}
	var err error
	if r.target, err = newTarget(opts.Endpoint, opts.Roots); err != nil {
		return nil, err
	}
	opts.tell(Preparing)
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.empty(ctx); err != nil {
		return nil, err
	}
	result := r.measure(ctx)
	opts.tell(Tidying)
	return result, r.tidy(ctx)
}

func (r *run) newConn() *conn {
	c := &conn{target: r.target, codec: r.codec}
	if !r.opts.Unsigned {
		c.signer = newSigner(r.opts.KeyID, r.opts.Secret, r.opts.Region, r.target.host, r.codec.contentType())
	}
	return c
}

// since is the time since the run began.
func (r *run) since() time.Duration { return time.Since(r.start) }

// prepare finds or makes the queues.
func (r *run) prepare(ctx context.Context) error {
	names := queueNames(r.opts, r.ledgers.run)
	r.queues = make([]*queue, len(names))
	return r.eachQueue(ctx, func(c *conn, i int) (err error) {
		r.queues[i], err = c.find(ctx, names[i])
		return err
	})
}

// tidy deletes the queues that have no name of their own.
func (r *run) tidy(ctx context.Context) error {
	if r.opts.Queue != "" {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // also an interrupted run tidies up
	return r.eachQueue(ctx, func(c *conn, i int) error { return c.remove(ctx, r.queues[i]) })
}

// eachQueue calls do for every queue, for several at a time.
func (r *run) eachQueue(ctx context.Context, do func(c *conn, i int) error) error {
	var next atomic.Int64
	workers := min(16, r.opts.Queues)
	failures := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			c := r.newConn()
			defer c.close()
			for i := int(next.Add(1)) - 1; i < r.opts.Queues && failures[w] == nil; i = int(next.Add(1)) - 1 {
				failures[w] = do(c, i)
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// measure starts the workers, waits until the work is done and sums up.
func (r *run) measure(ctx context.Context) *Result {
	o := r.opts
	sources := o.Producers
	if o.Groups > 0 {
		sources = o.Groups * o.Queues
	}
	r.sequences = make([]uint32, sources)
	r.unsent.Store(o.Messages)

	working, stop := context.WithCancel(ctx) // ends with the run
	defer stop()
	sending, stopSending := context.WithCancel(working) // ends with the measurement
	defer stopSending()

	before := usageNow(o.ServerPID)
	r.start = time.Now()
	r.meter.start()
	o.tell(Measuring)
	var producers, consumers sync.WaitGroup
	if o.Mode.sends() {
		for i := range o.Producers {
			producers.Go(func() { newProducer(r, i).work(sending, working) })
		}
	}
	go func() { producers.Wait(); close(r.sentAll) }()
	if o.Mode.receives() {
		r.consume(working, &consumers)
	}
	r.waitMeasured(ctx)
	r.meter.stop()
	if o.Mode == Drain { // that nothing is left shows only after some waiting
		r.meter.elapsed = max(time.Duration(r.latest.Load()), time.Millisecond)
	}
	after := usageNow(o.ServerPID)

	stopSending()
	<-r.sentAll
	if o.Verify && o.Mode.sends() {
		if !o.Mode.receives() {
			r.consume(working, &consumers)
		}
		o.tell(Verifying)
		r.waitUntil(ctx, time.Time{}, r.drained)
	}
	stop()
	consumers.Wait()
	return r.sum(ctx, before, after)
}

// consume starts the consumers.
func (r *run) consume(ctx context.Context, consumers *sync.WaitGroup) {
	r.latest.Store(int64(r.since()))
	for i := range r.opts.Consumers {
		consumers.Go(func() { newConsumer(r, i).work(ctx) })
	}
}

// waitMeasured waits for the end of the measurement.
func (r *run) waitMeasured(ctx context.Context) {
	o := r.opts
	var end time.Time
	if o.Duration > 0 {
		end = r.start.Add(o.Duration)
	}
	received := &r.meter.steps[stepReceive].messages
	r.waitUntil(ctx, end, func() bool {
		switch {
		case o.Mode == Drain && r.empties.Load() >= int64(max(o.Consumers, o.Queues)):
			return true
		case o.Messages == 0:
			return false
		case !o.Mode.sends():
			return received.Load() >= o.Messages
		case !o.Mode.receives():
			return r.sent()
		}
		return r.drained()
	})
}

// sent tells whether the producers are done.
func (r *run) sent() bool {
	select {
	case <-r.sentAll:
		return true
	default:
		return false
	}
}

// drained tells whether all that was acknowledged has been deleted, or nothing has come for so long that it
// never will.
func (r *run) drained() bool {
	quiet := r.since() - time.Duration(r.latest.Load())
	return r.sent() && (r.ledgers.own.outstanding.Load() <= 0 || quiet > r.opts.Settle)
}

// waitUntil waits for a time, unless that is zero, or for done, or for ctx. Meanwhile it reports progress.
func (r *run) waitUntil(ctx context.Context, end time.Time, done func() bool) {
	const look = 2 * time.Millisecond
	told := time.Now()
	for !done() && ctx.Err() == nil {
		now := time.Now()
		if !end.IsZero() && !now.Before(end) {
			return
		}
		if r.opts.Progress != nil && now.Sub(told) >= time.Second {
			told = now
			r.opts.Progress(r.progress())
		}
		nap := look
		if !end.IsZero() {
			nap = min(nap, end.Sub(now))
		}
		sleep(ctx, nap)
	}
}

func (r *run) progress() Progress {
	return Progress{
		Elapsed:  r.since(),
		Sent:     r.meter.steps[stepSend].messages.Load(),
		Received: r.meter.steps[stepReceive].messages.Load(),
		Deleted:  r.meter.steps[stepDelete].messages.Load(),
		Waiting:  r.ledgers.own.outstanding.Load(),
		Errors:   r.meter.errors.total.Load(),
	}
}

// failed counts an error and makes the worker pause, so that a server in trouble is not asked ever faster. An
// error that comes from the end of the run is none.
func (r *run) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	r.meter.errors.add(errorCode(err), err)
	sleep(ctx, 20*time.Millisecond)
}

// entryError is the error of one entry of a batch: its code.
type entryError string

// Error says which code it was.
func (e entryError) Error() string { return "an entry of a batch was refused: " + string(e) }

var errEntry = errors.New("the reply to a batch names an entry that was not in it")
