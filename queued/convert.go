package queued

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// NewRequest returns the message for r, with an id of its own, body as its body, and nothing set of what says how to
// answer. Header fields that belong to one connection are left out, and so is what the trace attributes carry; see
// [TraceOf]. What cannot travel shows when the request is encoded.
func NewRequest(r *http.Request, body []byte) *Request {
	out := &Request{
		ID: rand.Text(), Method: r.Method, URL: requestURI(r.URL), Host: r.Host, Header: CleanHeader(r.Header), Body: body,
	}
	if out.Method == "" {
		out.Method = http.MethodGet // as http.NewRequest has it
	}
	if out.Host == "" {
		out.Host = r.URL.Host
	}
	for _, name := range []string{"Traceparent", "Tracestate", "Content-Length"} {
		delete(out.Header, name)
	}
	if len(body) > 0 || slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, out.Method) {
		out.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	return out
}

// requestURI is path and query of u, as net/http would send them.
func requestURI(u *url.URL) string {
	path := u.EscapedPath()
	if strings.HasPrefix(u.Opaque, "/") && !strings.HasPrefix(u.Opaque, "//") {
		path = u.Opaque
	}
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	return path
}

// HTTP returns the request as a handler wants it. Its context is ctx; the trace context of the message's attributes, if
// there is one, goes into the header. The request must have been decoded without an error.
func (r *Request) HTTP(ctx context.Context, trace Trace) (*http.Request, error) {
	u, err := url.ParseRequestURI(r.URL)
	if err != nil {
		return nil, wrong("url", "%v", err)
	}
	var body io.ReadCloser = http.NoBody
	if len(r.Body) > 0 {
		body = io.NopCloser(bytes.NewReader(r.Body))
	}
	h := r.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	trace.set(h)
	out := new(http.Request).WithContext(ctx)
	out.Method, out.URL, out.RequestURI = r.Method, u, r.URL
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	out.Header, out.Body, out.ContentLength = h, body, int64(len(r.Body))
	out.Host, out.RemoteAddr = r.Host, r.Remote
	return out, nil
}

// Trace is a W3C trace context. Its zero value is none.
type Trace struct{ Parent, State string }

// TraceOf returns the trace context in a header.
func TraceOf(h http.Header) Trace {
	return Trace{Parent: h.Get("Traceparent"), State: h.Get("Tracestate")}
}

// set puts the trace context into a header, if there is one that can stand there.
func (t Trace) set(h http.Header) {
	if t.Parent == "" || !isText(t.Parent) {
		return
	}
	h.Set("Traceparent", t.Parent)
	h.Del("Tracestate")
	if t.State != "" && isText(t.State) {
		h.Set("Tracestate", t.State)
	}
}

// Attributes returns the attributes that a message is sent with: the signature and the trace context, as far as
// they are there. Nil when there are none.
func Attributes(signature string, trace Trace) map[string]types.MessageAttributeValue {
	if trace.Parent == "" {
		trace.State = ""
	}
	var out map[string]types.MessageAttributeValue
	for _, field := range [...]struct{ name, value string }{
		{AttributeSignature, signature}, {AttributeTraceparent, trace.Parent}, {AttributeTracestate, trace.State},
	} {
		if field.value == "" || !isText(field.value) {
			continue
		}
		if out == nil {
			out = make(map[string]types.MessageAttributeValue)
		}
		out[field.name] = textAttribute("String", field.value)
	}
	return out
}

// ReadAttributes returns what the attributes of a received message say. Other attributes do not matter.
func ReadAttributes(m types.Message) (signature string, trace Trace) {
	text := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	return text(AttributeSignature), Trace{Parent: text(AttributeTraceparent), State: text(AttributeTracestate)}
}
