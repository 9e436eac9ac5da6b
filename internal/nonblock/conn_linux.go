package nonblock

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// callMost is how many bytes one call may move. The scheduler cannot use the processor for anything else meanwhile.
const callMost = 64 << 10

// conn is a TCP connection whose Read and Write are made here. All else is the connection's own.
type conn struct {
	net.Conn // a *net.TCPConn
	raw      syscall.RawConn

	in, out transfer
}

// transfer is one direction. Its call is made once, so that a transfer takes no memory.
type transfer struct {
	mu   sync.Mutex
	p    []byte // what is left to move
	n    int    // moved
	err  error
	call func(fd uintptr) (done bool)
}

// Conn returns a connection that is c, but for how it reads and writes. A c that is no TCP connection is returned as it is.
// Closing either closes both. Its ReadFrom and WriteTo are not offered, as they would go the usual way.
func Conn(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	n := &conn{Conn: tcp, raw: raw}
	n.in.call, n.out.call = n.in.read, n.out.write
	return n
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.run(c.raw.Read, p)
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return n, c.named("read", err)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.run(c.raw.Write, p)
	return n, c.named("write", err)
}

// CloseWrite tells the peer that nothing more will come.
func (c *conn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// SyscallConn implements syscall.Conn.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// run moves p, or what can be read of it, as soon as wait says that the socket is ready.
func (t *transfer) run(wait func(func(uintptr) bool) error, p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p, t.n, t.err = p, 0, nil
	defer func() { t.p = nil }()
	if err := wait(t.call); err != nil {
		return t.n, err
	}
	return t.n, t.err
}

func (t *transfer) read(fd uintptr) bool {
	n, err := Read(fd, t.p[:min(len(t.p), callMost)])
	if err == syscall.EAGAIN {
		return false
	}
	t.n, t.err = n, os.NewSyscallError("read", err)
	return true
}

func (t *transfer) write(fd uintptr) bool {
	for len(t.p) > 0 {
		n, err := Write(fd, t.p[:min(len(t.p), callMost)])
		if err == syscall.EAGAIN {
			return false
		}
		if err != nil {
			t.err = os.NewSyscallError("write", err)
			return true
		}
		t.n += n
		t.p = t.p[n:]
	}
	return true
}

// named gives an error the form that the connection's own method would.
func (c *conn) named(op string, err error) error {
	if err == nil {
		return nil
	}
	if waited, ok := errors.AsType[*net.OpError](err); ok {
		waited.Op = op
		return waited
	}
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
