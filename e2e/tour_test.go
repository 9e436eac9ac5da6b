package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// tour is a client on its way through the API.
type tour struct {
	client *sqs.Client
	run    string // keeps the queue names of two tours of one server apart
	main   string // URL of the queue that most steps use
}

// TestTour calls all 23 actions through the SDK. It is also the Go row of `make interop`.
func TestTour(t *testing.T) {
	tr := &tour{run: fmt.Sprintf("go-%08x", rand.Uint32())}
	if *endpoint == "" {
		tr.client = start(t).client()
	} else {
		cfg, err := config.LoadDefaultConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tr.client = sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.BaseEndpoint = endpoint })
	}
	t.Logf("version: aws-sdk-go-v2 %s", aws.SDKVersion)
	t.Log("protocol: json")
	tr.main = tr.create(t, "main", "VisibilityTimeout", "40")
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"queues are created, found and listed", tr.queues},
		{"a message comes back as it was sent", tr.message},
		{"a visibility change brings it back", tr.visibility},
		{"batches succeed and fail entry by entry", tr.batches},
		{"attributes can be set and read", tr.attributes},
		{"tags can be set, listed and removed", tr.tags},
		{"permissions can be added and removed", tr.permissions},
		{"a purge empties the queue", tr.purge},
		{"a message that fails twice is a dead letter and can be moved back", tr.deadLetters},
		{"a FIFO queue keeps order and sends once", tr.fifo},
		{"a long poll wakes when a message comes", tr.longPoll},
		{"a bare name serves as the queue URL", tr.bareName},
		{"errors become the types that people match", tr.errors},
		{"deleted queues are gone", tr.deleted},
	} {
		t.Run(step.name, step.run)
	}
}

func (tr *tour) name(suffix string) string { return tr.run + "-" + suffix }

func (tr *tour) create(t *testing.T, suffix string, attributes ...string) string {
	t.Helper()
	return createQueue(t, tr.client, tr.name(suffix), attributes...)
}

func (tr *tour) send(t *testing.T, url, body string) *sqs.SendMessageOutput {
	t.Helper()
	return must(tr.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}))(t)
}

// receive takes up to ten messages with everything that is known of them.
func (tr *tour) receive(t *testing.T, url string, wait int32) []types.Message {
	t.Helper()
	return must(tr.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: wait,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}))(t).Messages
}

// receiveOne expects one message.
func (tr *tour) receiveOne(t *testing.T, url string) types.Message {
	t.Helper()
	messages := tr.receive(t, url, 10)
	if len(messages) != 1 {
		t.Fatalf("received %d messages, want 1", len(messages))
	}
	return messages[0]
}

func (tr *tour) receiveNone(t *testing.T, url string, wait int32) {
	t.Helper()
	if messages := tr.receive(t, url, wait); len(messages) > 0 {
		t.Fatalf("received %d messages, the first %q, want none", len(messages), *messages[0].Body)
	}
}

func (tr *tour) setVisibility(t *testing.T, url string, m types.Message, seconds int32) {
	t.Helper()
	must(tr.client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
	}))(t)
}

func (tr *tour) delete(t *testing.T, url string, m types.Message) {
	t.Helper()
	must(tr.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}))(t)
}

func (tr *tour) attribute(t *testing.T, url string, name types.QueueAttributeName) string {
	t.Helper()
	return must(tr.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name},
	}))(t).Attributes[string(name)]
}

func (tr *tour) queues(t *testing.T) {
	found := must(tr.client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(tr.name("main"))}))(t)
	equal(t, "URL, looked up", *found.QueueUrl, tr.main)
	for n := range 3 {
		tr.create(t, fmt.Sprint("page", n))
	}
	pages := sqs.NewListQueuesPaginator(tr.client, &sqs.ListQueuesInput{
		QueueNamePrefix: aws.String(tr.name("page")), MaxResults: aws.Int32(2),
	})
	var seen []string
	for pages.HasMorePages() {
		seen = append(seen, must(pages.NextPage(t.Context()))(t).QueueUrls...)
	}
	equal(t, "queues in all pages", len(seen), 3)
}

