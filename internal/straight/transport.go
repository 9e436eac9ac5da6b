package straight

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/forebay-mq/forebay/internal/nonblock"
)

const (
	// idleMost bounds the time for which a connection is kept without a request. Servers commonly close theirs after a
	// minute; what is dropped earlier is not found closed.
	idleMost = 45 * time.Second

	dialMax      = 10 * time.Second // of a Transport without a DialContext
	handshakeMax = 10 * time.Second // of TLS, where TLSHandshakeTimeout is zero
)

// Transport is an http.RoundTripper. It may be used from many goroutines. Make one with New.
type Transport struct {
	usual    *http.Transport
	plain    bool // usual asks for nothing that only net/http does
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	secure   *tls.Config
	patience time.Duration // zero: the server may be silent for ever
	pool     pool
}

// New returns a Transport with the settings of usual, which must not be changed any more, and through which goes
// whatever needs more. Of its settings count: Proxy, DialContext (nil: a dial may take 10 s), TLSClientConfig,
// TLSHandshakeTimeout (zero: 10 s), ResponseHeaderTimeout, MaxResponseHeaderBytes, MaxIdleConnsPerHost (zero: as
// net/http) and IdleConnTimeout (zero, or more than 45 s: 45 s). With others that matter, such as MaxConnsPerHost or
// DialTLSContext, all requests go through usual.
func New(usual *http.Transport) *Transport {
	t := &Transport{
		usual: usual,
		plain: !usual.DisableKeepAlives && usual.MaxConnsPerHost == 0 && usual.DialTLSContext == nil,
		dial:  usual.DialContext, secure: &tls.Config{}, patience: usual.ResponseHeaderTimeout,
		pool: pool{most: cmp.Or(usual.MaxIdleConnsPerHost, http.DefaultMaxIdleConnsPerHost), age: idleMost},
	}
	//lint:ignore SA1019 they are old, and still count
	if usual.Dial != nil || usual.DialTLS != nil {
		t.plain = false
	}
	if p := usual.Protocols; p != nil && !p.HTTP1() {
		t.plain = false
	}
	if t.dial == nil {
		t.dial = (&net.Dialer{Timeout: dialMax}).DialContext
	}
	if usual.TLSClientConfig != nil {
		t.secure = usual.TLSClientConfig.Clone()
	}
	t.secure.NextProtos = []string{"http/1.1"}
	if usual.IdleConnTimeout > 0 {
		t.pool.age = min(t.pool.age, usual.IdleConnTimeout)
	}
	return t
}

// RoundTrip implements http.RoundTripper. The reply's body must be read to its end, or closed. Its length is not bounded.
// When the context ends, so do the call and the reading of its reply.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.plain || !simple(r) || t.proxied(r) {
		return t.usual.RoundTrip(r)
	}
	buf := buffers.Get().(*[bufferLen]byte)
	defer buffers.Put(buf)
	head, ok := appendHead(buf[:0], r)
	if !ok {
		return t.usual.RoundTrip(r) // which has the words for what is wrong
	}
	if r.Body != nil {
		defer r.Body.Close()
	}
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	to := place{r.URL.Scheme, r.URL.Host}
	body := r.Body
	if c := t.pool.take(to); c != nil {
		resp, err := c.exchange(r, head, body)
		if !errors.Is(err, errGone) {
			return resp, err
		}
		if r.ContentLength > 0 {
			if body, err = r.GetBody(); err != nil {
				return nil, err
			}
			defer body.Close()
		}
	}
	c, err := t.connect(r.Context(), to)
	if err != nil {
		return nil, err
	}
	return c.exchange(r, head, body)
}

// CloseIdleConnections closes the connections that no request is using.
func (t *Transport) CloseIdleConnections() {
	t.pool.clear()
	t.usual.CloseIdleConnections()
}

// proxied tells whether a proxy stands before the server, or what names it is wrong.
func (t *Transport) proxied(r *http.Request) bool {
	if t.usual.Proxy == nil {
		return false
	}
	proxy, err := t.usual.Proxy(r)
	return proxy != nil || err != nil
}

// connect opens a connection.
func (t *Transport) connect(ctx context.Context, to place) (*conn, error) {
	u := url.URL{Host: to.host}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[to.scheme]
	}
	raw, err := t.dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	raw = nonblock.Conn(raw)
	if to.scheme == "http" {
		return newConn(t, to, raw, raw), nil
	}
	config := t.secure
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = u.Hostname()
	}
	secured := tls.Client(raw, config)
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.usual.TLSHandshakeTimeout, handshakeMax))
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return newConn(t, to, raw, secured), nil
}
