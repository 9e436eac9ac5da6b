package queued

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// Client is the part of the SQS API that this package calls. *sqs.Client has it. Messages that are sent to one queue at the
// same time go together, by SendMessageBatch; one alone goes by SendMessage. Those below the empty line are made by
// [Transport] alone.
type Client interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)

	CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	DeleteQueue(context.Context, *sqs.DeleteQueueInput, ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error)
	ListQueues(context.Context, *sqs.ListQueuesInput, ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error)
	ListQueueTags(context.Context, *sqs.ListQueueTagsInput, ...func(*sqs.Options)) (*sqs.ListQueueTagsOutput, error)
	TagQueue(context.Context, *sqs.TagQueueInput, ...func(*sqs.Options)) (*sqs.TagQueueOutput, error)
}

// queueGone says whether err means that there is no such queue.
func queueGone(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	code := api.ErrorCode()
	return strings.HasSuffix(code, "NonExistentQueue") || strings.HasSuffix(code, "QueueDoesNotExist")
}

// hopeless says whether err will be the same however often the call is made.
func hopeless(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorFault() == smithy.FaultClient && !strings.Contains(api.ErrorCode(), "Throttl")
}

// queueName is the last part of a queue's URL, or the name itself; what follows # is the name of a virtual queue.
// Slashes at the end mean nothing.
func queueName(queue string) string {
	queue, _, _ = strings.Cut(queue, "#")
	queue = strings.TrimRight(queue, "/")
	return queue[strings.LastIndexByte(queue, '/')+1:]
}

const (
	knownQueuesMax = 1024             // that an address book keeps
	knownQueueAge  = 10 * time.Second // for which a queue is believed to be there
)

// addressBook finds the URLs of queues and remembers which are there.
type addressBook struct {
	client Client
	mu     sync.Mutex
	known  map[string]address
}

type address struct {
	url  string
	seen time.Time
}

// find returns the URL of a queue given by name or URL. A URL is taken as it is, unless fresh is set, which asks the
// server whether the queue is there now, or was some seconds ago.
func (b *addressBook) find(ctx context.Context, queue string, fresh bool) (string, error) {
	isURL := strings.Contains(queue, "/")
	if isURL && !fresh {
		return queue, nil
	}
	b.mu.Lock()
	a, ok := b.known[queue]
	b.mu.Unlock()
	if ok && (!fresh || time.Since(a.seen) < knownQueueAge) {
		return a.url, nil
	}
	queue = strings.Clone(queue) // without the message around it
	if isURL {
		a.url = queue
		_, err := b.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
		if err != nil {
			return "", err
		}
	} else {
		out, err := b.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
		if err != nil {
			return "", err
		}
		a.url = aws.ToString(out.QueueUrl)
	}
	a.seen = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil || len(b.known) >= knownQueuesMax {
		b.known = make(map[string]address) // forgetting costs a call
	}
	b.known[queue] = a
	return a.url, nil
}

// forget drops what is known about a queue.
func (b *addressBook) forget(queue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, queue)
}

// pause waits for d or until ctx ends, and says whether d has passed.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff is the n-th wait between tries, from low, doubled up to high.
func backoff(n int, low, high time.Duration) time.Duration {
	return min(low<<min(max(n, 0), 20), high)
}