func (tr *tour) message(t *testing.T) {
	body := "hello, wörld \U0001f30a\t\n<&>\"'"
	sent := must(tr.client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &tr.main, MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{
			"colour": {DataType: aws.String("String"), StringValue: aws.String("grün & <blue>")},
			"weight": {DataType: aws.String("Number.kg"), StringValue: aws.String("1.50")},
			"seal":   {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255, 10}},
		},
	}))(t)
	got := tr.receiveOne(t, tr.main)
	equal(t, "body", *got.Body, body)
	equal(t, "message id", *got.MessageId, *sent.MessageId)
	equal(t, "MD5 of the attributes", *got.MD5OfMessageAttributes, *sent.MD5OfMessageAttributes)
	equal(t, "colour", *got.MessageAttributes["colour"].StringValue, "grün & <blue>")
	equal(t, "seal", string(got.MessageAttributes["seal"].BinaryValue), "\x00\xff\n")
	equal(t, "receive count", got.Attributes["ApproximateReceiveCount"], "1")
	tr.delete(t, tr.main, got)
}

func (tr *tour) visibility(t *testing.T) {
	tr.send(t, tr.main, "twice")
	first := tr.receiveOne(t, tr.main)
	tr.receiveNone(t, tr.main, 0)
	tr.setVisibility(t, tr.main, first, 0)
	second := tr.receiveOne(t, tr.main)
	equal(t, "receive count", second.Attributes["ApproximateReceiveCount"], "2")
	tr.delete(t, tr.main, second)
	tr.receiveNone(t, tr.main, 1)
}

func (tr *tour) batches(t *testing.T) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &tr.main}
	for n := range 9 {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("e", n)), MessageBody: aws.String("x")})
	}
	in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String("late"), MessageBody: aws.String("x"), DelaySeconds: 901})
	sent := must(tr.client.SendMessageBatch(t.Context(), in))(t)
	equal(t, "sent", len(sent.Successful), 9)
	equal(t, "failed", len(sent.Failed), 1)
	equal(t, "failed entry", *sent.Failed[0].Id+" "+*sent.Failed[0].Code, "late InvalidParameterValue")

	var changes []types.ChangeMessageVisibilityBatchRequestEntry
	var deletes []types.DeleteMessageBatchRequestEntry
	for deadline := time.Now().Add(patience); len(deletes) < 9 && time.Now().Before(deadline); {
		for _, m := range tr.receive(t, tr.main, 1) {
			changes = append(changes, types.ChangeMessageVisibilityBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 60})
			deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
		}
	}
	changed := must(tr.client.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &tr.main, Entries: changes}))(t)
	equal(t, "changed", len(changed.Successful), 9)
	deleted := must(tr.client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &tr.main, Entries: deletes}))(t)
	equal(t, "deleted", len(deleted.Successful), 9)
}

func (tr *tour) attributes(t *testing.T) {
	must(tr.client.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: &tr.main, Attributes: map[string]string{"VisibilityTimeout": "33"},
	}))(t)
	equal(t, "VisibilityTimeout", tr.attribute(t, tr.main, "VisibilityTimeout"), "33")
	equal(t, "ApproximateNumberOfMessages", tr.attribute(t, tr.main, "ApproximateNumberOfMessages"), "0")
}

func (tr *tour) tags(t *testing.T) {
	must(tr.client.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &tr.main, Tags: map[string]string{"cost": "42", "team": "smoke"}}))(t)
	must(tr.client.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: &tr.main, TagKeys: []string{"team"}}))(t)
	left := must(tr.client.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &tr.main}))(t).Tags
	equal(t, "tags", fmt.Sprint(left), "map[cost:42]")
}

func (tr *tour) permissions(t *testing.T) {
	must(tr.client.AddPermission(t.Context(), &sqs.AddPermissionInput{
		QueueUrl: &tr.main, Label: aws.String("reader"), AWSAccountIds: []string{"123456789012"}, Actions: []string{"ReceiveMessage"},
	}))(t)
	if policy := tr.attribute(t, tr.main, "Policy"); !strings.Contains(policy, "123456789012") {
		t.Errorf("the policy %q does not name the account", policy)
	}
	must(tr.client.RemovePermission(t.Context(), &sqs.RemovePermissionInput{QueueUrl: &tr.main, Label: aws.String("reader")}))(t)
	if policy := tr.attribute(t, tr.main, "Policy"); strings.Contains(policy, "123456789012") {
		t.Errorf("the policy %q still names the account", policy)
	}
}

func (tr *tour) purge(t *testing.T) {
	tr.send(t, tr.main, "gone")
	must(tr.client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &tr.main}))(t)
	tr.receiveNone(t, tr.main, 1)
}

