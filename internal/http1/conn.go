package http1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// restTime is how long a busy connection keeps its memory after a request. The deadline of that wait is set
	// only when it has become too near, so a busy connection hardly ever sets one.
	restTime = 5 * time.Second
	// busyGap is how soon the next request must come on a connection that counts as busy.
	busyGap = time.Second
	// lingerTime and lingerBytesMax bound the reading of what a refused client still sends. Closing at once could
	// destroy the answer on its way. It is enough for the largest message.
	lingerTime     = 500 * time.Millisecond
	lingerBytesMax = 2 << 20
	// emptyLinesMax is how many empty lines before a request are passed over, as RFC 9112 (2.2) wants of servers.
	emptyLinesMax = 1
)

// The states of a connection. Idle ones may be closed by a shutdown at any time.
const (
	stateIdle int32 = iota
	stateActive
	stateClosed
)

// input is room for the bytes that have arrived: a whole head, and what comes with it. smallInput is what a connection
// has until it needs more, since strangers who send their heads slowly have one each.
type (
	input      [headBytesMax]byte
	smallInput [4 << 10]byte
)

// conn is one connection. But for state, and while its request's context watches, its goroutine alone uses it.
type conn struct {
	server *Server
	net    net.Conn
	remote string
	state  atomic.Int32

	in         []byte // a smallInput or an input; nil while there is nothing in it and no read is waiting
	start, end int    // of what is in it
	ahead      [aheadMax]byte
	aheads     int // bytes in ahead, read by a watch

	readArmed  time.Time // the deadlines of the connection itself
	writeArmed time.Time
	rested     time.Time // when something was sent last
	busy       bool      // requests follow each other closely: it waits for them with its memory in hand
	linger     bool      // the client may still be sending
}

// serve serves requests until the connection ends.
func (c *conn) serve() {
	defer c.close()
	c.doze(time.Now().Add(c.server.ReadHeaderTimeout))
	if c.start == c.end {
		return
	}
	x := c.server.exchanges.Get().(*exchange)
	for more := c.serveNext(x, true); more; more = c.serveNext(x, false) {
		if c.start < c.end {
			continue // the next request has come with this one
		}
		if x = c.rest(x); x == nil {
			return
		}
	}
	c.server.exchanges.Put(x)
}

// serveNext reads a request and answers it. It tells whether there may be another one.
func (c *conn) serveNext(x *exchange, first bool) bool {
	size, err := c.readHead(first)
	if err == nil {
		if r := x.head.parse(c.buffered()[:size]); r != nil {
			err = r
		}
	}
	if err == nil {
		err = x.prepare(c, size)
	}
	if err != nil {
		if r, ok := errors.AsType[*refusal](err); ok {
			c.refuse(r)
		}
		return false
	}
	return x.serve() && !c.server.stopping.Load()
}

// rest waits for the first bytes of the next request. If that may take longer, it gives x back with the rest of
// the memory and waits without. It returns what to serve the request with, nil when none will come.
func (c *conn) rest(x *exchange) *exchange {
	if !c.state.CompareAndSwap(stateActive, stateIdle) || c.server.stopping.Load() {
		c.server.exchanges.Put(x)
		return nil
	}
	if c.server.OnIdle != nil {
		c.server.OnIdle(c.net)
	}
	end := c.rested.Add(c.server.IdleTimeout)
	if c.busy {
		soonest := earlier(c.rested.Add(restTime), end)
		if latest := earlier(soonest.Add(restTime), end); c.readArmed.Before(soonest) || c.readArmed.After(latest) {
			c.armRead(latest)
		}
		err := c.fill()
		c.busy = !errors.Is(err, os.ErrDeadlineExceeded)
	}
	if !c.busy {
		c.server.exchanges.Put(x)
		c.doze(end)
		c.busy = time.Since(c.rested) < busyGap
		x = c.server.exchanges.Get().(*exchange)
	}
	if c.start == c.end || !c.state.CompareAndSwap(stateIdle, stateActive) {
		c.server.exchanges.Put(x)
		return nil
	}
	return x
}

