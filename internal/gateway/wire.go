package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
)

// wireConn is the connection of a client, as net/http reads it: without an empty line before a request, which RFC 9112
// (2.2) has servers pass over, and with a memory of whether the client has closed its half.
type wireConn struct {
	net.Conn
	secure *tls.Conn   // nil: plain HTTP
	fresh  atomic.Bool // what is read next begins a request
	halved atomic.Bool // the client sends nothing more; it may still read
}

// newWireConn wraps a connection, above TLS if there is any.
func newWireConn(conn net.Conn) net.Conn {
	c := &wireConn{Conn: conn}
	c.secure, _ = conn.(*tls.Conn)
	c.fresh.Store(true)
	return c
}

// NetConn returns the connection that c wraps.
func (c *wireConn) NetConn() net.Conn { return c.Conn }

// Idle tells that what is read next begins a request.
func (c *wireConn) Idle() { c.fresh.Store(true) }

// Read implements net.Conn.
func (c *wireConn) Read(p []byte) (n int, err error) {
	n, err = c.Conn.Read(p)
	if n > 0 && c.fresh.CompareAndSwap(true, false) && (p[0] == '\r' || p[0] == '\n') {
		n, err = c.skipEmptyLine(p, n, err)
	}
	if errors.Is(err, io.EOF) {
		c.halved.Store(true)
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && record.Conn != nil {
		_, _ = io.WriteString(record.Conn, httpOverTLS)
	}
	return n, err
}

// skipEmptyLine takes one line end away from the n bytes in p that begin with one. At least one byte is left, or comes.
func (c *wireConn) skipEmptyLine(p []byte, n int, err error) (int, error) {
	if n == 1 && p[0] == '\r' && len(p) > 1 && err == nil {
		var more int
		more, err = c.Conn.Read(p[1:])
		n += more
	}
	end := 0
	switch {
	case p[0] == '\n':
		end = 1
	case n > 1 && p[1] == '\n':
		end = 2
	}
	if n = copy(p, p[end:n]); n == 0 && err == nil {
		return c.Conn.Read(p)
	}
	return n, err
}

// httpOverTLS is for a client that speaks plain HTTP where TLS is spoken.
const httpOverTLS = "HTTP/1.0 400 Bad Request\r\n\r\nThis server speaks HTTPS: use https:// in the address.\n"

// wireOf returns the connection of a request; ok is false when it came over none of these.
func wireOf(r *http.Request) (c *wireConn, ok bool) {
	c, ok = httpserve.ConnOf(r.Context()).(*wireConn)
	return c, ok
}

// withTLS gives the requests of h the state of their TLS, which net/http does not see through a wireConn.
func withTLS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := wireOf(r); ok && c.secure != nil {
			state := c.secure.ConnectionState()
			r.TLS = &state
		}
		h.ServeHTTP(w, r)
	})
}

// staying returns a request whose context does not end when its client has only closed its half of the connection: such
// a client still reads, and gets its answer. A browser never does that; it has gone. The caller must call done.
func staying(r *http.Request) (stays *http.Request, done func()) {
	conn, ok := wireOf(r)
	if !ok || isPageLoad(r) {
		return r.WithContext(r.Context()), func() {}
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(r.Context(), func() {
		if !conn.halved.Load() {
			cancel(context.Cause(r.Context()))
		}
	})
	return r.WithContext(ctx), func() {
		stop()
		cancel(nil)
	}
}
