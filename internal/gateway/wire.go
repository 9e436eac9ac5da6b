package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// wireListener hands net/http connections that it reads as HTTP/1.1 asks of servers.
type wireListener struct {
	net.Listener
	secure *tls.Config // nil: plain HTTP
}

// Accept implements net.Listener.
func (l *wireListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &wireConn{Conn: conn}
	c.fresh.Store(true)
	if l.secure != nil {
		c.secure = tls.Server(conn, l.secure)
		c.Conn = c.secure
	}
	return c, nil
}

// wireConn is the connection of a client, as net/http reads it: without an empty line before a request, which RFC 9112
// (2.2) has servers pass over, and with a memory of whether the client has closed its half.
type wireConn struct {
	net.Conn
	secure *tls.Conn   // nil: plain HTTP
	fresh  atomic.Bool // what is read next begins a request
	halved atomic.Bool // the client sends nothing more; it may still read
}

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

// wireKey finds the connection in the context of a request.
type wireKey struct{}

// attachWire and noteIdle are for http.Server: they give requests their connection, and tell that where the next begins.
func attachWire(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, wireKey{}, conn)
}

func noteIdle(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*wireConn); ok && state == http.StateIdle {
		c.fresh.Store(true)
	}
}

// withTLS gives the requests of h the state of their TLS, which net/http does not see through a wireConn.
func withTLS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(wireKey{}).(*wireConn); ok && c.secure != nil {
			state := c.secure.ConnectionState()
			r.TLS = &state
		}
		h.ServeHTTP(w, r)
	})
}

// staying returns a request whose context does not end when its client has only closed its half of the connection: such
// a client still reads, and gets its answer. A browser never does that; it has gone. The caller must call done.
func staying(r *http.Request) (stays *http.Request, done func()) {
	conn, ok := r.Context().Value(wireKey{}).(*wireConn)
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
