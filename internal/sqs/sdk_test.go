package sqs

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/queue"
)

// newSDK returns the real client before the fake.
func newSDK(t *testing.T, f *fake) *awssqs.Client {
	t.Helper()
	server := httptest.NewServer(newFront(f))
	t.Cleanup(server.Close)
	return awssqs.New(awssqs.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		RetryMaxAttempts: 1,
	})
}

// called checks that the client had no complaint, and what the service was asked.
func called(t *testing.T, f *fake, err error, asked any) {
	t.Helper()
	if err != nil {
		t.Fatalf("the client failed: %v", err)
	}
	if diff := cmp.Diff(asked, f.in); diff != "" {
		t.Errorf("the service was asked (-want +got):\n%s", diff)
	}
}

// same compares what the client got.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSDKSendsAndReceives(t *testing.T) {
	attributes := []queue.MessageAttribute{{Name: "color", DataType: "String", Kind: queue.KindString, Value: []byte("blue")}}
	colorMD5 := queue.Digest{0xda, 0x1b, 0x33, 0xcc, 0x3c, 0xbf, 0xe8, 0xb1, 0x63, 0x09, 0x21, 0xe7, 0x8e, 0x6b, 0x98, 0x80}
	draft := queue.Draft{Body: []byte(tricky), Attributes: attributes, GroupID: "g", GroupIDSet: true}
	sent := queue.Sent{ID: queue.MessageID{1}, BodyMD5: sum(tricky), AttributesMD5: colorMD5, Sequence: 7}
	url, ctx := aws.String("http://elsewhere:1/000000000000/orders"), t.Context()
	typed := map[string]types.MessageAttributeValue{"color": {DataType: aws.String("String"), StringValue: aws.String("blue")}}

	f := &fake{out: &queue.SendMessageOutput{Sent: sent}}
	out, err := newSDK(t, f).SendMessage(ctx, &awssqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String(tricky), MessageGroupId: aws.String("g"), MessageAttributes: typed})
	called(t, f, err, &queue.SendMessageInput{Queue: orders, Draft: draft})
	same(t, "SequenceNumber", aws.ToString(out.SequenceNumber), "00000000000000000007")
	same(t, "MessageId", aws.ToString(out.MessageId), sent.ID.String())

	f = &fake{out: &queue.SendMessageBatchOutput{
		Successful: []queue.SentEntry{{EntryID: "a", Sent: sent}},
		Failed:     []queue.BatchFailure{{EntryID: "b", Code: queue.CodeMissingParameter, Message: "no"}},
	}}
	batch, err := newSDK(t, f).SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: aws.String(tricky), MessageGroupId: aws.String("g"), MessageAttributes: typed},
		{Id: aws.String("b"), MessageBody: aws.String("x"), DelaySeconds: 3},
	}})
	called(t, f, err, &queue.SendMessageBatchInput{Queue: orders, Entries: []queue.SendMessageBatchEntry{
		{ID: "a", Draft: draft}, {ID: "b", Draft: queue.Draft{Body: []byte("x"), Delay: queue.IntOf(3)}}}})
	same(t, "Successful", len(batch.Successful), 1)
	same(t, "Failed", aws.ToString(batch.Failed[0].Code)+" "+aws.ToString(batch.Failed[0].Message), "MissingParameter no")

	f = &fake{out: &queue.ReceiveMessageOutput{Messages: []queue.ReceivedMessage{{
		Message: &queue.Message{Body: []byte(tricky), BodyMD5: sum(tricky), SenderID: "me"}, Receipt: "h",
		Shown: queue.SystemAll, Receives: 1, Attributes: attributes, AttributesMD5: colorMD5,
	}}}}
	got, err := newSDK(t, f).ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"}})
	called(t, f, err, &queue.ReceiveMessageInput{Queue: orders, Max: queue.IntOf(10), Wait: queue.IntOf(1), System: queue.SystemAll, AttributeNames: []string{"All"}})
	same(t, "Body", aws.ToString(got.Messages[0].Body), tricky)
	same(t, "Attributes", got.Messages[0].Attributes, map[string]string{"SenderId": "me", "ApproximateReceiveCount": "1"})
	same(t, "MessageAttributes", aws.ToString(got.Messages[0].MessageAttributes["color"].StringValue), "blue")
}