// doze waits for the first bytes of a request without memory for them. When nothing comes until end, there are
// none.
func (c *conn) doze(end time.Time) {
	c.releaseInput()
	c.armRead(end)
	c.aheads, _ = c.read(c.ahead[:])
	c.takeAhead()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// readHead reads until a whole head is there and returns its size.
func (c *conn) readHead(first bool) (size int, err error) {
	timed := first // the time of a connection's first head began with the connection
	skipped := 0   // empty lines, which some clients send before a request or behind a body
	for scanned := 0; ; {
		b := c.buffered()
		if first && len(b) > 0 && !c.state.CompareAndSwap(stateIdle, stateActive) && c.state.Load() == stateClosed {
			return 0, http.ErrServerClosed
		}
		if skipped < emptyLinesMax && len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
			skipped++
			c.start += 2
			continue
		}
		if i := bytes.Index(b[scanned:], []byte("\r\n\r\n")); i >= 0 {
			return scanned + i + 4, nil
		}
		if r := incomplete(b); r != nil {
			return 0, r
		}
		scanned = max(0, len(b)-3)
		if !timed {
			timed = true
			c.armRead(time.Now().Add(c.server.ReadHeaderTimeout))
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

// refuse answers a request that is not served.
func (c *conn) refuse(r *refusal) {
	now := time.Now()
	text := fmt.Sprintf("%d %s: %s\n", r.status, http.StatusText(r.status), r.text)
	c.armWrite(now, now.Add(c.server.within(0)))
	_, _ = fmt.Fprintf(c.net, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %d\r\nContent-Type: text/plain; charset=utf-8\r\nDate: %s\r\n\r\n%s",
		r.status, http.StatusText(r.status), len(text), c.server.date(now), text)
	c.linger = true
}

// close ends the connection, also after a panic.
func (c *conn) close() {
	if p := recover(); p != nil && p != http.ErrAbortHandler {
		c.server.log().Error("a handler caused a panic", "peer", c.remote, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	c.state.Store(stateClosed)
	if c.linger {
		if half, ok := c.net.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		c.armRead(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.net, lingerBytesMax)
	}
	_ = c.net.Close()
	c.releaseInput()
	c.server.forget(c)
}

// buffered returns the bytes that have arrived and belong to nobody yet. They are valid until the next fill.
func (c *conn) buffered() []byte {
	if c.in == nil {
		return nil
	}
	return c.in[c.start:c.end]
}

// fill waits for more bytes and puts them behind the buffered ones.
func (c *conn) fill() error {
	if c.in == nil {
		c.takeInput()
	}
	if c.start > 0 {
		c.end = copy(c.in, c.in[c.start:c.end])
		c.start = 0
	}
	if c.end == len(c.in) && !c.growInput() {
		return io.ErrShortBuffer
	}
	n, err := c.read(c.in[c.end:])
	c.end += n
	return err
}

// read reads at least one byte, unless it fails.
func (c *conn) read(p []byte) (n int, err error) {
	for n == 0 && err == nil {
		n, err = c.net.Read(p)
	}
	if n > 0 {
		return n, nil // the error will come again
	}
	return 0, err
}

// takeInput takes an empty buffer.
func (c *conn) takeInput() {
	c.in, c.start, c.end = c.server.smallInputs.Get().(*smallInput)[:], 0, 0
}

// growInput takes the larger buffer for the one that is full. It reports whether there is room now.
func (c *conn) growInput() bool {
	if len(c.in) == len(input{}) {
		return false
	}
	full := c.in
	c.in = c.server.inputs.Get().(*input)[:]
	copy(c.in, full)
	c.server.smallInputs.Put((*smallInput)(full))
	return true
}

// releaseInput gives the buffer back if there is nothing in it.
func (c *conn) releaseInput() {
	if c.in == nil || c.start < c.end && c.state.Load() != stateClosed {
		return
	}
	if len(c.in) == len(input{}) {
		c.server.inputs.Put((*input)(c.in))
	} else {
		c.server.smallInputs.Put((*smallInput)(c.in))
	}
	c.in, c.start, c.end = nil, 0, 0
}

// takeAhead puts what was read without the buffer into it.
func (c *conn) takeAhead() {
	if c.aheads == 0 {
		return
	}
	if c.in == nil {
		c.takeInput()
	}
	if len(c.in)-c.end < c.aheads {
		c.growInput()
	}
	c.end += copy(c.in[c.end:], c.ahead[:c.aheads])
	c.aheads = 0
}

// interrupt ends the read of a watch, which then closes stopped.
func (c *conn) interrupt(stopped <-chan struct{}) {
	select {
	case <-stopped:
	default:
		c.armRead(time.Unix(1, 0)) // long ago
		<-stopped
	}
	c.takeAhead()
}

// armRead sets the deadline of reads; zero: none.
func (c *conn) armRead(t time.Time) {
	if !c.readArmed.Equal(t) {
		c.readArmed = t
		_ = c.net.SetReadDeadline(t) // a connection that cannot have one is closed already
	}
}

// armWrite sees that a write at now ends at want, or later by up to half of that time: a deadline that is near
// enough stays as it is, so a busy connection hardly ever sets one. Zero: none.
func (c *conn) armWrite(now, want time.Time) {
	if want.IsZero() {
		if !c.writeArmed.IsZero() {
			c.writeArmed = want
			_ = c.net.SetWriteDeadline(want)
		}
		return
	}
	latest := want.Add(min(want.Sub(now)/2, restTime))
	if c.writeArmed.Before(want) || c.writeArmed.After(latest) {
		c.writeArmed = latest
		if latest.Before(want) { // it has passed
			c.writeArmed = want
		}
		_ = c.net.SetWriteDeadline(c.writeArmed)
	}
}
