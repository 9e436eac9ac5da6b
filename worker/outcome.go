package worker

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// ErrCheckpoint is what a handler returns that has kept its progress elsewhere and wants to go on from there: the
// message comes back at once, to any worker, and nothing has failed.
var ErrCheckpoint = errors.New("checkpoint taken")

// Causes with which the context of a handler ends.
var (
	// ErrTimeLimit: the handler took longer than [Settings.TimeLimit].
	ErrTimeLimit = errors.New("the handler took longer than its time limit")
	// ErrEnding: the worker ends, and its grace is over. The message is given back once the handler has returned.
	ErrEnding = errors.New("the worker ends and gives the message back")
	// ErrLeaseLost: the server has given the message to somebody else, or is about to. What the handler returns is ignored.
	ErrLeaseLost = errors.New("the message is no longer held by this worker")
)

// postponed is an error that says when the message should come back.
type postponed struct {
	delay time.Duration
	err   error // nil when nothing failed
}

// Error returns the reason.
func (p *postponed) Error() string {
	if p.err != nil {
		return p.err.Error()
	}
	return "later, in " + p.delay.String()
}

// Unwrap returns the failure, or nil.
func (p *postponed) Unwrap() error { return p.err }

// Later returns the error with which a handler says: nothing failed, but bring the message back after delay. It is
// rounded up to whole seconds and bounded to 12 h, as SQS counts them.
func Later(delay time.Duration) error { return &postponed{delay: delay} }

// Retry returns the error with which a handler says: err is a failure, and the message should come back after delay
// instead of the usual backoff.
func Retry(delay time.Duration, err error) error { return &postponed{delay: delay, err: err} }

// ErrUnavailable is what errors of [Unavailable] are.
var ErrUnavailable = errors.New("the handler is not there")

// unavailable is an error that says that the handler was never begun.
type unavailable struct{ err error }

// Error returns the reason.
func (u *unavailable) Error() string { return u.err.Error() }

// Unwrap returns the reason.
func (u *unavailable) Unwrap() error { return u.err }

// Is reports whether target is ErrUnavailable.
func (u *unavailable) Is(target error) bool { return target == ErrUnavailable }

// Unavailable returns the error with which a handler says that what does the work is not there at all, for a reason that
// has nothing to do with the message: its program is missing, nothing listens at its address. The message was not tried.
// The worker keeps it in hand, receives nothing further, and tries again with backoff until the handler is there, so that
// no receive is spent meanwhile.
func Unavailable(err error) error { return &unavailable{err} }

// verdict is what follows from the error of a handler.
type verdict struct {
	delay  int32 // seconds until the message comes back
	failed bool
}

// judge turns an error of a handler into when the message comes back. receives is how often it was received.
func (o *Options) judge(err error, receives int) verdict {
	if p, ok := errors.AsType[*postponed](err); ok {
		return verdict{delay: wholeSeconds(p.delay), failed: p.err != nil}
	}
	if errors.Is(err, ErrCheckpoint) {
		return verdict{}
	}
	return verdict{delay: wholeSeconds(o.backoff(receives)), failed: true}
}

// backoff is how long a message that failed after so many receives stays away.
func (o *Options) backoff(receives int) time.Duration {
	full := float64(o.BackoffMin) * math.Pow(2, float64(max(receives, 1)-1))
	full = min(full, float64(o.BackoffMax))
	return time.Duration(full * (1 - rand.Float64()/2))
}

// wholeSeconds rounds up, within what SQS accepts.
func wholeSeconds(d time.Duration) int32 {
	d = min(max(d, 0), leaseMax)
	return int32((d + time.Second - 1) / time.Second)
}