func TestSDKDeletesAndChanges(t *testing.T) {
	url, handle, ctx := aws.String("orders"), aws.String("h"), t.Context()
	bare := queue.Ref{Name: "orders"}

	f := &fake{}
	_, err := newSDK(t, f).DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: handle})
	called(t, f, err, &queue.DeleteMessageInput{Queue: bare, Receipt: "h"})

	_, err = newSDK(t, f).ChangeMessageVisibility(ctx, &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: 0})
	called(t, f, err, &queue.ChangeMessageVisibilityInput{Queue: bare, Receipt: "h", Visibility: queue.IntOf(0)})

	f.out = &queue.BatchOutput{Successful: []string{"a"}, Failed: []queue.BatchFailure{{EntryID: "b", Code: queue.CodeReceiptHandleIsInvalid}}}
	deleted, err := newSDK(t, f).DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: url,
		Entries: []types.DeleteMessageBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: handle}}})
	called(t, f, err, &queue.DeleteMessageBatchInput{Queue: bare, Entries: []queue.DeleteMessageBatchEntry{{ID: "a", Receipt: "h"}}})
	same(t, "Failed", aws.ToString(deleted.Failed[0].Code), "ReceiptHandleIsInvalid")

	changed, err := newSDK(t, f).ChangeMessageVisibilityBatch(ctx, &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: url,
		Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: handle, VisibilityTimeout: 5}}})
	called(t, f, err, &queue.ChangeMessageVisibilityBatchInput{Queue: bare,
		Entries: []queue.ChangeMessageVisibilityBatchEntry{{ID: "a", Receipt: "h", Visibility: queue.IntOf(5)}}})
	same(t, "Successful", aws.ToString(changed.Successful[0].Id), "a")
}

func TestSDKManagesQueues(t *testing.T) {
	url, ctx := aws.String("http://elsewhere:1/000000000000/orders"), t.Context()
	some := map[string]string{"DelaySeconds": "5"}

	f := &fake{out: &queue.CreateQueueOutput{Queue: orders}}
	created, err := newSDK(t, f).CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("orders"), Attributes: some, Tags: some})
	called(t, f, err, &queue.CreateQueueInput{Name: "orders", Attributes: some, Tags: some})
	same(t, "URL's end", strings.HasSuffix(aws.ToString(created.QueueUrl), "/000000000000/orders"), true)

	f.out = &queue.GetQueueURLOutput{Queue: orders}
	_, err = newSDK(t, f).GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("orders"), QueueOwnerAWSAccountId: aws.String(account)})
	called(t, f, err, &queue.GetQueueURLInput{Name: "orders", OwnerAccount: account})

	f.out = &queue.ListQueuesOutput{Queues: []queue.Ref{orders}, NextToken: "n"}
	list, err := newSDK(t, f).ListQueues(ctx, &awssqs.ListQueuesInput{QueueNamePrefix: aws.String("o"), MaxResults: aws.Int32(1)})
	called(t, f, err, &queue.ListQueuesInput{Prefix: "o", MaxResults: queue.IntOf(1)})
	same(t, "QueueUrls", len(list.QueueUrls), 1)
	same(t, "NextToken", aws.ToString(list.NextToken), "n")

	sources, err := newSDK(t, f).ListDeadLetterSourceQueues(ctx, &awssqs.ListDeadLetterSourceQueuesInput{QueueUrl: url})
	called(t, f, err, &queue.ListDeadLetterSourceQueuesInput{Queue: orders})
	same(t, "QueueUrls", len(sources.QueueUrls), 1)

	f.out = &queue.GetQueueAttributesOutput{Attributes: some}
	attributes, err := newSDK(t, f).GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
	called(t, f, err, &queue.GetQueueAttributesInput{Queue: orders, Names: []string{"All"}})
	same(t, "Attributes", attributes.Attributes, some)

	_, err = newSDK(t, f).SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: some})
	called(t, f, err, &queue.SetQueueAttributesInput{Queue: orders, Attributes: some})
	_, err = newSDK(t, f).PurgeQueue(ctx, &awssqs.PurgeQueueInput{QueueUrl: url})
	called(t, f, err, &queue.PurgeQueueInput{Queue: orders})
	_, err = newSDK(t, f).DeleteQueue(ctx, &awssqs.DeleteQueueInput{QueueUrl: url})
	called(t, f, err, &queue.DeleteQueueInput{Queue: orders})
}

