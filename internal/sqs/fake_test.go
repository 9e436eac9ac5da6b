package sqs

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

const account = "000000000000"

// fake is a queue.Service that remembers what it was asked and answers what it was told to.
type fake struct {
	by    queue.Caller
	in    any // pointer to the last input
	out   any // pointer to the output; nil: an empty one
	err   error
	hook  func(context.Context) // runs inside each call; may be nil
	calls int
}

func ask[Out any](f *fake, ctx context.Context, by queue.Caller, in any) (*Out, error) {
	f.by, f.in = by, in
	f.calls++
	if f.hook != nil {
		f.hook(ctx)
	}
	if f.err != nil {
		return nil, f.err
	}
	if out, ok := f.out.(*Out); ok {
		return out, nil
	}
	return new(Out), nil
}

func tell(f *fake, ctx context.Context, by queue.Caller, in any) error {
	_, err := ask[struct{}](f, ctx, by, in)
	return err
}

func (f *fake) CreateQueue(ctx context.Context, by queue.Caller, in *queue.CreateQueueInput) (*queue.CreateQueueOutput, error) {
	return ask[queue.CreateQueueOutput](f, ctx, by, in)
}

func (f *fake) DeleteQueue(ctx context.Context, by queue.Caller, in *queue.DeleteQueueInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) ListQueues(ctx context.Context, by queue.Caller, in *queue.ListQueuesInput) (*queue.ListQueuesOutput, error) {
	return ask[queue.ListQueuesOutput](f, ctx, by, in)
}

func (f *fake) GetQueueURL(ctx context.Context, by queue.Caller, in *queue.GetQueueURLInput) (*queue.GetQueueURLOutput, error) {
	return ask[queue.GetQueueURLOutput](f, ctx, by, in)
}

func (f *fake) GetQueueAttributes(ctx context.Context, by queue.Caller, in *queue.GetQueueAttributesInput) (*queue.GetQueueAttributesOutput, error) {
	return ask[queue.GetQueueAttributesOutput](f, ctx, by, in)
}

func (f *fake) SetQueueAttributes(ctx context.Context, by queue.Caller, in *queue.SetQueueAttributesInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) PurgeQueue(ctx context.Context, by queue.Caller, in *queue.PurgeQueueInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) TagQueue(ctx context.Context, by queue.Caller, in *queue.TagQueueInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) UntagQueue(ctx context.Context, by queue.Caller, in *queue.UntagQueueInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) ListQueueTags(ctx context.Context, by queue.Caller, in *queue.ListQueueTagsInput) (*queue.ListQueueTagsOutput, error) {
	return ask[queue.ListQueueTagsOutput](f, ctx, by, in)
}

func (f *fake) ListDeadLetterSourceQueues(ctx context.Context, by queue.Caller, in *queue.ListDeadLetterSourceQueuesInput) (*queue.ListQueuesOutput, error) {
	return ask[queue.ListQueuesOutput](f, ctx, by, in)
}

func (f *fake) AddPermission(ctx context.Context, by queue.Caller, in *queue.AddPermissionInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) RemovePermission(ctx context.Context, by queue.Caller, in *queue.RemovePermissionInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) SendMessage(ctx context.Context, by queue.Caller, in *queue.SendMessageInput) (*queue.SendMessageOutput, error) {
	return ask[queue.SendMessageOutput](f, ctx, by, in)
}

func (f *fake) SendMessageBatch(ctx context.Context, by queue.Caller, in *queue.SendMessageBatchInput) (*queue.SendMessageBatchOutput, error) {
	return ask[queue.SendMessageBatchOutput](f, ctx, by, in)
}

func (f *fake) ReceiveMessage(ctx context.Context, by queue.Caller, in *queue.ReceiveMessageInput) (*queue.ReceiveMessageOutput, error) {
	return ask[queue.ReceiveMessageOutput](f, ctx, by, in)
}

func (f *fake) DeleteMessage(ctx context.Context, by queue.Caller, in *queue.DeleteMessageInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) DeleteMessageBatch(ctx context.Context, by queue.Caller, in *queue.DeleteMessageBatchInput) (*queue.BatchOutput, error) {
	return ask[queue.BatchOutput](f, ctx, by, in)
}

func (f *fake) ChangeMessageVisibility(ctx context.Context, by queue.Caller, in *queue.ChangeMessageVisibilityInput) error {
	return tell(f, ctx, by, in)
}

func (f *fake) ChangeMessageVisibilityBatch(ctx context.Context, by queue.Caller, in *queue.ChangeMessageVisibilityBatchInput) (*queue.BatchOutput, error) {
	return ask[queue.BatchOutput](f, ctx, by, in)
}

func (f *fake) StartMessageMoveTask(ctx context.Context, by queue.Caller, in *queue.StartMessageMoveTaskInput) (*queue.StartMessageMoveTaskOutput, error) {
	return ask[queue.StartMessageMoveTaskOutput](f, ctx, by, in)
}

func (f *fake) CancelMessageMoveTask(ctx context.Context, by queue.Caller, in *queue.CancelMessageMoveTaskInput) (*queue.CancelMessageMoveTaskOutput, error) {
	return ask[queue.CancelMessageMoveTaskOutput](f, ctx, by, in)
}

func (f *fake) ListMessageMoveTasks(ctx context.Context, by queue.Caller, in *queue.ListMessageMoveTasksInput) (*queue.ListMessageMoveTasksOutput, error) {
	return ask[queue.ListMessageMoveTasksOutput](f, ctx, by, in)
}

func (f *fake) Peek(ctx context.Context, by queue.Caller, in *queue.PeekInput) (*queue.PeekOutput, error) {
	return ask[queue.PeekOutput](f, ctx, by, in)
}

// newFront returns a front before the fake.
func newFront(f *fake) http.Handler {
	return New(Options{Service: f, Account: account})
}

// answered is a response in the form that tests look at.
type answered struct {
	status int
	header http.Header
	body   string
}

// send sends a request as it is.
func send(h http.Handler, r *http.Request) answered {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	body, _ := io.ReadAll(res.Body)
	return answered{res.StatusCode, res.Header, string(body)}
}

// sendJSON sends an action in the JSON form.
func sendJSON(h http.Handler, action, body string) answered {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:4566/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	r.Header.Set("Content-Type", jsonType)
	return send(h, r)
}

// sendQuery sends a form to a path.
func sendQuery(h http.Handler, path, form string) answered {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:4566"+path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(h, r)
}

// fails tells whether an answer is this error, in either form.
func (a answered) fails(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status = %d, want %d; body %s", a.status, status, a.body)
	}
	if got, _, _ := strings.Cut(a.header.Get("X-Amzn-Query-Error"), ";"); got != code {
		t.Errorf("X-Amzn-Query-Error = %q, want code %q; body %s", got, code, a.body)
	}
}
