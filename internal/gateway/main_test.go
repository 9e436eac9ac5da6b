package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/gather"
	"github.com/forebay-mq/forebay/internal/testkit"
	"github.com/forebay-mq/forebay/queued"
)

// world is a queue server with one request queue, and gateways of one site, in virtual time.
type world struct {
	t      *testing.T
	kit    *testkit.Kit
	client *sqs.Client
	queue  string // URL of the request queue
	keys   *Keys
}

// play runs f in a bubble with a world.
func play(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		w := &world{t: t, kit: k, keys: NewKeys()}
		w.client = sqs.New(sqs.Options{
			BaseEndpoint: aws.String(testkit.Base), Region: testkit.Region, HTTPClient: k.HTTP(),
			Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: aws.NopRetryer{},
		})
		out, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("requests")})
		if err != nil {
			t.Fatal(err)
		}
		w.queue = *out.QueueUrl
		f(t, w)
	})
}

// testRetention keeps the virtual hours of the tests few, since an idle gateway polls through all of them.
const testRetention = 20 * time.Minute

// site is one gateway: what outlives a restart of it, and the running one.
type site struct {
	*world
	opts Options
	g    *Gateway
}

// gateway starts a gateway. change may be nil.
func (w *world) gateway(name byte, change func(*Options)) *site {
	w.t.Helper()
	s := &site{world: w, opts: Options{Client: w.client, Keys: w.keys, Instance: Instance{name}, Folder: "state",
		FS: vfs.NewMem(), Routes: []Route{{Queue: "requests", Wait: 5 * time.Second, Retention: testRetention}}}}
	if change != nil {
		change(&s.opts)
	}
	s.start()
	w.t.Cleanup(s.stop)
	return s
}

func (s *site) start() {
	s.t.Helper()
	g, err := Open(s.t.Context(), s.opts)
	if err != nil {
		s.t.Fatal(err)
	}
	s.g = g
}

func (s *site) stop() {
	if s.g == nil {
		return
	}
	if err := s.g.Close(); err != nil {
		s.t.Errorf("close the gateway: %v", err)
	}
	s.g = nil
	s.kit.Advance(time.Second) // for the queue server to notice that the polls are gone
}

// answer is what a client got.
type answer struct {
	status  int
	header  http.Header
	body    string
	aborted bool
}

// do sends a request as a server would hand it on. headers alternate names and values.
func (s *site) do(ctx context.Context, method, target, body string, headers ...string) (a answer) {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(ctx, method, target, reader)
	if rest, ok := strings.CutPrefix(target, "http://"); ok {
		r.RequestURI = rest[strings.Index(rest, "/"):] // as it stands on the wire
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	defer func() {
		a = answer{rec.Code, rec.Result().Header, rec.Body.String(), false}
		if cause := recover(); cause != nil {
			if cause != http.ErrAbortHandler {
				panic(cause)
			}
			a.aborted = true
		}
	}()
	s.g.ServeHTTP(rec, r)
	return a
}

func (s *site) get(target string, headers ...string) answer {
	s.t.Helper()
	return s.do(s.t.Context(), "GET", target, "", headers...)
}

// later sends a request in the background.
func (s *site) later(method, target, body string, headers ...string) <-chan answer {
	got := make(chan answer, 1)
	go func() { got <- s.do(s.t.Context(), method, target, body, headers...) }()
	return got
}

// take receives one request as a backend does, and deletes it. Nil: there is none.
func (w *world) take() *queued.Request {
	w.t.Helper()
	out, err := w.client.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &w.queue, MaxNumberOfMessages: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	w.erase(w.queue, out.Messages[0])
	q, err := queued.DecodeRequest(*out.Messages[0].Body)
	if err != nil {
		w.t.Fatalf("a message of the gateway is not valid: %v\n%s", err, *out.Messages[0].Body)
	}
	return q
}

func (w *world) erase(url string, m types.Message) {
	w.t.Helper()
	if _, err := w.client.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		w.t.Fatal(err)
	}
}

// mustTake is take for a request that must be there once everything has settled.
func (w *world) mustTake() *queued.Request {
	w.t.Helper()
	synctest.Wait()
	q := w.take()
	if q == nil {
		w.t.Fatal("no request is in the queue")
	}
	return q
}

// reply answers a request: with one message, or as change says.
func (w *world) reply(q *queued.Request, status int, body string, change func(*queued.Reply)) {
	w.t.Helper()
	p := &queued.Reply{Re: q.ID, Token: q.Token, Attempt: "one", Status: status, Body: []byte(body), Last: true}
	if change != nil {
		change(p)
	}
	text, err := p.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.post(q.ReplyTo, text)
}

// post sends a message to a queue by name, and lets everybody deal with it.
func (w *world) post(name, body string) {
	w.t.Helper()
	url, err := queueURL(w.t.Context(), w.client, name)
	if err == nil {
		_, err = w.client.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// left is how many messages a queue has, in flight or not.
func (w *world) left(name string) string {
	w.t.Helper()
	w.kit.Advance(2 * gather.Linger)
	url, err := queueURL(w.t.Context(), w.client, name)
	if err != nil {
		return err.Error()
	}
	out, err := w.client.GetQueueAttributes(w.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("%s+%s", out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"])
}

// status fails the test unless the answer has the status.
func (a answer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || body != "" && !strings.Contains(a.body, body) {
		t.Errorf("got %d %q, want %d with %q\n%v", a.status, a.body, status, body, a.header)
	}
}

// token is where a 202 says that the reply will be.
func (a answer) location(t *testing.T) string {
	t.Helper()
	if a.status != http.StatusAccepted || a.header.Get(replyState) != "pending" || a.header.Get("Location") == "" {
		t.Fatalf("got %d %q %v, want 202 with a place for the reply", a.status, a.body, a.header)
	}
	return a.header.Get("Location")
}
