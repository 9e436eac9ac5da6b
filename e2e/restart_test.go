package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestARestartKeepsEverything(t *testing.T) {
	p := start(t)
	before := &tour{client: p.client(), run: "kept"}
	url := before.create(t, "standard", "VisibilityTimeout", "600")
	fifo := before.create(t, "orders.fifo", "FifoQueue", "true")
	must(before.client.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"team": "e2e"}}))(t)

	before.send(t, url, "in flight")
	held := before.receiveOne(t, url)
	before.send(t, url, "deleted")
	before.delete(t, url, before.receiveOne(t, url))
	before.send(t, url, "waiting")
	must(before.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("delayed"), DelaySeconds: 600}))(t)
	first := sendOrdered(t, before.client, fifo, "1")

	if err := p.stop(); err != nil {
		t.Fatalf("asked to stop, the server exited with %v, want 0", err)
	}
	p.start()

	after := &tour{client: p.client(), run: "kept"}
	equal(t, "VisibilityTimeout", after.attribute(t, url, "VisibilityTimeout"), "600")
	tags := must(after.client.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &url}))(t).Tags
	equal(t, "tag", tags["team"], "e2e")
	equal(t, "visible", after.attribute(t, url, "ApproximateNumberOfMessages"), "1")
	equal(t, "in flight", after.attribute(t, url, "ApproximateNumberOfMessagesNotVisible"), "1")
	equal(t, "delayed", after.attribute(t, url, "ApproximateNumberOfMessagesDelayed"), "1")

	equal(t, "body", *after.receiveOne(t, url).Body, "waiting")
	after.setVisibility(t, url, held, 0) // a handle from before the restart
	again := after.receiveOne(t, url)
	equal(t, "body", *again.Body, "in flight")
	equal(t, "receive count", again.Attributes["ApproximateReceiveCount"], "2")

	equal(t, "sequence number of a duplicate", sendOrdered(t, after.client, fifo, "1"), first)
	if second := sendOrdered(t, after.client, fifo, "2"); second <= first {
		t.Errorf("sequence number %s after the restart, want more than %s", second, first)
	}
}

// sendOrdered sends a message whose body is also its deduplication id and returns its sequence number.
func sendOrdered(t *testing.T, client *sqs.Client, url, body string) string {
	t.Helper()
	sent := must(client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body, MessageGroupId: aws.String("g"), MessageDeduplicationId: &body,
	}))(t)
	return aws.ToString(sent.SequenceNumber)
}

func TestAStopAnswersLongPolls(t *testing.T) {
	p := start(t)
	tr := &tour{client: p.client(), run: "polled"}
	url := tr.create(t, "queue")
	type answer struct {
		messages []types.Message
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		out, err := tr.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		if err != nil {
			answered <- answer{err: err}
			return
		}
		answered <- answer{messages: out.Messages}
	}()
	waitFor(t, "the poll waits", func() bool { return p.metric("forebay_long_polls") == "1" })
	if err := p.stop(); err != nil {
		t.Errorf("asked to stop, the server exited with %v, want 0", err)
	}
	if got := <-answered; got.err != nil || len(got.messages) > 0 {
		t.Errorf("the poll was answered with %d messages and error %v, want none and none", len(got.messages), got.err)
	}
}
