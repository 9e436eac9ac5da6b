package sqs

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/nonblock"
)

// ServerOptions are for [NewServer]. The zero value is right for a public server.
type ServerOptions struct {
	// HTTP2 also speaks HTTP/2 over TLS. Clients of SQS do not need it.
	HTTP2 bool
	// Logger may be nil. What clients do wrong below HTTP is logged at debug level.
	Logger *slog.Logger
}

// The limits of a connection.
const (
	headerTimeMax  = 5 * time.Second
	idleTimeMax    = 60 * time.Second
	headerBytesMax = 16 << 10 // net/http adds 4 KiB of its own
)

// NewServer returns a server with limits against slow and greedy clients. Bodies and answers have deadlines of
// their own, which the handler of [New] sets: they depend on the request, for a long poll may be silent.
func NewServer(h http.Handler, opts ServerOptions) *http.Server {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(opts.HTTP2)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeMax,
		IdleTimeout:       idleTimeMax,
		MaxHeaderBytes:    headerBytesMax,
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
	}
}

// ListenLimits bound the connections of a listener. Zero means no bound.
type ListenLimits struct {
	Total      int    // open at a time
	PerAddress int    // open at a time from one address
	Refused    func() // called for each connection closed at once for a bound; may be nil
}

// Limit returns a listener that closes connections beyond the limits as soon as they are made.
func Limit(l net.Listener, limits ListenLimits) net.Listener {
	return &limitedListener{Listener: l, limits: limits, open: make(map[netip.Addr]int)}
}

type limitedListener struct {
	net.Listener
	limits ListenLimits

	mu    sync.Mutex
	total int
	open  map[netip.Addr]int // connections by address; addresses without any are left out
}

// Accept returns the next connection within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addressOf(conn)
		if l.enter(addr) {
			return &limitedConn{Conn: nonblock.Conn(conn), leave: sync.OnceFunc(func() { l.leave(addr) })}, nil
		}
		if l.limits.Refused != nil {
			l.limits.Refused()
		}
		_ = conn.Close()
	}
}

// addressOf returns the peer's address, the zero one when it has none.
func addressOf(conn net.Conn) netip.Addr {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

func (l *limitedListener) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limits.Total > 0 && l.total >= l.limits.Total ||
		l.limits.PerAddress > 0 && l.open[addr] >= l.limits.PerAddress {
		return false
	}
	l.total++
	l.open[addr]++
	return true
}

func (l *limitedListener) leave(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.open[addr]--; l.open[addr] == 0 {
		delete(l.open, addr)
	}
}

// limitedConn tells its listener once when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite tells the peer that nothing more will come, if the connection can.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
