package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// API is what a worker needs of an SQS client. *sqs.Client of aws-sdk-go-v2 has it, and GetQueueAttributes besides, by
// which the worker learns whether the queue has a dead-letter queue. With a client that has no such method the worker
// cannot know, and holds as many messages as [Settings.Prefetch] says.
type API interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Handler works on one message. It returns nil when the message is done and may be deleted, [Later], [Retry] or
// [ErrCheckpoint] to say when it should come back, and any other error for a failure, after which it comes back with
// backoff. ctx ends when the handler takes too long, when the worker must end, and when the message was lost to somebody
// else; context.Cause says which. The handler must then return soon. A panic is a failure.
//
// Handlers run concurrently, each with a message of its own, which it may keep.
type Handler func(ctx context.Context, m *Message) error

// Limits of SQS that bound the options.
const (
	batchMax = 10 // messages and entries of one call
	waitMax  = 20 * time.Second
	leaseMax = 12 * time.Hour // also of all extensions together
)

// Bounds of our own, so that a slip of the hand does not eat the machine.
const (
	concurrencyMax = 10_000
	prefetchMax    = 10_000
)

// Defaults of [Options] and [Settings].
const (
	DefaultConcurrency = 1
	DefaultLease       = 30 * time.Second
	DefaultTimeLimit   = leaseMax
	DefaultGrace       = 30 * time.Second
	DefaultBackoffMin  = time.Second
	DefaultBackoffMax  = 15 * time.Minute
)

// Options say what a worker does. Client, QueueURL and Handler are needed; the zero value of all others works.
type Options struct {
	// Client speaks to the server. Its retries are switched off for the worker's calls: the worker repeats what failed by
	// itself, since it knows how long that makes sense.
	Client API

	// QueueURL is the queue to work on, as GetQueueUrl returns it. One that ends in .fifo is a FIFO queue.
	QueueURL string

	// Handler works on each message.
	Handler Handler

	// Ready, unless it is nil, reports why the handler could not begin now, and nil when it could. It is asked before the
	// first receive, about once a second while the worker waits for messages, and after a handler has returned
	// [Unavailable]. While it returns an error nothing is received, and it is asked again every 2 s. It is never called
	// twice at once; its context ends after 10 s.
	Ready func(context.Context) error

	// Settings may also be changed while the worker runs.
	Settings

	// Lease is for how long a received message is hidden from others, in whole seconds from 1 s to 12 h; zero is
	// [DefaultLease]. It is extended by heartbeats every third of it, so it bounds how long a message is held when the
	// worker dies, not how long work may take.
	Lease time.Duration

	// BackoffMin and BackoffMax bound after how long a failed message comes back: the first for the first failure, twice as
	// long for each further one, with up to half of it taken off by chance. Zero is [DefaultBackoffMin] and
	// [DefaultBackoffMax]; at most 12 h.
	BackoffMin, BackoffMax time.Duration

	// Consumer, unless it is empty, is sent as the header X-Forebay-Consumer of each receive. Forebay counts what a consumer
	// holds under that name; other servers ignore it. Printable ASCII, at most 128 bytes.
	Consumer string

	// CommandsURL, unless it is empty, is a queue of the worker's own, from which it takes [Command] texts.
	CommandsURL string

	// Logger hears what is worth knowing; nil is slog.Default().
	Logger *slog.Logger
}

// Settings are the options that a running worker can change, by [Worker.Set] or by a command.
type Settings struct {
	// Concurrency is how many handlers run at once, up to 10,000; zero is [DefaultConcurrency].
	Concurrency int

	// Prefetch is how many messages are held besides, so that a handler that ends finds its next one here. Such messages are
	// kept by heartbeats too. Each costs a receive when the worker gives it back, so where the queue has a dead-letter
	// queue nothing is prefetched: a message that is only held would die untried. Up to 10,000.
	Prefetch int

	// TimeLimit is how long a handler may take for one message; zero is [DefaultTimeLimit], which is also the most: SQS lets
	// nobody hold a message longer.
	TimeLimit time.Duration

	// Grace is how long the worker waits for its handlers when it has to end; what is not done then is given back. Zero is
	// [DefaultGrace]; negative is no grace at all.
	Grace time.Duration

	// IdleTime ends the worker by itself when no message has come for so long and none is in work. A receive that was begun
	// before is waited for, so it may take up to twice as long, or 20 s longer. Zero is never.
	IdleTime time.Duration
}

// withDefaults fills in what is zero.
func (s Settings) withDefaults() Settings {
	s.Concurrency = cmp.Or(s.Concurrency, DefaultConcurrency)
	s.TimeLimit = cmp.Or(s.TimeLimit, DefaultTimeLimit)
	s.Grace = max(0, cmp.Or(s.Grace, DefaultGrace))
	return s
}

// check says what of complete settings is out of bounds.
func (s Settings) check() error {
	switch {
	case s.Concurrency < 1 || s.Concurrency > concurrencyMax:
		return fmt.Errorf("concurrency %d is not between 1 and %d", s.Concurrency, concurrencyMax)
	case s.Prefetch < 0 || s.Prefetch > prefetchMax:
		return fmt.Errorf("prefetch %d is not between 0 and %d", s.Prefetch, prefetchMax)
	case s.TimeLimit < time.Millisecond || s.TimeLimit > leaseMax:
		return fmt.Errorf("time limit %s is not between 1ms and %s", s.TimeLimit, leaseMax)
	case s.Grace > leaseMax:
		return fmt.Errorf("grace %s is above %s", s.Grace, leaseMax)
	case s.IdleTime < 0:
		return fmt.Errorf("idle time %s is below zero", s.IdleTime)
	}
	return nil
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	o.Settings = o.Settings.withDefaults()
	o.Lease = cmp.Or(o.Lease, DefaultLease)
	o.BackoffMin = cmp.Or(o.BackoffMin, DefaultBackoffMin)
	o.BackoffMax = max(cmp.Or(o.BackoffMax, DefaultBackoffMax), o.BackoffMin)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// check says what of complete options is missing or out of bounds.
func (o Options) check() error {
	switch {
	case o.Client == nil:
		return errors.New("no client")
	case o.QueueURL == "":
		return errors.New("no queue URL")
	case o.Handler == nil:
		return errors.New("no handler")
	case o.Lease < time.Second || o.Lease > leaseMax || o.Lease%time.Second != 0:
		return fmt.Errorf("lease %s is not a whole number of seconds from 1s to %s", o.Lease, leaseMax)
	case o.BackoffMin < 0 || o.BackoffMax > leaseMax:
		return fmt.Errorf("backoff %s to %s is not between 0s and %s", o.BackoffMin, o.BackoffMax, leaseMax)
	case len(o.Consumer) > consumerBytesMax || strings.ContainsFunc(o.Consumer, unprintable):
		return fmt.Errorf("consumer %q is not up to %d printable ASCII characters", o.Consumer, consumerBytesMax)
	}
	return o.Settings.check()
}

// fifo reports whether the queue keeps an order.
func (o Options) fifo() bool { return strings.HasSuffix(o.QueueURL, ".fifo") }
