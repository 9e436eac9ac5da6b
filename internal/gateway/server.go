package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/http1"
	"github.com/forebay-mq/forebay/internal/nonblock"
)

// The limits of a connection to the public side. Replies have limits of their own, since a client may wait long for one.
const (
	headerTime = 5 * time.Second
	idleTime   = time.Minute
)

// ServerOptions say how the public side is served.
type ServerOptions struct {
	TLS            *tls.Config // nil: plain HTTP
	HeadersMax     int         // bytes of request line and headers
	ConnectionsMax int         // open at once; more wait to be accepted
	Log            *slog.Logger
}

// Serve serves a gateway on a listener until ctx ends: then it drains the gateway, so that clients that wait are told
// where to come back, and returns when they have been, or after grace. The listener is closed then; the gateway is not.
func Serve(ctx context.Context, g *Gateway, listener net.Listener, o ServerOptions, grace time.Duration) error {
	server := &http.Server{
		Handler: http1.EndUnclear(withTLS(g.accessLogged())), ConnContext: attachWire, ConnState: noteIdle,
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: o.HeadersMax,
		ErrorLog:  slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // what strangers do is no news
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	listener = &limitedListener{Listener: listener, free: make(chan struct{}, o.ConnectionsMax), closed: make(chan struct{})}
	listener = &wireListener{Listener: listener, secure: o.TLS}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	g.Drain()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close()
	}
	<-failed
	return nil
}

// limitedListener accepts a connection only when fewer than cap(free) are open.
type limitedListener struct {
	net.Listener
	free   chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: nonblock.Conn(conn), release: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close implements net.Listener.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
