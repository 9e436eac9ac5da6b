package httpserve

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/forebay-mq/forebay/internal/http1"
	"github.com/forebay-mq/forebay/internal/nonblock"
)

// Options say what is served, and how. Handler is needed, zero values elsewhere are right for a public server.
type Options struct {
	Handler http.Handler
	TLS     *tls.Config // nil: plain HTTP
	HTTP2   bool        // over TLS, besides HTTP/1.1
	NetHTTP bool        // serve plain HTTP by net/http too, as TLS is, instead of package http1
	Limits  Limits
	// Wrap, unless it is nil, wraps each connection that net/http reads, above TLS. What it returns needs a method
	// NetConn() net.Conn that returns what it was given; if it has a method Idle(), that is called when the connection waits
	// for another request. http.Request.TLS is for the one who wraps to set.
	Wrap func(net.Conn) net.Conn
	// Health reports whether a request is a health check, which is answered also when no connection is left. Nil: none is.
	Health func(*http.Request) bool
	// Decides says that the handler calls [Keep] for the requests that are worth it. Without, all are.
	Decides bool
	// Logger may be nil. What clients do wrong below HTTP is logged at debug level.
	Logger *slog.Logger
}

// Server serves HTTP within limits. It is made by [New].
type Server struct {
	opts   Options
	gate   *gate
	engine engine
}

// engine speaks HTTP over connections.
type engine interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// New returns a server.
func New(opts Options) *Server {
	opts.Limits = opts.Limits.withDefaults(opts.TLS != nil)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: opts, gate: newGate(opts.Limits)}
	if s.usesNetHTTP() {
		s.engine = s.netHTTP()
		return s
	}
	s.engine = &http1.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: opts.Limits.HeadTime, IdleTimeout: opts.Limits.IdleTime,
		Grace: opts.Limits.Grace, Rate: opts.Limits.Rate, OnIdle: onIdle, Logger: opts.Logger,
	}
	return s
}

func (s *Server) usesNetHTTP() bool { return s.opts.NetHTTP || s.opts.TLS != nil }

// netHTTP returns a server of net/http with the same limits.
func (s *Server) netHTTP() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.opts.HTTP2)
	return &http.Server{
		Handler:           http1.EndUnclear(http.HandlerFunc(s.servePaced)),
		ReadHeaderTimeout: s.opts.Limits.HeadTime,
		IdleTimeout:       s.opts.Limits.IdleTime,
		MaxHeaderBytes:    s.opts.Limits.HeadBytes,
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(context.WithValue(ctx, http1.ConnKey, admitted(nc)), connKey{}, nc)
		},
		ConnState: func(nc net.Conn, state http.ConnState) {
			if state == http.StateIdle {
				onIdle(nc)
			}
		},
	}
}

// admitted returns the connection of a gate below another one.
func admitted(nc net.Conn) *conn {
	for {
		switch c := nc.(type) {
		case *conn:
			return c
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// connKey finds the connection that net/http reads in the context of a request.
type connKey struct{}

// ConnOf returns the connection of a request that net/http has read, as Options.Wrap has made it; nil for other contexts.
func ConnOf(ctx context.Context) net.Conn {
	nc, _ := ctx.Value(connKey{}).(net.Conn)
	return nc
}

func onIdle(nc net.Conn) {
	if wrapped, ok := nc.(interface{ Idle() }); ok {
		wrapped.Idle()
	}
	if c := admitted(nc); c != nil {
		c.idle()
	}
}

// Serve accepts connections from l until Shutdown or Close, when it returns [http.ErrServerClosed], or until l fails.
// It closes l.
func (s *Server) Serve(l net.Listener) error {
	l = &listener{Listener: l, gate: s.gate, wrap: nonblock.Conn, paced: s.usesNetHTTP()}
	if s.opts.TLS != nil {
		l = tls.NewListener(l, s.opts.TLS)
	}
	if s.opts.Wrap != nil {
		l = wrappingListener{l, s.opts.Wrap}
	}
	return s.engine.Serve(l)
}

// wrappingListener wraps what it accepts.
type wrappingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

// Accept implements net.Listener.
func (l wrappingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(nc), nil
}

// Shutdown stops accepting, closes the idle connections and waits until the requests being served are answered, or ctx
// ends; then it returns the error of ctx and leaves them to [Server.Close].
func (s *Server) Shutdown(ctx context.Context) error { return s.engine.Shutdown(ctx) }

// Close stops accepting and closes all connections. It does not wait for handlers.
func (s *Server) Close() error { return s.engine.Close() }

// retrySeconds is what a client is told that finds no room.
const retrySeconds = "1"

// serve hands a request to the handler, unless there is no room for it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(http1.ConnKey).(*conn)
	switch {
	case c == nil:
	case c.reserve:
		w.Header().Set("Connection", "close")
		if s.opts.Health == nil || !s.opts.Health(r) {
			w.Header().Set("Retry-After", retrySeconds)
			http.Error(w, "Too many connections are open. Please try again.", http.StatusServiceUnavailable)
			return
		}
		c.held.Store(true)
	case !s.opts.Decides:
		c.gate.keep(c, false)
	}
	s.opts.Handler.ServeHTTP(w, r)
}

// servePaced is serve for net/http, which knows no least rate of a body.
func (s *Server) servePaced(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		b := &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), limits: &s.opts.Limits, began: time.Now()}
		b.arm() // also for what net/http reads of a body that the handler leaves
		r.Body = b
	}
	s.serve(w, r)
}
