package sqsd

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/worker"
)

const opensslSignature = "02e25be06610d1d44a655f659aa7b89489f2b5a3eff93f667daba7658ea4ed36"

// received is what the application was sent.
type received struct {
	method, path, body string
	header             http.Header
}

// application answers every request alike, and keeps the last one.
func application(t *testing.T, status int, header ...string) (*httptest.Server, *received) {
	var got received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = received{r.Method, r.URL.RequestURI(), string(body), r.Header}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server, &got
}

func poster(t *testing.T, o Options) *Poster {
	t.Helper()
	p, err := NewPoster(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func attribute(kind, text string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String(kind), StringValue: &text}
}

func message(attributes map[string]types.MessageAttributeValue) *worker.Message {
	return &worker.Message{Message: types.Message{
		MessageId: aws.String("id-1"), Body: aws.String(`{"order":7}`), ReceiptHandle: aws.String("handle-1"),
		Attributes: map[string]string{
			"ApproximateReceiveCount": "3", "ApproximateFirstReceiveTimestamp": "1767225600500", "SenderId": "000000000000",
			"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", "MessageGroupId": "g",
		},
		MessageAttributes: attributes,
	}}
}

// TestHeaders is the daemon's documented behaviour, a row for each header.
func TestHeaders(t *testing.T) {
	server, got := application(t, 200)
	p := poster(t, Options{URL: server.URL + "/work", Queue: "orders"})
	err := p.Handle(t.Context(), message(map[string]types.MessageAttributeValue{
		"colour": attribute("String", "red"), "size": attribute("Number", "42"), "kind": attribute("String.custom", "x\r\ny"),
		"picture": {DataType: aws.String("Binary"), BinaryValue: []byte{1}},
		"größe":   {DataType: aws.String("String"), StringValue: aws.String("1")},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got.method != "POST" || got.path != "/work" || got.body != `{"order":7}` {
		t.Errorf("the application got %s %s with %q", got.method, got.path, got.body)
	}
	for name, want := range map[string]string{
		"User-Agent":                   userAgent,
		"Content-Type":                 "application/json",
		"X-Aws-Sqsd-Msgid":             "id-1",
		"X-Aws-Sqsd-Queue":             "orders",
		"X-Aws-Sqsd-First-Received-At": "2026-01-01T00:00:00Z",
		"X-Aws-Sqsd-Receive-Count":     "3",
		"X-Aws-Sqsd-Sender-Id":         "000000000000",
		"X-Aws-Sqsd-Attr-colour":       "red",
		"X-Aws-Sqsd-Attr-size":         "42",
		"X-Aws-Sqsd-Attr-kind":         "x  y",
		"X-Aws-Sqsd-Attr-picture":      "",
		"X-Aws-Sqsd-Taskname":          "",
		"X-Forebay-Receipt":            "handle-1",
		"X-Forebay-Group":              "g",
		"X-Forebay-Signature":          "",
		"Traceparent":                  "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
	} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if !strings.HasPrefix(got.header.Get("User-Agent"), "aws-sqsd/") {
		t.Errorf("applications know the daemon by its name, this is %q", got.header.Get("User-Agent"))
	}
}

func TestOnly200IsDone(t *testing.T) {
	for _, row := range []struct {
		name    string
		status  int
		header  []string
		outcome string // "" done, "later" or "failed"
	}{
		{"200 deletes", 200, nil, ""},
		{"201 does not", 201, nil, "failed"},
		{"204 does not", 204, nil, "failed"},
		{"a redirect is not followed", 302, []string{"Location", "/elsewhere"}, "failed"},
		{"400 comes back", 400, nil, "failed"},
		{"500 comes back", 500, nil, "failed"},
		{"429 that says when is later", 429, []string{"Retry-After", "17"}, "later, in 17s"},
		{"503 that says when is later", 503, []string{"Retry-After", "1"}, "later, in 1s"},
		{"503 that does not is a failure", 503, nil, "failed"},
		{"503 that says nonsense is a failure", 503, []string{"Retry-After", "soon"}, "failed"},
		{"500 that says when is a failure", 500, []string{"Retry-After", "17"}, "failed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, got := application(t, row.status, row.header...)
			err := poster(t, Options{URL: server.URL}).Handle(t.Context(), message(nil))
			switch {
			case row.outcome == "" && err != nil, row.outcome != "" && err == nil:
				t.Errorf("the outcome is %v, want %q", err, row.outcome)
			case row.outcome == "failed" && errors.Unwrap(err) == nil, strings.HasPrefix(row.outcome, "later") && err.Error() != row.outcome:
				t.Errorf("the outcome is %v, want %q", err, row.outcome)
			}
			if got.path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
		})
	}
}

func TestAnApplicationThatDoesNotAnswerIsAFailure(t *testing.T) {
	quiet := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-quiet }))
	defer server.Close()
	defer close(quiet)
	if err := poster(t, Options{URL: server.URL, Inactivity: 10 * time.Millisecond}).Handle(t.Context(), message(nil)); errors.Unwrap(err) == nil {
		t.Errorf("the outcome is %v, want a failure", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := poster(t, Options{URL: server.URL}).Handle(ctx, message(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("the outcome is %v, want that the context has ended", err)
	}
	if err := poster(t, Options{URL: "http://127.0.0.1:1/"}).Handle(t.Context(), message(nil)); errors.Unwrap(err) == nil {
		t.Errorf("the outcome where nobody listens is %v, want a failure", err)
	}
}

func TestAnAnswerWithoutAnEndIsStillAnAnswer(t *testing.T) {
	quiet := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		<-quiet
	}))
	defer server.Close()
	defer close(quiet)
	if err := poster(t, Options{URL: server.URL, Inactivity: 100 * time.Millisecond}).Handle(t.Context(), message(nil)); err != nil {
		t.Errorf("the outcome is %v, want done: it answered 200", err)
	}
}

