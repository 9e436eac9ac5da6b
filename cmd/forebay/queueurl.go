package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// exists reports whether there is a queue of that name.
func (c *client) exists(ctx context.Context, name string) bool {
	_, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	return err == nil
}

// queueURLOrNew finds a queue by name or URL. A missing one is created by a server that runs with --dev.
func (a *app) queueURLOrNew(ctx context.Context, c *client, name string) (string, error) {
	url, err := c.queueURL(ctx, name)
	if err == nil {
		return url, nil
	}
	if url, ok := c.madeByServer(ctx, name, err); ok {
		a.remark("the server, which runs with --dev, has created queue %s", name)
		return url, nil
	}
	return "", err
}

// madeByServer has a server create the queue that it has just said is missing, if it does that by itself: one under --dev
// creates what a message is sent to or received from, but tells nobody where that would be.
func (c *client) madeByServer(ctx context.Context, name string, missing error) (url string, made bool) {
	if asFailure(missing).code != exitNotFound || !c.target.found.Open && !local(c.target.endpoint) {
		return "", false
	}
	if _, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &name}); err != nil {
		return "", false
	}
	out, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", false
	}
	return *out.QueueUrl, true
}
