package queued

import (
	"errors"
	"fmt"
	"net/http"
)

// Bounds of an [Assembly]. What goes beyond them is dropped, as if it had not come.
const (
	attemptsMax    = 8   // executions of one request that are looked at
	earlyChunksMax = 256 // messages of one attempt that wait for one before them
	earlyBytesMax  = 8 << 20
)

// unknownLength stands for a Content-Length that was not given.
const unknownLength = -1

// ErrCutShort is matched by the error for an answer that ended before it was whole.
var ErrCutShort = errors.New("the answer broke off before its end")

// ErrTooEarly is matched by the error for a message that came so long before those that it follows that it is not kept. It
// should be left in the queue, to come again.
var ErrTooEarly = errors.New("the message came too early")

// Assembly joins the messages of one answer, which come in any order, more than once, and from more than one execution of
// the request. It hands out the messages of exactly one execution, in order, each once: the first whose beginning arrives,
// or with Whole the first that is complete. It is for one goroutine. Its zero value is ready for use.
type Assembly struct {
	// Method is that of the request. An answer to HEAD has a length and no body.
	Method string
	// Whole holds messages back until one execution has answered completely. Then a server that dies in the middle of
	// its answer is made good by the next; but nothing is seen before the end.
	Whole bool
	// WholeBytesMax bounds what Whole may hold for one execution, in bytes of bodies; zero is 64 MiB. An execution that
	// sends more is taken from there on as it comes, as without Whole.
	WholeBytesMax int64

	attempts map[string]*attempt
	chosen   string // the attempt that is handed out, once begun
	begun    bool
	done     bool
	other    bool // another attempt is complete
}

// attempt is what has come of one execution.
type attempt struct {
	next   int            // the number that is wanted
	early  map[int]*Reply // messages with higher numbers
	bytes  int            // of the bodies in early
	ready  []*Reply       // in order, not handed out yet
	size   int64          // of the bodies in order so far
	status int            // once the answer has begun
	length int64          // what Content-Length promised, or unknownLength
	whole  bool           // the last message is in ready, or handed out
}

// Add takes a message that answers the request and returns those that can now be handed out, in order. The error says
// that a message contradicts those before it; the message is then ignored. The check that r belongs to the request, by Re
// and Token and signature, is the caller's.
func (a *Assembly) Add(r *Reply) ([]*Reply, error) {
	if a.done {
		return nil, nil
	}
	if a.attempts == nil {
		a.attempts = make(map[string]*attempt)
	}
	at := a.attempts[r.Attempt]
	if at == nil {
		if len(a.attempts) >= attemptsMax {
			return nil, fmt.Errorf("more than %d executions have answered", attemptsMax)
		}
		at = &attempt{early: make(map[int]*Reply), length: unknownLength}
		a.attempts[r.Attempt] = at
	}
	err := at.add(r, a.Method)
	return a.take(r.Attempt, at), err
}

// Done reports whether the answer was handed out to its end.
func (a *Assembly) Done() bool { return a.done }

// Superseded reports whether another execution has answered completely while the one that is handed out has not: its
// server may have died, and the caller should not wait for it much longer.
func (a *Assembly) Superseded() bool { return a.other && !a.done }

// take hands out what may be.
func (a *Assembly) take(name string, at *attempt) []*Reply {
	if a.begun && name != a.chosen {
		a.other = a.other || at.whole
		at.ready = nil // never wanted again; what is early is bounded
		return nil
	}
	limit := a.WholeBytesMax
	if limit == 0 {
		limit = 64 << 20
	}
	if len(at.ready) == 0 || a.Whole && !at.whole && at.size <= limit {
		return nil
	}
	ready := at.ready
	at.ready = nil
	a.begun, a.chosen, a.done = true, name, at.whole
	return ready
}

// add puts the message in its place, and what waited for it behind it.
func (at *attempt) add(r *Reply, method string) error {
	if r.Seq < at.next || at.early[r.Seq] != nil || at.whole {
		return nil // a duplicate
	}
	if r.Seq > at.next {
		if len(at.early) >= earlyChunksMax || at.bytes+len(r.Body) > earlyBytesMax {
			return fmt.Errorf("%w: number %d, while %d is still missing", ErrTooEarly, r.Seq, at.next)
		}
		at.early[r.Seq] = r
		at.bytes += len(r.Body)
		return nil
	}
	for r != nil {
		if err := at.follow(r, method); err != nil {
			return err
		}
		at.ready = append(at.ready, r)
		at.next++
		r = at.early[at.next]
		if r != nil {
			delete(at.early, at.next)
			at.bytes -= len(r.Body)
		}
		if at.whole {
			at.early = nil
			return nil
		}
	}
	return nil
}

// follow checks that r may stand behind the messages before it.
func (at *attempt) follow(r *Reply, method string) error {
	switch {
	case r.Abort:
		at.whole = true
		return nil
	case at.status != 0 && r.Status != 0:
		return fmt.Errorf("message %d begins the answer a second time", r.Seq)
	case at.status == 0 && r.Status == 0:
		return fmt.Errorf("message %d comes before the status", r.Seq)
	case r.Interim():
		return nil
	}
	status, length := at.status, at.length
	if status == 0 {
		status = r.Status
		length, _ = contentLength(r.Header) // checked when it was decoded
	}
	size := at.size + int64(len(r.Body))
	bodiless := method == http.MethodHead || !bodyAllowed(status)
	switch {
	case bodiless && size > 0:
		return fmt.Errorf("message %d has a body, and the answer must have none", r.Seq)
	case !bodiless && length >= 0 && (size > length || r.Last && size < length):
		return fmt.Errorf("message %d: the body has %d bytes, Content-Length said %d", r.Seq, size, length)
	}
	at.status, at.length, at.size, at.whole = status, length, size, r.Last
	return nil
}
