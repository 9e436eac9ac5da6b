package queued_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/testkit"
	"github.com/forebay-mq/forebay/queued"
)

// world is a queue server in virtual time, with a client of it and a queue for requests.
type world struct {
	t      *testing.T
	kit    *testkit.Kit
	client *sqs.Client
	queue  string // URL
	logs   logBook
}

// logBook keeps log lines.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// inWorld runs f in a bubble of virtual time.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		w := &world{t: t, kit: k, client: sqs.New(sqs.Options{
			BaseEndpoint: aws.String(testkit.Base), Region: testkit.Region, HTTPClient: k.HTTP(),
			Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""),
		})}
		w.queue = w.create("requests", nil)
		f(t, w)
	})
}

func (w *world) create(name string, attributes map[string]string) string {
	w.t.Helper()
	out, err := w.client.CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.QueueUrl
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// serve runs a queued server until the returned function is called, which waits for its end.
func (w *world) serve(h http.Handler, options ...func(*queued.Options)) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		options = append([]func(*queued.Options){func(o *queued.Options) { o.Logger = w.logger() }}, options...)
		if err := queued.Serve(ctx, w.client, "requests", h, options...); err != nil {
			w.t.Errorf("Serve: %v", err)
		}
	})
	return sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
}

// transport returns a transport to the queue and its client.
func (w *world) transport(change func(*queued.Transport)) (*queued.Transport, *http.Client) {
	t := &queued.Transport{Client: w.client, Queue: "requests", Logger: w.logger()}
	if change != nil {
		change(t)
	}
	return t, &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// send puts a message into the queue of requests.
func (w *world) send(body string, attributes map[string]string) {
	w.t.Helper()
	in := &sqs.SendMessageInput{QueueUrl: &w.queue, MessageBody: &body, MessageAttributes: map[string]types.MessageAttributeValue{}}
	for name, value := range attributes {
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	if _, err := w.client.SendMessage(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// receive takes a message from a queue, waiting up to 20 s, and deletes it. Without one it returns nil.
func (w *world) receive(url string) *types.Message {
	w.t.Helper()
	out, err := w.client.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, WaitTimeSeconds: 20, MessageAttributeNames: []string{"All"}})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	m := &out.Messages[0]
	if _, err := w.client.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		w.t.Fatal(err)
	}
	return m
}

// reply receives a message that must be a reply.
func (w *world) reply(url string) *queued.Reply {
	w.t.Helper()
	m := w.receive(url)
	if m == nil {
		w.t.Fatalf("no reply came; the log:\n%s", w.logs.String())
	}
	r, err := queued.DecodeReply(*m.Body)
	if err != nil {
		w.t.Fatalf("%s: %v", *m.Body, err)
	}
	return r
}

// left counts the messages in a queue, hidden ones too, once nobody is at work.
func (w *world) left(url string) string {
	w.pass(50 * time.Millisecond) // what was answered is deleted a moment later
	w.kit.Settle()
	w.t.Helper()
	out, err := w.client.GetQueueAttributes(w.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		w.t.Fatal(err)
	}
	a := out.Attributes
	return a["ApproximateNumberOfMessages"] + " waiting, " + a["ApproximateNumberOfMessagesNotVisible"] + " hidden"
}

// want returns the status, the reason and the body of a response as one text.
func outcome(res *http.Response, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	text := fmt.Sprintf("%d %s %q", res.StatusCode, res.Header.Get(queued.ReasonHeader), body)
	if err != nil {
		text += " error: " + err.Error()
	}
	return strings.ReplaceAll(text, "  ", " ")
}

// get asks for a path.
func get(ctx context.Context, c *http.Client, path string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop.example"+path, nil)
	if err != nil {
		return err.Error()
	}
	return outcome(c.Do(r))
}

const aWhile = time.Second

func receiveFrom(url string) *sqs.ReceiveMessageInput {
	return &sqs.ReceiveMessageInput{QueueUrl: &url}
}

// pass lets virtual time pass.
func (w *world) pass(d time.Duration) { time.Sleep(d) }
