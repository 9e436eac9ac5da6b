// Package backend answers the requests of a queue by asking an HTTP server nearby. It reaches outward only: to the queue
// server, through package queued, and to the one server it stands before.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/nonblock"
	"github.com/forebay-mq/forebay/queued"
)

// Retry says which requests are tried again after a try that may have reached the server.
type Retry string

// The rules of trying again. A request that cannot have reached the server is always tried again, and one marked once never.
const (
	RetrySafe  Retry = "safe"  // methods that may be repeated, and requests with an Idempotency-Key
	RetryAll   Retry = "all"   // every request: the server does not mind
	RetryNever Retry = "never" // none
)

// Options say how requests are passed on. To is needed.
type Options struct {
	// To is the server: http or https, a host, and a path that goes before that of requests.
	To *url.URL
	// Host is what the server is called. Empty: what the client has called it, or else the host of To.
	Host string
	// Tries is how often a request is tried. 0: 3.
	Tries int
	// Retry is the rule. Empty: RetrySafe.
	Retry Retry
	// RetryStatuses are answers of the server that are tried again too; the last try's is passed on. 502, say.
	RetryStatuses []int
	// DeadLetter is called with a request that was tried as often as it may be, before its asker is told. An error leaves the
	// request in its queue. Nil: nothing is kept.
	DeadLetter func(context.Context, queued.Delivery) error
	// Transport reaches the server. Nil: one of its own, with connections kept.
	Transport http.RoundTripper
	// Logger is told what goes wrong. Nil: slog.Default().
	Logger *slog.Logger
}

const (
	connectTimeout  = 5 * time.Second
	retryLow        = 500 * time.Millisecond // before the second try, doubled for each more
	retryHigh       = time.Minute
	idleConnections = 256
)

// Proxy is the handler for queued.Serve.
type Proxy struct {
	Options
	proxy *httputil.ReverseProxy
}

// New returns a handler that asks the server of the options, or an error for options that cannot work.
func New(o Options) (*Proxy, error) {
	if o.To == nil || o.To.Scheme != "http" && o.To.Scheme != "https" || o.To.Host == "" || o.To.User != nil || o.To.RawQuery != "" || o.To.Fragment != "" {
		return nil, errors.New("the server must be http://HOST[:PORT][/PATH], or https")
	}
	if o.Tries == 0 {
		o.Tries = 3
	}
	if o.Tries < 1 || o.Tries > 100 {
		return nil, fmt.Errorf("%d tries: not between 1 and 100", o.Tries)
	}
	if o.Retry == "" {
		o.Retry = RetrySafe
	}
	if !slices.Contains([]Retry{RetrySafe, RetryAll, RetryNever}, o.Retry) {
		return nil, fmt.Errorf("%q is no rule of trying again: use safe, all or never", o.Retry)
	}
	for _, status := range o.RetryStatuses {
		if status < 400 || status > 599 {
			return nil, fmt.Errorf("the status %d is none to try again after: use 400 to 599", status)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			DialContext:         dial,
			TLSHandshakeTimeout: connectTimeout, DisableCompression: true, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: 90 * time.Second,
		}
	}
	p := &Proxy{Options: o}
	p.proxy = &httputil.ReverseProxy{
		Rewrite: p.rewrite, ModifyResponse: p.look, ErrorHandler: p.failed, Transport: o.Transport,
		FlushInterval: -1, // queued decides whether the asker wants pieces
		BufferPool:    &buffers{},
		ErrorLog:      slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return p, nil
}

// dial connects to the server.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return nonblock.Conn(c), nil
}

// ServeHTTP implements http.Handler, for requests that come from queued.Serve.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v != http.ErrAbortHandler {
			panic(v)
		}
		d, _ := queued.DeliveryOf(r.Context())
		if !p.again(r, d, errors.New("the server broke its answer off"), 0) {
			panic(http.ErrAbortHandler)
		}
	}()
	p.proxy.ServeHTTP(untyped{w}, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, served)))
}

// served is what net/http's own server puts into contexts. Where it stands, the proxy panics when an answer breaks off, and does
// not end it as if it were whole.
var served = &http.Server{}

const bufferBytes = 32 << 10 // of an answer that are copied at once

// buffers lends the proxy what it copies answers with, which would otherwise be most of the garbage that it makes.
type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if had, ok := b.pool.Get().(*[bufferBytes]byte); ok {
		return had[:]
	}
	return make([]byte, bufferBytes)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferBytes]byte)(buffer)) }

