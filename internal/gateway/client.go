package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// Client is what a gateway needs of the SQS API. *sqs.Client of aws-sdk-go-v2 is one.
type Client interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	DeleteQueue(context.Context, *sqs.DeleteQueueInput, ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error)
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	ListQueues(context.Context, *sqs.ListQueuesInput, ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	SetQueueAttributes(context.Context, *sqs.SetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error)
}

// batcher gathers what comes while earlier calls are under way, so that a call carries one thing when there is little
// to do and many when there is much. It starts goroutines as they are needed, at most workers, which end when nothing
// is left; wait waits for them.
type batcher[T any] struct {
	workers int
	size    func(T) int   // what one costs of bytes
	bytes   int           // in a batch at most; a single thing may be larger
	flush   func([]T)     // makes the call; at most batchMost things
	linger  time.Duration // to gather more before a call that nobody waits for; zero: none

	mu      sync.Mutex
	waiting []T
	active  int
	running sync.WaitGroup
}

// batchMost is how many entries a batch of the SQS API has at most.
const batchMost = 10

// add gives the batcher one thing. It does not wait for it.
func (b *batcher[T]) add(one T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, one)
	if b.active < b.workers {
		b.active++
		b.running.Go(b.work)
	}
}

func (b *batcher[T]) work() {
	for {
		if b.linger > 0 {
			time.Sleep(b.linger)
		}
		batch := b.next()
		if len(batch) == 0 {
			return
		}
		b.flush(batch)
	}
}

// next takes the next batch, or signs the worker off.
func (b *batcher[T]) next() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, bytes := 0, 0
	for n < len(b.waiting) && n < batchMost {
		bytes += b.size(b.waiting[n])
		if n > 0 && bytes > b.bytes {
			break
		}
		n++
	}
	if n == 0 {
		b.active--
		return nil
	}
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return batch
}

// wait returns when nothing is left to do. Nothing may be added meanwhile.
func (b *batcher[T]) wait() { b.running.Wait() }

// apiCode is the code of an error of the API, without what protocols put before it; empty for other errors.
func apiCode(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	code := api.ErrorCode()
	return code[strings.LastIndexAny(code, ".#")+1:]
}

// noQueue reports whether err says that there is no such queue.
func noQueue(err error) bool {
	switch apiCode(err) {
	case "NonExistentQueue", "QueueDoesNotExist":
		return true
	}
	return false
}

// queueURL finds a queue by name; a URL is its own.
func queueURL(ctx context.Context, c Client, queue string) (string, error) {
	if strings.Contains(queue, "/") {
		return queue, nil
	}
	out, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		return "", err
	}
	return *out.QueueUrl, nil
}
