package pool

import (
	"context"
	"time"

	"github.com/forebay-mq/forebay/worker"
)

// Driver starts workers somewhere. Its methods are called by one goroutine at a time.
type Driver interface {
	// Start orders the workers and returns when the order was accepted. An error means that none of them is to be
	// expected. The context ends after OrderTime.
	Start(ctx context.Context, order Order) error
	// Drain asks workers to finish what they have, to take no more, and to leave. It does not wait for them. An error
	// that is errors.ErrUnsupported says that this driver cannot reach workers.
	Drain(ctx context.Context, ids []string) error
	// Count asks how many workers there are. An error that is errors.ErrUnsupported says that nobody can tell.
	Count(ctx context.Context) (Count, error)
	// Events tells what becomes of single workers. It is nil when the driver does not see them. The channel is never
	// closed.
	Events() <-chan Event
	// Close ends the driver. One whose workers would not outlive the controller drains them and waits for their end, or
	// for that of ctx, and then ends them. It goes on telling Events meanwhile.
	Close(ctx context.Context) error
}

// Teller is a Driver whose workers can be told things while they run.
type Teller interface {
	// Tell returns when the command waits for each of the workers. An error says that some may not hear of it; to tell
	// them again is harmless. New settings are for workers that start later, too.
	Tell(ctx context.Context, ids []string, c worker.Command) error
}

// OrderTime bounds how long a start order may take to be accepted.
const OrderTime = 10 * time.Second

// Order is a start order.
type Order struct {
	Pool    string
	Queues  []string
	Epoch   int64 // grows with each change of the leader; zero when there is only one controller. Older ones are void
	Workers []Spec
	Desired int // workers there will be, these included
	Why     string
}

// Spec is a worker to be started.
type Spec struct {
	ID   string        // unique
	Idle time.Duration // after which it leaves by itself; zero: never
	// Commands is the URL of the queue through which it can be told things; empty: there is none.
	Commands string
}

// Count is how many workers there are.
type Count struct {
	Total int // ordered and not ended
	Ready int // of these, that can work
}

// Event is something that happened to a worker.
type Event struct {
	ID    string
	Kind  EventKind
	At    time.Time
	Cause string // of an end that was none of its own will; empty for one that was
}

// EventKind is what happened.
type EventKind uint8

// The kinds of events.
const (
	Ready   EventKind = iota // it asks for its first message
	Leaving                  // it takes no more messages
	Ended                    // it is gone
)