// rewrite makes the request to the server: path and query as they came, the client as far as it is known.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(p.To)
	setTarget(r.Out.URL, p.To, r.In)
	delete(r.Out.Header, "Expect") // the body is here already
	r.Out.Host = r.In.Host
	if p.Host != "" {
		r.Out.Host = p.Host
	}
	if values := r.In.Header["Forwarded"]; values != nil {
		r.Out.Header["Forwarded"] = values // written by the gateway
	}
	d, _ := queued.DeliveryOf(r.In.Context())
	if d.Request == nil {
		return
	}
	if ip, _, err := net.SplitHostPort(d.Request.Remote); err == nil {
		r.Out.Header.Set("X-Forwarded-For", ip)
	} else if d.Request.Remote != "" {
		r.Out.Header.Set("X-Forwarded-For", d.Request.Remote)
	}
	if d.Request.Host != "" {
		r.Out.Header.Set("X-Forwarded-Host", d.Request.Host)
	}
	if d.Request.Scheme != "" {
		r.Out.Header.Set("X-Forwarded-Proto", d.Request.Scheme)
	}
}

// errStatus is an answer that is not passed on, since the request is tried again.
type errStatus struct {
	status int
	after  time.Duration // that the server has asked for
}

// Error names the status.
func (e errStatus) Error() string { return fmt.Sprintf("the server answered %d", e.status) }

// look decides whether an answer is passed on.
func (p *Proxy) look(res *http.Response) error {
	d, _ := queued.DeliveryOf(res.Request.Context())
	if err := checkStatus(res.StatusCode); err != nil {
		return err
	}
	if !slices.Contains(p.RetryStatuses, res.StatusCode) || d.Receives >= p.Tries || !p.mayRepeat(res.Request, d) {
		return nil
	}
	var after time.Duration
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		after = min(time.Duration(seconds)*time.Second, time.Hour)
	}
	return errStatus{res.StatusCode, after}
}

// mayRepeat says whether a request that may have reached the server can be sent again.
func (p *Proxy) mayRepeat(r *http.Request, d queued.Delivery) bool {
	if d.Request == nil || d.Request.Once || p.Retry == RetryNever {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return p.Retry == RetryAll || r.Header.Get("Idempotency-Key") != ""
}

// failed deals with a request for which there is no answer to pass on.
func (p *Proxy) failed(_ http.ResponseWriter, r *http.Request, err error) {
	d, _ := queued.DeliveryOf(r.Context())
	if r.Context().Err() != nil {
		return // queued answers what is too late
	}
	status, _ := errors.AsType[errStatus](err)
	if !p.again(r, d, err, status.after) {
		panic(http.ErrAbortHandler)
	}
}

// again gives the request back for another try, or answers 502 when there must not be one. It returns false when a piece of the
// answer was sent already.
func (p *Proxy) again(r *http.Request, d queued.Delivery, err error, after time.Duration) bool {
	log := p.Logger.With("request", d.Request.ID, "try", d.Receives, "err", err)
	_, nonsense := errors.AsType[errNoStatus](err)
	repeat := !nonsense && p.mayRepeat(r, d) || notConnected(err) && !d.Request.Once
	if repeat && d.Receives < p.Tries {
		if after == 0 {
			after = min(retryLow<<min(max(d.Receives, 1), 10), retryHigh)
		}
		log.Warn("a request will be tried again", "after", after)
		return d.GiveBack(after)
	}
	reason, text := queued.ReasonUnreachable, "the server behind the queue did not answer"
	switch {
	case nonsense:
		text = err.Error()
	case repeat:
		reason, text = queued.ReasonFailed, fmt.Sprintf("the server behind the queue did not answer, %d times", d.Receives)
	}
	if !d.Fail(http.StatusBadGateway, reason, text) {
		log.Warn("an answer broke off")
		return false
	}
	if p.DeadLetter != nil {
		if kept := p.DeadLetter(r.Context(), d); kept != nil {
			log.Error("a failed request could not be put into the dead-letter queue", "cause", kept)
			return d.GiveBack(retryHigh)
		}
		if err := d.MayComeAgain(); err != nil {
			log.Warn("a dead-lettered request will be taken for a copy when it is sent again", "cause", err)
		}
	}
	log.Error("a request has failed")
	return true
}

// notConnected says whether the request cannot have reached the server.
func notConnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// ParseTarget reads the address of a server. A bare host and port is http.
func ParseTarget(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address such as http://127.0.0.1:3000", text)
	}
	return u, nil
}
