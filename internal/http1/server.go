package http1

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Defaults of the times of a [Server].
const (
	readHeaderTimeDefault = 5 * time.Second
	idleTimeDefault       = 60 * time.Second
	graceDefault          = 10 * time.Second
	rateDefault           = 64 << 10
)

// ConnKey is under what a request's context holds the connection that it came by, as a [net.Conn].
var ConnKey any = connKey{}

type connKey struct{}

// Server serves HTTP/1.1. Handler is needed, zero values elsewhere are right for a public server. The fields must
// not change after Serve.
type Server struct {
	Handler http.Handler
	// ReadHeaderTimeout bounds the time of a request's head, and that of a new connection until it has sent one.
	// Zero: 5 s.
	ReadHeaderTimeout time.Duration
	// IdleTimeout bounds the time between two requests. Zero: 60 s.
	IdleTimeout time.Duration
	// Grace is how long the body of a request may stand still in all, from when the server first waits for it, and so
	// the writes of its response. Zero: 10 s.
	Grace time.Duration
	// Rate is how many bytes a second must flow of either beyond that, for handlers that set no deadlines of their
	// own. Zero: 64 KiB.
	Rate int64
	// OnIdle, unless it is nil, is called when a connection begins to wait for another request.
	OnIdle func(net.Conn)
	// Logger may be nil. It is told of panics, and of failures to accept.
	Logger *slog.Logger

	ready               sync.Once
	exchanges           sync.Pool // of *exchange
	inputs, smallInputs sync.Pool // of *input and *smallInput
	outputs             sync.Pool // of *[]byte
	dated               atomic.Pointer[dated]

	stopping  atomic.Bool
	mu        sync.Mutex
	listeners []func() error // each ends one
	conns     map[*conn]bool
	serving   sync.WaitGroup // of connections
}

// dated is a second, and how the header Date spells it.
type dated struct {
	second int64
	text   string
}

// within is how long so many bytes of a body or a response may take.
func (s *Server) within(bytes int64) time.Duration {
	return s.Grace + time.Duration(bytes*int64(time.Second)/s.Rate)
}

// start fills in what is missing.
func (s *Server) start() {
	s.ready.Do(func() {
		s.ReadHeaderTimeout = cmp.Or(s.ReadHeaderTimeout, readHeaderTimeDefault)
		s.IdleTimeout = cmp.Or(s.IdleTimeout, idleTimeDefault)
		s.Grace = cmp.Or(s.Grace, graceDefault)
		s.Rate = cmp.Or(s.Rate, rateDefault)
		s.exchanges.New = func() any { return newExchange() }
		s.inputs.New = func() any { return new(input) }
		s.smallInputs.New = func() any { return new(smallInput) }
		s.outputs.New = func() any { return new([]byte) }
		s.mu.Lock()
		s.conns = make(map[*conn]bool)
		s.mu.Unlock()
	})
}

// Serve accepts connections from l and serves them until Shutdown or Close, when it returns
// [http.ErrServerClosed], or until l fails. It closes l.
func (s *Server) Serve(l net.Listener) error {
	s.start()
	end := sync.OnceValue(l.Close)
	defer end()
	if !s.listen(end) {
		return http.ErrServerClosed
	}
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if !s.admit(nc) {
				_ = nc.Close()
			}
		case s.stopping.Load():
			return http.ErrServerClosed
		case passing(err):
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log().Warn("no connection was accepted", "err", err, "pause", pause)
			time.Sleep(pause)
		default:
			return err
		}
	}
}

// passing tells whether accepting may succeed later.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// listen notes how to end a listener, unless the server is stopping.
func (s *Server) listen(end func() error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return false
	}
	s.listeners = append(s.listeners, end)
	return true
}

// admit begins to serve a connection, unless the server is stopping.
func (s *Server) admit(nc net.Conn) bool {
	c := &conn{server: s, net: nc}
	if addr := nc.RemoteAddr(); addr != nil {
		c.remote = addr.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return false
	}
	s.conns[c] = true
	s.serving.Go(c.serve)
	return true
}

// forget is called by a connection that has ended.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Shutdown stops accepting, closes the idle connections and waits until the requests being served are answered,
// or ctx ends; then it returns the error of ctx and leaves them to [Server.Close].
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stop(func(c *conn) bool { return c.state.CompareAndSwap(stateIdle, stateClosed) })
	done := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops accepting and closes all connections. It does not wait for handlers.
func (s *Server) Close() error {
	return s.stop(func(*conn) bool { return true })
}

// stop closes the listeners, and the connections that which names.
func (s *Server) stop(which func(*conn) bool) error {
	s.start()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping.Store(true)
	var errs []error
	for _, end := range s.listeners {
		errs = append(errs, end())
	}
	s.listeners = nil
	for c := range s.conns {
		if which(c) {
			_ = c.net.Close()
		}
	}
	return errors.Join(errs...)
}

// date returns the header Date at now.
func (s *Server) date(now time.Time) string {
	if d := s.dated.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &dated{now.Unix(), now.UTC().Format(http.TimeFormat)}
	s.dated.Store(d)
	return d.text
}

func (s *Server) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}