func (tr *tour) deadLetters(t *testing.T) {
	dead := tr.create(t, "dead")
	arn := tr.attribute(t, dead, "QueueArn")
	source := tr.create(t, "source", "RedrivePolicy", fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":2}`, arn))
	sources := must(tr.client.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead}))(t)
	equal(t, "sources", fmt.Sprint(sources.QueueUrls), fmt.Sprint([]string{source}))
	sent := tr.send(t, source, "poison")
	for range 2 {
		tr.setVisibility(t, source, tr.receiveOne(t, source), 0)
	}
	tr.receiveNone(t, source, 1)
	letter := tr.receiveOne(t, dead)
	equal(t, "message id", *letter.MessageId, *sent.MessageId)
	tr.setVisibility(t, dead, letter, 0)

	task := must(tr.client.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &arn}))(t)
	equal(t, "body, moved back", *tr.receiveOne(t, source).Body, "poison")
	listed := must(tr.client.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: &arn}))(t)
	equal(t, "move tasks", len(listed.Results), 1)
	// The task has most likely ended, and then there is nothing to cancel.
	if _, err := tr.client.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle}); err != nil {
		code(t, err, "ResourceNotFoundException")
	}
}

func (tr *tour) fifo(t *testing.T) {
	url := tr.create(t, "orders.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true")
	var numbers []string
	for _, n := range []int{0, 1, 2, 3, 4, 5, 5} {
		sent := must(tr.client.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String(fmt.Sprint(n)), MessageGroupId: aws.String(fmt.Sprint("g", n%2)),
		}))(t)
		numbers = append(numbers, aws.ToString(sent.SequenceNumber))
	}
	equal(t, "sequence number of a duplicate", numbers[6], numbers[5])
	if !slices.IsSorted(numbers) {
		t.Errorf("sequence numbers %v do not rise", numbers)
	}
	got := make(map[string]string)
	for range 6 {
		for _, m := range tr.receive(t, url, 1) {
			got[m.Attributes["MessageGroupId"]] += *m.Body
			tr.delete(t, url, m)
		}
	}
	equal(t, "order in the groups", fmt.Sprint(got), "map[g0:024 g1:135]")
}

func (tr *tour) longPoll(t *testing.T) {
	url := tr.create(t, "polled")
	began := time.Now()
	time.AfterFunc(500*time.Millisecond, func() {
		_, _ = tr.client.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("ding")})
	})
	messages := tr.receive(t, url, 20)
	equal(t, "messages", len(messages), 1)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the poll was answered after %v, it must wake at once", took)
	}
}

func (tr *tour) bareName(t *testing.T) {
	tr.send(t, tr.name("main"), "by name")
	tr.delete(t, tr.main, tr.receiveOne(t, tr.main))
}

func (tr *tour) errors(t *testing.T) {
	_, err := tr.client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("no-such-queue")})
	if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
		t.Errorf("a missing queue: got %v, want *types.QueueDoesNotExist", err)
	}
	code(t, err, "AWS.SimpleQueueService.NonExistentQueue")
	_, err = tr.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &tr.main, ReceiptHandle: aws.String("rubbish")})
	if _, ok := errors.AsType[*types.ReceiptHandleIsInvalid](err); !ok {
		t.Errorf("a bad handle: got %v, want *types.ReceiptHandleIsInvalid", err)
	}
	_, err = tr.client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &tr.main, Entries: []types.SendMessageBatchRequestEntry{}})
	if _, ok := errors.AsType[*types.EmptyBatchRequest](err); !ok {
		t.Errorf("an empty batch: got %v, want *types.EmptyBatchRequest", err)
	}
	_, err = tr.client.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &tr.main, Attributes: map[string]string{"DelaySeconds": "-1"}})
	if _, ok := errors.AsType[*types.InvalidAttributeValue](err); !ok {
		t.Errorf("a bad attribute: got %v, want *types.InvalidAttributeValue", err)
	}
}

func (tr *tour) deleted(t *testing.T) {
	must(tr.client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &tr.main}))(t)
	_, err := tr.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &tr.main, MessageBody: aws.String("x")})
	if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
		t.Errorf("after the delete: got %v, want *types.QueueDoesNotExist", err)
	}
}

// must takes the result of a call and gives it to a test, which it ends when the call failed.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// equal reports a difference.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// code expects an API error with the code.
func code(t *testing.T, err error, want string) {
	t.Helper()
	if failure, ok := errors.AsType[smithy.APIError](err); !ok || failure.ErrorCode() != want {
		t.Errorf("got %v, want the code %s", err, want)
	}
}
