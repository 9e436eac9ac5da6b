package http1

import (
	"context"
	"sync"
	"time"
)

// watchDelay is how long a request must last before its connection is watched. Most receives are answered
// sooner, and starting and stopping to watch costs as much as a small request.
const watchDelay = 10 * time.Millisecond

// aheadMax is how much is read while watching, in bytes. What comes then belongs to the next request.
const aheadMax = 16

// requestContext is the context of a request. It ends with the request. When somebody has asked for Done, it
// also ends when the client goes away, which is noticed by reading from the connection.
type requestContext struct {
	conn *conn

	mu      sync.Mutex
	done    chan struct{} // nil until somebody asks
	err     error
	timer   *time.Timer   // of the delay; nil until somebody asks
	due     bool          // the delay is over
	read    bool          // the request's body has been read to its end: what comes is not part of it
	over    bool          // the handler has returned
	stopped chan struct{} // closed when watching ends; nil: it never began
}

// Deadline implements context.Context. There is none.
func (*requestContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context. There is the connection alone.
func (x *requestContext) Value(key any) any {
	if key == ConnKey {
		return x.conn.net
	}
	return nil
}

// Err implements context.Context.
func (x *requestContext) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// Done implements context.Context.
func (x *requestContext) Done() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done == nil {
		x.done = make(chan struct{})
		if x.over {
			close(x.done)
		} else {
			x.timer = time.AfterFunc(watchDelay, x.delayed)
		}
	}
	return x.done
}

// delayed is called when the delay is over.
func (x *requestContext) delayed() {
	x.mu.Lock()
	x.due = true
	begin := x.begin()
	x.mu.Unlock()
	if begin {
		x.watch()
	}
}

// bodyRead is called when the body has been read to its end.
func (x *requestContext) bodyRead() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.read = true
	if x.begin() {
		go x.watch()
	}
}

// begin tells whether watching begins now. The caller holds mu.
func (x *requestContext) begin() bool {
	if !x.due || !x.read || x.over || x.stopped != nil || len(x.conn.buffered()) > 0 {
		return false
	}
	x.stopped = make(chan struct{})
	x.conn.releaseInput() // nobody reads now, and this may last for long
	x.conn.armRead(time.Time{})
	return true
}

// watch reads from the connection until something comes, it breaks, or the request is over.
func (x *requestContext) watch() {
	c := x.conn
	defer close(x.stopped)
	n, err := c.read(c.ahead[:])
	x.mu.Lock()
	defer x.mu.Unlock()
	c.aheads = n
	if err != nil && !x.over {
		x.end()
	}
}

// end ends the context. The caller holds mu.
func (x *requestContext) end() {
	if x.err != nil {
		return
	}
	x.err = context.Canceled
	if x.done != nil {
		close(x.done)
	}
}

// finish ends watching and the context, for the handler has returned. It tells whether the context can be used
// again: nobody has asked for its end.
func (x *requestContext) finish() (reusable bool) {
	x.mu.Lock()
	x.over = true
	if x.timer != nil {
		x.timer.Stop()
	}
	stopped := x.stopped
	reusable = x.done == nil
	x.mu.Unlock()
	if stopped != nil {
		x.conn.interrupt(stopped)
	}
	if !reusable {
		x.mu.Lock()
		x.end()
		x.mu.Unlock()
	}
	return reusable
}

// reset begins a new request of c.
func (x *requestContext) reset(c *conn, hasBody bool) {
	x.mu.Lock()
	x.conn, x.over, x.read = c, false, !hasBody
	x.mu.Unlock()
}
