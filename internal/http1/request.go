package http1

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// exchange is what serving a request needs. A connection has one while it is busy.
type exchange struct {
	conn     *conn
	head     head
	context  *requestContext
	blank    *http.Request // with context in it and nothing else, since a request's context has no setter
	request  http.Request
	url      url.URL
	header   http.Header
	values   []string // what the lists in header are made of
	body     body
	response response
}

func newExchange() *exchange {
	x := &exchange{header: make(http.Header)}
	x.response.header = make(http.Header)
	x.newContext()
	return x
}

// newContext makes a context that nobody has seen.
func (x *exchange) newContext() {
	x.context = new(requestContext)
	x.blank = new(http.Request).WithContext(x.context)
}

// prepare makes the request of a head of so many bytes, which is in the connection's buffer.
func (x *exchange) prepare(c *conn, size int) error {
	text := string(c.buffered()[:size]) // all texts of the request are parts of it
	c.start += size
	h := &x.head
	target := h.target.of(text)
	if err := x.setURL(target); err != nil {
		return err
	}
	x.conn = c
	x.request = *x.blank
	r := &x.request
	r.Method, r.RequestURI, r.URL = method(h.method.of(text)), target, &x.url
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, h.minor
	if h.minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	r.RemoteAddr = c.remote
	if r.Host = x.url.Host; r.Host == "" {
		r.Host = h.host.of(text)
	}
	x.setHeader(text)
	r.Header = x.header
	x.setBody(r)
	x.context.reset(c, r.Body != http.NoBody)
	x.response.begin(x)
	return nil
}

// method returns a method's name, without memory for the usual ones.
func method(name string) string {
	for _, known := range [...]string{http.MethodPost, http.MethodGet, http.MethodHead} {
		if name == known {
			return known
		}
	}
	return name
}

// setURL understands the target of a request: a path, or a URL as proxies are sent it.
func (x *exchange) setURL(target string) error {
	if isPlainPath(target) {
		x.url = url.URL{Path: target}
		return nil
	}
	if target[0] != '/' && target != "*" && !strings.HasPrefix(target, "http://") && !strings.HasPrefix(target, "https://") {
		return malformed("the request target is neither a path nor a URL")
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return malformed("the request target cannot be parsed")
	}
	x.url = *parsed
	return nil
}

// isPlainPath tells whether the target is a path that means what it says.
func isPlainPath(target string) bool {
	if target[0] != '/' {
		return false
	}
	for i := range len(target) {
		if !plainByte[target[i]] {
			return false
		}
	}
	return true
}

func (x *exchange) setHeader(text string) {
	clear(x.header)
	x.values = slices.Grow(x.values[:0], len(x.head.fields))
	for i, f := range x.head.fields {
		name := f.name.of(text)
		x.values = append(x.values, f.value.of(text))
		if before, ok := x.header[name]; ok {
			x.header[name] = append(before, x.values[i])
		} else {
			x.header[name] = x.values[i : i+1 : i+1]
		}
	}
}

func (x *exchange) setBody(r *http.Request) {
	h := &x.head
	x.body = body{exchange: x}
	switch {
	case h.chunked:
		x.body.chunked = true
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	case h.length > 0:
		x.body.left = h.length
		r.ContentLength = h.length
	default:
		x.body.err = io.EOF
		r.Body = http.NoBody
		return
	}
	x.body.expects = h.expect && h.minor == 1
	r.Body = &x.body
}

// serve calls the handler, completes its answer, and tells whether the connection can serve another request.
func (x *exchange) serve() bool {
	handled := false
	defer func() {
		if !handled { // a panic, which goes on to the connection
			x.context.finish()
		}
	}()
	x.conn.server.Handler.ServeHTTP(&x.response, &x.request)
	handled = true
	x.response.finish()
	if !x.context.finish() {
		x.newContext()
	}
	skipped := x.body.skip()
	x.conn.linger = !skipped
	return x.response.keep && skipped
}
