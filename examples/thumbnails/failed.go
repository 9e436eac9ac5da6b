package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
)

const (
	queueName  = "thumbnails" // as in pools.toml
	failedName = "thumbnails-failed"
	failedMax  = 10 // failed jobs that one call looks at
	failedWait = 2  // seconds that a call waits for some
	failedHide = 30 // seconds until one that was seen may be seen again
)

// openQueue makes the queue of jobs and that of the failed ones, unless they are there.
func openQueue(ctx context.Context) (*jobs.Queue, error) {
	client, err := jobs.NewClient(ctx)
	if err != nil {
		return nil, err
	}
	return jobs.Open(ctx, client, queueName, failedName)
}

// givenUp waits a moment for failed jobs. They stay in their queue, for somebody to look at or to move back.
func givenUp(ctx context.Context, q *jobs.Queue) ([]Job, error) {
	out, err := q.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.FailedURL,
		MaxNumberOfMessages: failedMax, WaitTimeSeconds: failedWait, VisibilityTimeout: failedHide})
	if err != nil {
		return nil, err
	}
	var found []Job
	for _, m := range out.Messages {
		if j, err := parseJob(*m.Body); err == nil { // others were not sent by this program
			found = append(found, j)
		}
	}
	return found, nil
}
