package gateway

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// countingClient counts calls.
type countingClient struct {
	Client
	polls, other atomic.Int64
}

func (c *countingClient) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	c.polls.Add(1)
	return c.Client.ReceiveMessage(ctx, in, o...)
}

func (c *countingClient) SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	c.other.Add(1)
	return c.Client.SendMessage(ctx, in, o...)
}

func (c *countingClient) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	c.other.Add(1)
	return c.Client.SendMessageBatch(ctx, in, o...)
}

func (c *countingClient) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, o ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	c.other.Add(1)
	return c.Client.GetQueueAttributes(ctx, in, o...)
}

func (c *countingClient) ListQueues(ctx context.Context, in *sqs.ListQueuesInput, o ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error) {
	c.other.Add(1)
	return c.Client.ListQueues(ctx, in, o...)
}

func (c *countingClient) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	c.other.Add(1)
	return c.Client.DeleteMessageBatch(ctx, in, o...)
}

func (c *countingClient) GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput, o ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	c.other.Add(1)
	return c.Client.GetQueueUrl(ctx, in, o...)
}
