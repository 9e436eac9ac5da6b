package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Options are what a Broker is opened with. The zero value works but for Queue, which needs an account and a
// region.
type Options struct {
	// Queue are the options of the machine. Open fills in Epoch, and Seed unless that is given.
	Queue queue.Options

	// Logger is told what concerns the server as a whole; nil: nobody is.
	Logger *slog.Logger

	// Clock replaces the steady clock over the machine's own. It must not show a time before that of the data.
	Clock Clock

	// WaitersMax bounds the receives that wait for messages at one time; zero: 100,000. A receive beyond is
	// answered Throttled instead of waiting.
	WaitersMax int

	// CommandsMax bounds the commands that have been given and not taken up; zero: 4,096. A caller beyond waits.
	CommandsMax int
}

const (
	waitersMax  = 100_000
	commandsMax = 4096
	readersMax  = 8 // goroutines that read the store for the owner at one time
)

// Broker runs the queues of one Store. It implements [queue.Service].
type Broker struct {
	store  Store
	log    *slog.Logger
	sealer *queue.Sealer

	commands chan *request // written by callers and readers, read by the owner's goroutine
	requests sync.Pool     // of *request, to reuse
	rounds   sync.Pool     // of *round, to reuse

	durable  atomic.Uint64 // rounds whose batch is done
	polls    atomic.Int64  // long polls that wait
	draining atomic.Bool   // no new work is taken

	readers    sync.WaitGroup // reads of the store on behalf of the owner
	readerSlot chan struct{}
	readersMu  sync.Mutex // orders the start of a read and the wait for all
	closed     bool       // no read begins; guarded by readersMu

	stop     chan struct{} // closed by Close: the owner ends once it has nothing left to do
	stopOnce sync.Once
	left     chan struct{} // closed by the owner's goroutine when it returns

	over     chan struct{} // closed when nothing is answered any more
	overOnce sync.Once
	cause    error      // why, when it is a failure; written before over is closed
	failed   chan error // receives cause once
}

var _ queue.Service = (*Broker)(nil)

// request is something for the owner to do, and the way back to who asked for it.
type request struct {
	cmd   queue.Command
	run   func(*owner)    // instead of cmd: done in the owner's goroutine
	ctx   context.Context // of a Receive: ends its waiting; else nil
	reply chan reply      // written once, with room for one; nil: nobody waits
	wait  *waiter         // the owner's: where the request waits
}

// reply is the outcome of a request.
type reply struct {
	value any
	err   error
}

// start runs the owner of a catalog that is ready to step.
func start(store Store, catalog *queue.Catalog, clock Clock, sealer *queue.Sealer, opts Options) *Broker {
	b := &Broker{
		store: store, log: opts.Logger, sealer: sealer,
		commands:   make(chan *request, opts.CommandsMax),
		readerSlot: make(chan struct{}, readersMax),
		stop:       make(chan struct{}),
		left:       make(chan struct{}),
		over:       make(chan struct{}),
		failed:     make(chan error, 1),
	}
	b.requests.New = func() any { return &request{reply: make(chan reply, 1)} }
	b.rounds.New = func() any { return newRound(b) }
	go newOwner(b, catalog, clock, opts.WaitersMax).run()
	return b
}

// do has the owner step cmd and returns the value once it may be shown. ctx ends the wait for a place in the
// line only: what the owner has been given is carried out, and its arguments stay in use until then.
func (b *Broker) do(ctx context.Context, cmd queue.Command) (any, error) {
	r := b.request()
	r.cmd = cmd
	if _, waits := cmd.(*queue.Receive); waits {
		r.ctx = ctx
	}
	if err := b.give(ctx, r); err != nil {
		return nil, err
	}
	return b.await(r)
}

// request returns an empty request.
func (b *Broker) request() *request { return b.requests.Get().(*request) }

