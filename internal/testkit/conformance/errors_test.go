package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/testkit"
)

// errorRows are the rows about errors as such.
func errorRows() []row {
	return []row{
		{id: "SQS-ERR-01", test: errorTable},
		{id: "SQS-ERR-02", test: nameExists},
		{id: "SQS-ERR-03", test: unusualStatuses, opts: testkit.Options{Queue: queue.Options{InFlightMax: 1}}},
		{id: "SQS-ERR-04", test: missingMembers},
		{id: "SQS-ERR-05", test: serverFaults},
	}
}

// failing is a service whose sends fail: each takes the next error, nil lets it through.
type failing struct {
	queue.Service
	errs chan error
}

func (f failing) SendMessage(ctx context.Context, by queue.Caller, in *queue.SendMessageInput) (*queue.SendMessageOutput, error) {
	if err := <-f.errs; err != nil {
		return nil, err
	}
	return f.Service.SendMessage(ctx, by, in)
}

// newFailing starts a server whose sends fail with what is written to the channel.
func newFailing(t *testing.T, p testkit.Protocol) (*testkit.Client, chan error) {
	errs := make(chan error, 10)
	k := testkit.New(t, testkit.Options{Wrap: func(s queue.Service) queue.Service { return failing{s, errs} }})
	return k.Client(p), errs
}

func errorTable(t *testing.T, c *testkit.Client) {
	c, errs := newFailing(t, c.Protocol)
	seen := map[queue.Code]bool{}
	for _, row := range testkit.Errors() {
		seen[row.Code] = true
		errs <- queue.Errorf(row.Code, "a text")
		r := c.Call("SendMessage", Map{"QueueUrl": c.CreateQueue("q", nil), "MessageBody": "x"})
		if r.Code != row.Query || r.Status != row.Status || (c.Protocol == testkit.JSON && r.Type != row.Type) {
			t.Errorf("code %d: got %d %s %s, want %d %s %s", row.Code, r.Status, r.Code, r.Type, row.Status, row.Query, row.Type)
		}
	}
	for code := range queue.CodeCount {
		if !seen[code] {
			t.Errorf("code %d is not in the contract's table", code)
		}
	}
}

func nameExists(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	r := c.Call("CreateQueue", Map{"QueueName": "q", "Attributes": Map{"DelaySeconds": "1"}})
	same(t, "code", r.Code, "QueueAlreadyExists")
	if c.Protocol == testkit.JSON {
		same(t, "type", r.Type, "com.amazonaws.sqs#QueueNameExists")
	}
}

func unusualStatuses(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "one")
	c.Send(url, "two")
	c.ReceiveOne(url)
	for _, call := range []struct {
		action, code string
		in           Map
		status       int
	}{
		{"ReceiveMessage", overLimit, Map{"QueueUrl": url}, 403},
		{"DeleteMessage", badHandle, Map{"QueueUrl": url, "ReceiptHandle": "garbage"}, 404},
		{"StartMessageMoveTask", notFound, Map{"SourceArn": testkit.ARN("none")}, 404},
		{"PurgeQueue", "", Map{"QueueUrl": url}, 200},
		{"PurgeQueue", prefix + "PurgeQueueInProgress", Map{"QueueUrl": url}, 403},
	} {
		r := c.Call(call.action, call.in)
		if r.Status != call.status || r.Code != call.code {
			t.Errorf("%s: got %d %s, want %d %s", call.action, r.Status, r.Code, call.status, call.code)
		}
	}
}

func missingMembers(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	for _, call := range []struct {
		action, member string
		in             Map
	}{
		{"SendMessage", "MessageBody", Map{"QueueUrl": "q"}},
		{"DeleteMessage", "ReceiptHandle", Map{"QueueUrl": "q"}},
		{"ChangeMessageVisibility", "ReceiptHandle", Map{"QueueUrl": "q", "VisibilityTimeout": 1}},
		{"ChangeMessageVisibility", "VisibilityTimeout", Map{"QueueUrl": "q", "ReceiptHandle": "x"}},
		{"SetQueueAttributes", "Attribute.Name", Map{"QueueUrl": "q"}},
		{"TagQueue", "Tags", Map{"QueueUrl": "q"}},
		{"UntagQueue", "TagKeys", Map{"QueueUrl": "q"}},
		{"AddPermission", "Label", Map{"QueueUrl": "q", "AWSAccountIds": List{"111111111111"}, "Actions": List{"SendMessage"}}},
		{"RemovePermission", "Label", Map{"QueueUrl": "q"}},
		{"StartMessageMoveTask", "SourceArn", Map{}},
		{"CancelMessageMoveTask", "TaskHandle", Map{}},
		{"ListMessageMoveTasks", "SourceArn", Map{}},
	} {
		c.Refused(call.action, call.in, missing, "The request must contain the parameter "+call.member+".")
	}
}

func serverFaults(t *testing.T, c *testkit.Client) {
	c, errs := newFailing(t, c.Protocol)
	url := c.CreateQueue("q", nil)
	errs <- errors.New("the disk is on fire")
	r := c.Call("SendMessage", Map{"QueueUrl": url, "MessageBody": "x"})
	same(t, "status", r.Status, 500)
	same(t, "code", r.Code, "InternalError")
	same(t, "fault", r.Fault, "Receiver")
	if got := string(r.Body); len(got) == 0 || r.Message == "the disk is on fire" {
		t.Errorf("the cause is shown to the client: %q", got)
	}
	if c.Protocol == testkit.Query {
		return
	}
	client := sqs.New(sqs.Options{
		Region: testkit.Region, BaseEndpoint: aws.String(testkit.Base), HTTPClient: c.HTTP(),
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	errs <- errors.New("once")
	errs <- queue.Errorf(queue.CodeUnavailable, "twice")
	errs <- nil
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("retried")}); err != nil {
		t.Errorf("send by the SDK with two server faults before: %v", err)
	}
	bodies(t, "received", c.Receive(url), "retried")
}
