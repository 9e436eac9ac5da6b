package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	queueName   = "thumbnails" // as in pools.toml
	failedName  = "thumbnails-failed"
	receivesMax = 3  // a job that was received so often without success goes to the failed ones
	batchMax    = 10 // messages of one call
	failedWait  = 2  // seconds that a call waits for failed jobs
	failedHide  = 30 // seconds until a failed job that was seen may be seen again
)

// Queues are the queue of jobs and that of the failed ones.
type Queues struct {
	client       *sqs.Client
	jobs, failed string // URLs
}

// openQueues makes both queues unless they are there.
func openQueues(ctx context.Context) (*Queues, error) {
	client, err := newClient(ctx)
	if err != nil {
		return nil, err
	}
	q := &Queues{client: client}
	if q.failed, err = q.create(ctx, failedName, nil); err != nil {
		return nil, err
	}
	about, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.failed, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
	if err != nil {
		return nil, err
	}
	policy, err := json.Marshal(map[string]string{
		"deadLetterTargetArn": about.Attributes[string(types.QueueAttributeNameQueueArn)],
		"maxReceiveCount":     strconv.Itoa(receivesMax),
	})
	if err != nil {
		return nil, err
	}
	q.jobs, err = q.create(ctx, queueName, map[string]string{string(types.QueueAttributeNameRedrivePolicy): string(policy)})
	return q, err
}

func (q *Queues) create(ctx context.Context, name string, attributes map[string]string) (url string, err error) {
	out, err := q.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		return "", err
	}
	return *out.QueueUrl, nil
}

// send sends a message for each job.
func (q *Queues) send(ctx context.Context, jobs []Job) error {
	for some := range slices.Chunk(jobs, batchMax) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &q.jobs}
		for i, j := range some {
			body, err := json.Marshal(j)
			if err != nil {
				return err
			}
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body))})
		}
		out, err := q.client.SendMessageBatch(ctx, in)
		if err != nil {
			return err
		}
		for _, f := range out.Failed { // the call went well, and still not all need to have been taken
			err = errors.Join(err, fmt.Errorf("%s: %s", aws.ToString(f.Code), aws.ToString(f.Message)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// givenUp waits a moment for failed jobs. They stay in their queue, for somebody to look at or to move back.
func (q *Queues) givenUp(ctx context.Context) ([]Job, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.failed,
		MaxNumberOfMessages: batchMax, WaitTimeSeconds: failedWait, VisibilityTimeout: failedHide})
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, m := range out.Messages {
		if j, err := parseJob(*m.Body); err == nil { // others were not sent by this program
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}