func TestPeriodicTasksGoToTheirPathAndNowhereElse(t *testing.T) {
	for path, want := range map[string]string{
		"/nightly": "/nightly", "nightly": "/nightly", "/a?b=1": "/a?b=1",
		"http://elsewhere.example/x": "/x", "//elsewhere.example/x": "/x",
	} {
		server, got := application(t, 200)
		p := poster(t, Options{URL: server.URL + "/work"})
		err := p.Handle(t.Context(), message(map[string]types.MessageAttributeValue{
			attributeTask: attribute("String", "clean"), attributePath: attribute("String", path),
			attributeScheduled: attribute("String", "2026-01-01T00:00:00Z"),
		}))
		if err != nil || got.path != want {
			t.Errorf("%s: it went to %q (%v), want %q", path, got.path, err, want)
		}
		if got.header.Get("X-Aws-Sqsd-Taskname") != "clean" || got.header.Get("X-Aws-Sqsd-Scheduled-At") != "2026-01-01T00:00:00Z" {
			t.Errorf("the headers are %v", got.header)
		}
	}
}

func TestSignature(t *testing.T) {
	server, got := application(t, 200)
	p := poster(t, Options{URL: server.URL + "/work", HMACKey: []byte("secret"), HMACHeader: "X-Hub"})
	if err := p.Handle(t.Context(), message(nil)); err != nil {
		t.Fatal(err)
	}
	if want := Sign([]byte("secret"), server.URL+"/work", []byte(got.body)); got.header.Get("X-Hub") != want || len(want) != 64 {
		t.Errorf("the signature is %q, want %q", got.header.Get("X-Hub"), want)
	}
	// Computed with another program: printf 'POST http://h/\nx' | openssl dgst -sha256 -hmac k
	if got := Sign([]byte("k"), "http://h/", []byte("x")); got != opensslSignature {
		t.Errorf("the signature is %s, want %s", got, opensslSignature)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, "Thu, 01 Jan 2026 00:01:30 GMT": 90 * time.Second, "Thu, 01 Jan 1970 00:00:00 GMT": 0,
		"": -1, "-5": -1, "1.5": -1, "tomorrow": -1,
	} {
		if got, ok := retryAfter(text, now); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
	}
}
