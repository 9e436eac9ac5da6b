package straight

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// headMax bounds the head of a reply, with the interim replies before it, in bytes, where MaxResponseHeaderBytes is
	// zero.
	headMax = 1 << 20

	readerLen = 4 << 10
)

var (
	// errGone says that a kept connection has ended before anything of the reply has come.
	errGone = errors.New("the server has closed the connection")

	errHead = errors.New("the head of the reply is too long")
	errBody = errors.New("the body of the request is shorter than its length")
)

// conn is a connection. It belongs to one call at a time, or to the pool.
type conn struct {
	owner  *Transport
	to     place
	raw    net.Conn // below TLS
	net    net.Conn
	reader *bufio.Reader // of the conn itself
	probe  probe
	hangUp func() // ends whatever the connection is doing

	deadline time.Time // of net
	since    time.Time // when it came into the pool
	room     int64     // bytes that may still be read
	kept     bool      // it has carried a request before
	last     bool      // it carries no other one after this
	heard    bool      // some of the reply has come
	failed   error     // what the latest read ended with
	ctx      context.Context
	unhook   func() bool // keeps ctx from ending what it has not ended yet
}

func newConn(t *Transport, to place, raw, secured net.Conn) *conn {
	c := &conn{owner: t, to: to, raw: raw, net: secured}
	c.reader = bufio.NewReaderSize(c, readerLen)
	// Closing is safe from any goroutine, ends a read and a write at once and cannot be undone by a deadline that the call
	// sets later. TLS would take leave of the server, and may have to wait for that; so what is below it is closed.
	c.hangUp = func() { raw.Close() }
	if s, ok := raw.(syscall.Conn); ok {
		c.probe.conn, _ = s.SyscallConn()
	}
	c.probe.init()
	return c
}

// exchange sends a request and reads the head of the reply. The connection finds its own way back into the pool, or is
// closed. An error that is errGone says that the request may be sent once more, over another connection.
//
// Sending once more loses nothing: no reply has come, so nobody has acted on one, and the whole request is sent again.
// It may repeat something: a server that ends between doing what it was asked and saying so has done it twice then. That
// is what every retry of a call without a reply may do, those of the SDK among them, and is why it is done once only,
// never after a timeout, and never on a new connection, of which one cannot believe that it was closed for its age.
func (c *conn) exchange(r *http.Request, head []byte, body io.Reader) (*http.Response, error) {
	c.ctx, c.last, c.heard = r.Context(), false, false
	c.unhook = func() bool { return true }
	if c.ctx.Done() != nil {
		c.unhook = context.AfterFunc(c.ctx, c.hangUp)
	}
	sent := c.send(r, head, body)
	if sent == nil || !errors.Is(sent, errBody) && !timeout(sent) {
		// A server that refuses a request may say so, and close, before it has read all of it.
		c.last = sent != nil
		resp, err := c.receive(r)
		if err == nil {
			return resp, nil
		}
		sent = cmp.Or(sent, err)
	}
	err := c.ended(sent)
	if c.kept && !c.heard && !errors.Is(err, errBody) && !timeout(err) && c.ctx.Err() == nil {
		err = errGone
	}
	c.close()
	return nil, err
}

// ended is the error for a call that err has ended: when its context did, then that.
func (c *conn) ended(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return err
}

// timeout tells whether the server was there, and silent.
func timeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// send writes a request whose head is made, in the memory behind head. What goes into that leaves in one write.
func (c *conn) send(r *http.Request, head []byte, body io.Reader) error {
	b := head
	for left := r.ContentLength; ; {
		n := min(left, int64(cap(b)-len(b)))
		if _, err := io.ReadFull(body, b[len(b):len(b)+int(n)]); err != nil {
			return errors.Join(errBody, err)
		}
		c.wait()
		if _, err := c.net.Write(b[:len(b)+int(n)]); err != nil {
			return err
		}
		if left -= n; left == 0 {
			return nil
		}
		b = head[len(head):] // the head stays, for a second time
	}
}

// receive reads the head of the reply to r.
func (c *conn) receive(r *http.Request) (*http.Response, error) {
	c.room = cmp.Or(c.owner.usual.MaxResponseHeaderBytes, headMax)
	for {
		resp, err := http.ReadResponse(c.reader, r)
		switch {
		case err != nil && !c.heard:
			return nil, cmp.Or(c.failed, err)
		case err != nil:
			return nil, fmt.Errorf("read the reply: %w", err)
		case resp.ProtoMajor != 1:
			return nil, fmt.Errorf("the reply is %s, not HTTP/1.1", resp.Proto)
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the server changes to a protocol that nobody has asked for")
		case resp.StatusCode < 200:
			continue // an interim reply
		}
		c.room = math.MaxInt64
		c.last = c.last || resp.Close
		if resp.Body == http.NoBody {
			c.release()
			return resp, nil
		}
		b := &body{from: resp.Body}
		b.conn.Store(c)
		resp.Body = b
		return resp, nil
	}
}

// Read reads from the connection, for its bufio.Reader alone.
func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errHead
	}
	c.wait()
	n, err := c.net.Read(p[:min(int64(len(p)), c.room)])
	c.room -= int64(n)
	c.heard = c.heard || n > 0
	c.failed = err
	return n, err
}

// wait takes care that the next read or write waits for as long as the server may be silent, up to twice that.
// A deadline costs more than a look at the clock, so one is not moved while it is far enough.
func (c *conn) wait() {
	if c.owner.patience <= 0 {
		return
	}
	if now := time.Now(); c.deadline.Sub(now) < c.owner.patience {
		c.deadline = now.Add(2 * c.owner.patience)
		_ = c.net.SetDeadline(c.deadline) // fails on a closed connection, as what comes next does
	}
}

// release gives the connection to the pool after its reply has been read, or closes it.
func (c *conn) release() {
	if c.unhook() && !c.last && c.reader.Buffered() == 0 {
		c.ctx, c.unhook, c.kept = nil, nil, true
		c.owner.pool.put(c)
		return
	}
	c.net.Close()
}

// close ends the connection and its call.
func (c *conn) close() {
	c.unhook()
	c.hangUp()
}

// usable tells whether the connection may carry another request: it is open, and the server has said nothing to which
// nobody has asked.
func (c *conn) usable() bool {
	c.wait()
	return c.probe.quiet()
}

// body is the body of a reply. At its end the connection goes back to the pool. It may be closed while it is read.
type body struct {
	conn atomic.Pointer[conn] // nil: ended or closed
	from io.Reader
	done bool // it was read to its end; of Read alone
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	if b.conn.Load() == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.from.Read(p)
	if err == nil {
		return n, nil
	}
	c := b.conn.Swap(nil)
	switch {
	case c == nil:
		return n, http.ErrBodyReadAfterClose
	case err == io.EOF:
		b.done = true
		c.release()
	default:
		err = c.ended(err)
		c.close()
	}
	return n, err
}

// Close implements io.Closer. A body that was not read to its end costs the connection.
func (b *body) Close() error {
	if c := b.conn.Swap(nil); c != nil {
		c.close()
	}
	return nil
}
