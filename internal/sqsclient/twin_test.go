package sqsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// api is what both clients can be asked to do by the short way.
type api interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// exchange is a request and what came of it.
type exchange struct {
	request *http.Request
	body    []byte
	reply   []byte
	resp    *http.Response
	err     error
}

// doer is an HTTP client that is a function.
type doer func(*http.Request) (*http.Response, error)

func (f doer) Do(r *http.Request) (*http.Response, error) { return f(r) }

// twins are a Client, and a client of the SDK that is given, for the same calls, the very responses which the Client
// got. What they ask and what they return must be the same.
type twins struct {
	t     testing.TB
	short *Client
	sdk   *sqs.Client
	tape  []exchange
}

// newTwins returns twins of which the Client's requests go to next. change may change the options of both.
func newTwins(t testing.TB, next sqs.HTTPClient, change func(*sqs.Options)) *twins {
	w := &twins{t: t}
	options := sqs.Options{
		BaseEndpoint: aws.String("http://sqs.test:4566"),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKID", "secret", "a/token=="),
		AppID:        "test",
	}
	if change != nil {
		change(&options)
	}
	recorded := options
	recorded.HTTPClient = doer(func(r *http.Request) (*http.Response, error) { return w.record(next, r) })
	w.short = New(sqs.New(recorded))
	if w.short.wire == nil {
		t.Fatal("the client does not take the short way")
	}
	options.HTTPClient = doer(w.replay)
	w.sdk = sqs.New(options)
	return w
}

func (w *twins) record(next sqs.HTTPClient, r *http.Request) (*http.Response, error) {
	x := exchange{request: r}
	if r.Body != nil {
		x.body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(x.body))
	}
	if x.resp, x.err = next.Do(r); x.err == nil {
		var err error
		x.reply, err = io.ReadAll(x.resp.Body)
		x.resp.Body.Close()
		x.resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(x.reply), failing{err}))
	}
	w.tape = append(w.tape, x)
	return x.resp, x.err
}

// failing is the end of a body: err, or else its plain end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func (w *twins) replay(r *http.Request) (*http.Response, error) {
	if len(w.tape) == 0 {
		w.t.Error("the SDK sends more requests than the client did")
		return nil, io.ErrUnexpectedEOF
	}
	x := w.tape[0]
	w.tape = w.tape[1:]
	body, _ := io.ReadAll(r.Body)
	if got, want := meaning(x.body), meaning(body); !reflect.DeepEqual(got, want) {
		w.t.Errorf("the request is %s, that of the SDK %s", x.body, body)
	}
	if x.request.URL.String() != r.URL.String() || x.request.Host != cmpHost(r) || x.request.Method != r.Method || x.request.ContentLength != int64(len(x.body)) {
		w.t.Errorf("the request is %s %s to %s with %d bytes, that of the SDK %s %s to %s", x.request.Method, x.request.URL, x.request.Host, x.request.ContentLength,
			r.Method, r.URL, r.Host)
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target", "X-Amzn-Query-Mode", "X-Amz-Security-Token", "X-Amz-Date"} {
		if got, want := x.request.Header.Get(name), r.Header.Get(name); got != want && (name != "X-Amz-Date" || (got == "") != (want == "")) {
			w.t.Errorf("header %s is %q, the SDK's %q", name, got, want)
		}
	}
	if x.err != nil {
		return nil, x.err
	}
	resp := *x.resp
	resp.Body = io.NopCloser(bytes.NewReader(x.reply))
	return &resp, nil
}

// cmpHost is the host that a request goes out with.
func cmpHost(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// meaning is what a JSON text says.
func meaning(text []byte) (v any) {
	if err := json.Unmarshal(text, &v); err != nil {
		return err.Error()
	}
	return v
}

// call makes a call of both and returns what the Client returned.
func call[T any](w *twins, name string, f func(api) (T, error)) (T, error) {
	w.t.Helper()
	w.tape = nil
	got, err := f(w.short)
	sent := len(w.tape)
	want, wantErr := f(w.sdk)
	if len(w.tape) > 0 {
		w.t.Errorf("%s: the client sent %d requests, the SDK %d", name, sent, sent-len(w.tape))
	}
	if !reflect.DeepEqual(withoutMetadata(got), withoutMetadata(want)) {
		w.t.Errorf("%s: got %+v, the SDK %+v", name, text(got), text(want))
	}
	if g, s := errorText(err), errorText(wantErr); g != s {
		w.t.Errorf("%s: got the error\n%s\nthe SDK\n%s", name, g, s)
	}
	return got, err
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// withoutMetadata takes away what only the SDK notes in an output.
func withoutMetadata(out any) any {
	if v := reflect.ValueOf(out); v.Kind() == reflect.Pointer && !v.IsNil() {
		v.Elem().FieldByName("ResultMetadata").Set(reflect.ValueOf(middleware.Metadata{}))
	}
	return out
}

// errorText is all that a caller may learn from an error: its text, its types all the way down, and as what it counts.
func errorText(err error) string {
	if err == nil {
		return "none"
	}
	s := err.Error()
	for e := err; e != nil; e = errors.Unwrap(e) {
		s += fmt.Sprintf("\n%T", e)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		s += fmt.Sprintf("\n%s %s %s", api.ErrorCode(), api.ErrorFault(), api.ErrorMessage())
	}
	return s
}

// atOnce retries without waiting, and without counting how often.
func atOnce(o *sqs.Options) {
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff, o.RateLimiter = retry.BackoffDelayerFunc(noDelay), ratelimit.None
	})
}

// reply makes a response.
func reply(status int, body string, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}