func TestSDKManagesTagsPermissionsAndTasks(t *testing.T) {
	url, ctx := aws.String("http://elsewhere:1/000000000000/orders"), t.Context()
	tags := map[string]string{"team": "a"}

	f := &fake{out: &queue.ListQueueTagsOutput{Tags: tags}}
	_, err := newSDK(t, f).TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: url, Tags: tags})
	called(t, f, err, &queue.TagQueueInput{Queue: orders, Tags: tags})
	_, err = newSDK(t, f).UntagQueue(ctx, &awssqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"team"}})
	called(t, f, err, &queue.UntagQueueInput{Queue: orders, Keys: []string{"team"}})
	listed, err := newSDK(t, f).ListQueueTags(ctx, &awssqs.ListQueueTagsInput{QueueUrl: url})
	called(t, f, err, &queue.ListQueueTagsInput{Queue: orders})
	same(t, "Tags", listed.Tags, tags)

	_, err = newSDK(t, f).AddPermission(ctx, &awssqs.AddPermissionInput{QueueUrl: url, Label: aws.String("l"), AWSAccountIds: []string{account}, Actions: []string{"*"}})
	called(t, f, err, &queue.AddPermissionInput{Queue: orders, Label: "l", Accounts: []string{account}, Actions: []string{"*"}})
	_, err = newSDK(t, f).RemovePermission(ctx, &awssqs.RemovePermissionInput{QueueUrl: url, Label: aws.String("l")})
	called(t, f, err, &queue.RemovePermissionInput{Queue: orders, Label: "l"})

	f.out = &queue.StartMessageMoveTaskOutput{TaskHandle: "h"}
	started, err := newSDK(t, f).StartMessageMoveTask(ctx, &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String("s"), MaxNumberOfMessagesPerSecond: aws.Int32(5)})
	called(t, f, err, &queue.StartMessageMoveTaskInput{SourceARN: "s", Rate: queue.IntOf(5)})
	same(t, "TaskHandle", aws.ToString(started.TaskHandle), "h")

	f.out = &queue.CancelMessageMoveTaskOutput{Moved: 9}
	canceled, err := newSDK(t, f).CancelMessageMoveTask(ctx, &awssqs.CancelMessageMoveTaskInput{TaskHandle: aws.String("h")})
	called(t, f, err, &queue.CancelMessageMoveTaskInput{TaskHandle: "h"})
	same(t, "moved", canceled.ApproximateNumberOfMessagesMoved, 9)

	f.out = &queue.ListMessageMoveTasksOutput{Tasks: []queue.MoveTask{{Status: queue.MoveRunning, Started: 1700000000123}}}
	tasks, err := newSDK(t, f).ListMessageMoveTasks(ctx, &awssqs.ListMessageMoveTasksInput{SourceArn: aws.String("s")})
	called(t, f, err, &queue.ListMessageMoveTasksInput{SourceARN: "s"})
	same(t, "StartedTimestamp", tasks.Results[0].StartedTimestamp, 1700000000123)
}
