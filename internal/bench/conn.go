package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// replyMax bounds a reply, in bytes: ten messages of the largest size, escaped.
const replyMax = 64 << 20

// target is the server as a connection needs it.
type target struct {
	network  *net.Dialer
	address  string // host:port
	tls      *tls.Config
	host     string // header Host
	basePath string // of the endpoint, without a slash at its end
	ramp     *ramp
}

// Connections beyond the first rampFree are opened rampRate a second: a listener has room for some thousands that it
// has not accepted yet, and the system drops what goes beyond.
const (
	rampFree = 1000
	rampRate = 4000
)

// ramp says when a connection may be opened. It is safe for concurrent use.
type ramp struct {
	start  time.Time
	opened atomic.Int64
}

// wait waits for the turn of another connection, and reports whether ctx has let it.
func (r *ramp) wait(ctx context.Context) bool {
	n := r.opened.Add(1) - rampFree
	return n <= 0 || sleep(ctx, time.Until(r.start.Add(time.Duration(n)*time.Second/rampRate)))
}

func newTarget(endpoint string, roots *x509.CertPool) (target, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return target{}, err
	}
	t := target{
		network: &net.Dialer{Timeout: 10 * time.Second}, ramp: &ramp{start: time.Now()},
		host: u.Host, basePath: strings.TrimRight(u.EscapedPath(), "/"),
	}
	port := u.Port()
	if u.Scheme == "https" {
		t.tls = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}, RootCAs: roots}
	}
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[t.tls != nil]
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// conn is one connection to the server. It makes requests and reads replies by hand, in buffers of its own that
// are used again and again. It belongs to one goroutine.
type conn struct {
	target target
	codec  codec
	signer *signer // nil: requests are not signed

	body []byte // of the next request; the caller fills it
	out  []byte // the request as it is written
	in   []byte // body of the latest reply

	net    net.Conn // nil: not connected
	reader *bufio.Reader
	unhook func() bool
}

// connect opens the connection unless it is open. When ctx ends, so does whatever it is doing.
func (c *conn) connect(ctx context.Context) error {
	if c.net != nil {
		return nil
	}
	if !c.target.ramp.wait(ctx) {
		return ctx.Err()
	}
	n, err := c.target.network.DialContext(ctx, "tcp", c.target.address)
	if err != nil {
		return err
	}
	if c.target.tls != nil {
		n = tls.Client(n, c.target.tls)
	}
	c.net = n
	c.reader = bufio.NewReaderSize(n, 8<<10)
	c.unhook = context.AfterFunc(ctx, func() { n.Close() })
	return nil
}

// close ends the connection. The next request opens a new one.
func (c *conn) close() {
	if c.net == nil {
		return
	}
	c.unhook()
	c.net.Close()
	c.net = nil
}

// do sends the request in c.body and returns the reply's body, which is good until the next call. A reply that
// is an error is an *apiError; any other error has cost the connection.
func (c *conn) do(ctx context.Context, act action, path string, patience time.Duration) ([]byte, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	now := time.Now()
	c.out = c.appendRequest(c.out[:0], act, c.target.basePath+path, now)
	err := c.net.SetDeadline(now.Add(requestMax + patience))
	if err == nil {
		_, err = c.net.Write(c.out)
	}
	var status int
	var last bool
	for err == nil && status < 200 { // those below are interim
		status, last, err = c.readReply()
	}
	if err != nil {
		c.close()
		return nil, err
	}
	if last {
		c.close()
	}
	if status != 200 {
		return nil, c.codec.failure(status, c.in)
	}
	return c.in, nil
}

func (c *conn) appendRequest(b []byte, act action, path string, now time.Time) []byte {
	if path == "" {
		path = "/"
	}
	b = append(b, "POST "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.target.host...)
	b = append(b, "\r\nUser-Agent: forebay-bench\r\nContent-Type: "...)
	b = append(b, c.codec.contentType()...)
	target := c.codec.target(act)
	if target != "" {
		b = append(b, "\r\nX-Amz-Target: "...)
		b = append(b, target...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(c.body)), 10)
	b = append(b, "\r\n"...)
	if c.signer != nil {
		b = c.signer.appendHeaders(b, path, target, c.body, now)
	}
	b = append(b, "\r\n"...)
	return append(b, c.body...)
}

var errReply = errors.New("the reply is no HTTP/1.1")

// readReply reads a reply into c.in and tells whether it is the last of the connection.
func (c *conn) readReply() (status int, last bool, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, false, errReply
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, false, errReply
	}
	last = line[7] == '0'
	length, chunked := int64(-1), false
	for {
		line, err = c.reader.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if len(name) == 0 {
			break
		}
		value = bytes.TrimSpace(value)
		switch {
		case equalFold(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 63)
			if err != nil || n > replyMax {
				return 0, false, errReply
			}
			length = int64(n)
		case equalFold(name, "transfer-encoding"):
			chunked = equalFold(value, "chunked")
		case equalFold(name, "connection"):
			last = last || equalFold(value, "close")
		}
	}
	switch {
	case status < 200 || status == 204 || status == 304: // these have no body
	case chunked:
		err = c.readChunks()
	case length < 0:
		last = true
		c.in, err = io.ReadAll(io.LimitReader(c.reader, replyMax))
	default:
		c.in, err = c.readMore(c.in[:0], int(length))
	}
	return status, last, err
}

// equalFold compares a header's text with one in lower case.
func equalFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// readMore appends n bytes of the connection to b.
func (c *conn) readMore(b []byte, n int) ([]byte, error) {
	start := len(b)
	if cap(b) < start+n {
		b = append(make([]byte, 0, 2*(start+n)), b...)
	}
	b = b[:start+n]
	_, err := io.ReadFull(c.reader, b[start:])
	return b, err
}

// readChunks reads a chunked body, and the trailer behind it, into c.in.
func (c *conn) readChunks() error {
	c.in = c.in[:0]
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		digits, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil || len(c.in)+int(size) > replyMax {
			return errReply
		}
		if size == 0 {
			break
		}
		if c.in, err = c.readMore(c.in, int(size)); err != nil {
			return err
		}
		if _, err = c.reader.Discard(2); err != nil {
			return err
		}
	}
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil || len(bytes.TrimRight(line, "\r\n")) == 0 {
			return err
		}
	}
}

// apiError is a reply that is an error.
type apiError struct {
	status        int
	code, message string
}

// Error says what the server has said.
func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

// errorCode is the short text under which err is counted.
func errorCode(err error) string {
	if api, ok := errors.AsType[*apiError](err); ok {
		return api.code
	}
	if entry, ok := errors.AsType[entryError](err); ok {
		return string(entry)
	}
	if errors.Is(err, errEntry) {
		return "reply"
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return "timeout"
	}
	return "connection"
}
