package sqsd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/forebay-mq/forebay/worker"
)

// Defaults of [Options], those of the daemon.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultInactivity     = 180 * time.Second
	DefaultErrorTimeout   = 2 * time.Second
	DefaultContentType    = "application/json"
	DefaultHMACHeader     = "X-Forebay-Signature"
)

const (
	userAgent      = "aws-sqsd/3.0 (forebay)"
	answerBytesMax = 64 << 10 // of an answer that are read, so that its connection can be used again
)

// Attributes of messages that are periodic tasks; they become headers and the path of their own.
const (
	attributeTask      = "beanstalk.sqsd.task_name"
	attributePath      = "beanstalk.sqsd.path"
	attributeScheduled = "beanstalk.sqsd.scheduled_time"
)

// Options say where and how messages are posted. URL is needed; the zero value of all others works.
type Options struct {
	URL            string        // of the application, with the path that messages go to
	Queue          string        // the queue's name, for a header
	ContentType    string        // of bodies; empty is DefaultContentType
	ConnectTimeout time.Duration // zero is DefaultConnectTimeout
	Inactivity     time.Duration // for the application to answer; zero is DefaultInactivity
	ErrorTimeout   time.Duration // until a message comes back that was refused; zero is DefaultErrorTimeout
	HMACKey        []byte        // signs each request unless it is empty
	HMACHeader     string        // the header for that; empty is DefaultHMACHeader
	Connections    int           // kept open while idle
}

// Poster posts messages. Its Handle is a handler of package worker.
type Poster struct {
	Options
	target   *url.URL
	client   *http.Client
	presence presence
}

// NewPoster checks the options. It sends nothing yet.
func NewPoster(o Options) (*Poster, error) {
	target, err := url.Parse(o.URL)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a web application; write it like http://127.0.0.1:8080/", o.URL)
	}
	o.ContentType = cmp.Or(o.ContentType, DefaultContentType)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, DefaultConnectTimeout)
	o.Inactivity = cmp.Or(o.Inactivity, DefaultInactivity)
	o.ErrorTimeout = cmp.Or(o.ErrorTimeout, DefaultErrorTimeout)
	o.HMACHeader = cmp.Or(o.HMACHeader, DefaultHMACHeader)
	return &Poster{Options: o, target: target, client: &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext,
			TLSHandshakeTimeout:   o.ConnectTimeout,
			ResponseHeaderTimeout: o.Inactivity,
			MaxIdleConnsPerHost:   max(1, o.Connections),
			IdleConnTimeout:       time.Minute,
			DisableCompression:    true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // only 200 is 200
	}}, nil
}

// Close closes the connections that are idle.
func (p *Poster) Close() { p.client.CloseIdleConnections() }

// Handle posts a message. It returns nil for an answer of 200, [worker.Later] for 429 and 503 that say when to come back,
// [worker.Unavailable] when there was no connection to the application, so that it cannot have seen the message, and
// otherwise a failure that comes back after the error timeout.
func (p *Poster) Handle(ctx context.Context, m *worker.Message) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) }, // also when a kept connection was closed before anything was written
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	request, err := p.request(ctx, m)
	if err != nil {
		return worker.Retry(p.ErrorTimeout, err)
	}
	response, err := p.client.Do(request)
	if err != nil && !connected.Load() {
		p.presence.gone()
		return worker.Unavailable(p.notThere(err))
	}
	p.presence.seen(time.Now())
	if err != nil {
		return worker.Retry(p.ErrorTimeout, err)
	}
	defer response.Body.Close()
	defer time.AfterFunc(p.Inactivity, hangUp).Stop()          // for one whose answer has no end
	_, _ = io.CopyN(io.Discard, response.Body, answerBytesMax) // what is answered beside the status is not for us
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if delay, ok := retryAfter(response.Header.Get("Retry-After"), time.Now()); ok {
			return worker.Later(delay)
		}
	}
	return worker.Retry(p.ErrorTimeout, fmt.Errorf("the application answered %s", response.Status))
}

// request words a message as the daemon does.
func (p *Poster) request(ctx context.Context, m *worker.Message) (*http.Request, error) {
	target := *p.target
	if path := m.Attribute(attributePath); path != "" && m.Attribute(attributeTask) != "" {
		target = *target.ResolveReference(pathOnly(path))
	}
	body := ""
	if m.Body != nil {
		body = *m.Body
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	set := func(name, value string) {
		if value != "" {
			r.Header.Set(name, oneLine(value))
		}
	}
	set("User-Agent", userAgent)
	set("Content-Type", p.ContentType)
	set("X-Aws-Sqsd-Msgid", m.ID())
	set("X-Aws-Sqsd-Queue", p.Queue)
	if first := m.FirstReceived(); !first.IsZero() {
		set("X-Aws-Sqsd-First-Received-At", first.UTC().Format(time.RFC3339))
	}
	set("X-Aws-Sqsd-Receive-Count", strconv.Itoa(m.Receives()))
	set("X-Aws-Sqsd-Sender-Id", m.Attributes["SenderId"])
	set("X-Aws-Sqsd-Taskname", m.Attribute(attributeTask))
	set("X-Aws-Sqsd-Scheduled-At", m.Attribute(attributeScheduled))
	for name, value := range m.MessageAttributes {
		kind := ""
		if value.DataType != nil {
			kind = *value.DataType
		}
		// A name with letters beyond ASCII cannot be a header's; no other place is known for it.
		if value.StringValue != nil && !strings.HasPrefix(kind, "Binary") && !strings.HasPrefix(name, "beanstalk.sqsd.") && isASCII(name) {
			set("X-Aws-Sqsd-Attr-"+name, *value.StringValue)
		}
	}
	parent, state := m.Trace()
	set("Traceparent", parent)
	set("Tracestate", state)
	set("X-Amzn-Trace-Id", m.Attributes["AWSTraceHeader"])
	set("X-Forebay-Group", m.Group())
	if m.ReceiptHandle != nil {
		set("X-Forebay-Receipt", *m.ReceiptHandle)
	}
	if len(p.HMACKey) > 0 {
		set(p.HMACHeader, Sign(p.HMACKey, target.String(), []byte(body)))
	}
	return r, nil
}

// pathOnly reads the path and query of a task. Whoever sends messages chooses it, and must not choose another host.
func pathOnly(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		return &url.URL{Path: text}
	}
	return &url.URL{Path: "/" + strings.TrimLeft(u.Path, "/"), RawQuery: u.RawQuery}
}

// Sign returns the signature of a request, for an application that wants to check it: hexadecimal HMAC-SHA256 of the
// line "POST URL", a line feed, and the body.
func Sign(key []byte, target string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("POST " + target + "\n"))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// isASCII reports whether text has only bytes that a header's name can have.
func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// oneLine makes a value fit for a header: control characters become spaces.
func oneLine(text string) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, []byte(text)))
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}