// give hands r to the owner.
func (b *Broker) give(ctx context.Context, r *request) error {
	if b.draining.Load() {
		return b.closing()
	}
	select {
	case b.commands <- r:
		return nil
	default: // only a full line is a reason to ask for the end of ctx, which has its price over HTTP
	}
	select {
	case b.commands <- r:
		return nil
	case <-ctx.Done():
		return gaveUp(ctx)
	case <-b.over:
		return b.closing()
	}
}

// await returns the reply to a request that the owner was given. When the context of a receive ends, the receive
// stops waiting for messages; what it has taken by then is still its answer.
func (b *Broker) await(r *request) (any, error) {
	var gone <-chan struct{}
	if r.ctx != nil {
		gone = r.ctx.Done()
	}
	for {
		select {
		case out := <-r.reply:
			return b.recycle(r, out)
		case <-gone:
			gone = nil
			b.ask(func(o *owner) { o.forget(r) })
		case <-b.over:
			select {
			case out := <-r.reply: // it was in time
				return b.recycle(r, out)
			default:
				return nil, b.closing()
			}
		}
	}
}

// recycle makes r ready for reuse and returns its outcome.
func (b *Broker) recycle(r *request, out reply) (any, error) {
	r.cmd, r.run, r.ctx, r.wait = nil, nil, nil, nil
	b.requests.Put(r)
	return out.value, out.err
}

// ask runs f in the owner's goroutine and returns when it has. ok is false when there is no owner any more.
func (b *Broker) ask(f func(*owner)) (ok bool) {
	r := b.request()
	r.run = f
	select {
	case b.commands <- r:
	case <-b.over:
		return false
	}
	_, err := b.await(r)
	return err == nil
}

// gaveUp is what a caller gets that did not wait for the answer.
func gaveUp(ctx context.Context) error {
	return &queue.Error{
		Code: queue.CodeUnavailable, Message: "The request was given up before it was answered.", Err: context.Cause(ctx),
	}
}

var errDraining = errors.New("the server is shutting down")

// closing is what callers get when nothing is answered any more, or soon not.
func (b *Broker) closing() error {
	select {
	case <-b.over:
		if b.cause != nil {
			return queue.Internal(b.cause)
		}
	default:
	}
	return &queue.Error{
		Code: queue.CodeUnavailable, Message: "The server is shutting down. Please try again.", Err: errDraining,
	}
}

// fail stops all answering because the store, or the machine itself, cannot be trusted any more.
func (b *Broker) fail(err error) {
	b.overOnce.Do(func() {
		b.log.Error("the broker has failed and answers nothing any more", "error", err)
		b.cause = err
		b.failed <- err
		close(b.over)
	})
}

// Failed receives once when the store has failed or the machine broke. Nothing is answered from then on, and the
// process must exit with an error.
func (b *Broker) Failed() <-chan error { return b.failed }

// Drain answers all waiting receives with no messages and refuses new work from then on. It may be called many
// times; cause is for the log.
func (b *Broker) Drain(cause error) {
	if b.draining.Swap(true) {
		return
	}
	polls := b.LongPolls()
	if b.ask((*owner).drain) {
		b.log.Info("drained", "cause", cause, "long_polls", polls)
	}
}

// Close drains, carries out what has been accepted, waits until the store has it, and ends. It does not close the
// store. The error is the one that Failed received, if any.
func (b *Broker) Close() error {
	b.Drain(errDraining)
	b.stopOnce.Do(func() { close(b.stop) })
	<-b.left
	b.readersMu.Lock()
	b.closed = true // the last rounds may be revealed now, with nobody left to read for
	b.readersMu.Unlock()
	b.readers.Wait()
	if b.cause != nil {
		return fmt.Errorf("close broker: %w", b.cause)
	}
	return nil
}

// Totals returns the counters of all queues together since the start, deleted queues included.
func (b *Broker) Totals() queue.Counters {
	var totals queue.Counters
	b.ask(func(o *owner) { totals = o.catalog.Totals() })
	return totals
}

// LongPolls is how many long polls are waiting now.
func (b *Broker) LongPolls() int { return int(b.polls.Load()) }
