package httpserve

import (
	"container/list"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/forebay-mq/forebay/internal/http1"
)

// conn is a connection that a gate has admitted.
type conn struct {
	net.Conn
	gate  *gate
	paced bool // its writes are bounded here, not by whoever speaks HTTP

	// The gate's.
	at      *address
	place   *list.Element // in the list that it is in; nil: none, since it is held
	removed bool
	reserve bool // does not change

	known atomic.Bool // a known client has been served on it
	held  atomic.Bool // a request is being worked for

	// Of the writer, when paced.
	ruled   atomic.Bool  // a handler has set a deadline of its own
	wrote   atomic.Int64 // bytes of the present answer
	blocked atomic.Int64 // time for them, in nanoseconds
}

// Keep notes that the request of a context is being worked for, so that its connection is not closed to make room.
// known says that its client is known to the server: then its connection is among the last to be closed later on, too.
// A server whose Options.Decides is set calls it when it has found out who asks; it is for that server's contexts, and
// does nothing elsewhere.
func Keep(ctx context.Context, known bool) {
	c, ok := ctx.Value(http1.ConnKey).(*conn)
	switch {
	case !ok:
	case c.known.Load():
		c.held.Store(true)
	default:
		c.gate.keep(c, known)
	}
}

// idle notes that the connection waits for another request.
func (c *conn) idle() {
	c.wrote.Store(0)
	c.blocked.Store(0)
	if c.ruled.Swap(false) {
		_ = c.Conn.SetWriteDeadline(time.Time{})
	}
	if c.known.Load() {
		c.held.Store(false)
		return
	}
	c.gate.release(c)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if !c.paced || c.ruled.Load() {
		return c.Conn.Write(p)
	}
	began := time.Now()
	allowed := c.gate.limits.within(c.wrote.Add(int64(len(p)))) - time.Duration(c.blocked.Load())
	if err := c.Conn.SetWriteDeadline(began.Add(allowed)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	c.blocked.Add(int64(time.Since(began)))
	return n, err
}

// SetWriteDeadline implements net.Conn. A deadline counts until the answer is complete.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.ruled.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// Close closes the connection.
func (c *conn) Close() error {
	c.gate.leave(c)
	return c.Conn.Close()
}

// CloseWrite tells the peer that nothing more will come, if the connection can.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// listener admits connections.
type listener struct {
	net.Listener
	gate  *gate
	wrap  func(net.Conn) net.Conn
	paced bool
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.gate.admit(l.wrap(nc), l.paced), nil
}
