// Package jobs is what the examples share of speaking to queues: to make one with a dead-letter queue, and to fill it.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// ReceivesMax is how often a job is received without success before it goes to the dead-letter queue.
const ReceivesMax = 3

// batchMax is how many messages SQS takes in one call.
const batchMax = 10

// NewClient makes a client of the server that the environment names.
func NewClient(ctx context.Context) (*sqs.Client, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	return sqs.NewFromConfig(c), nil
}

// Queue is a queue of jobs and, for those that failed, its dead-letter queue. Several may share one of the latter.
type Queue struct {
	Client         *sqs.Client
	URL, FailedURL string
}

// Open makes both queues, unless they are there with the same attributes.
func Open(ctx context.Context, client *sqs.Client, name, failed string) (*Queue, error) {
	dead, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &failed})
	if err != nil {
		return nil, err
	}
	about, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: dead.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
	if err != nil {
		return nil, err
	}
	policy, err := json.Marshal(map[string]string{
		"deadLetterTargetArn": about.Attributes[string(types.QueueAttributeNameQueueArn)],
		"maxReceiveCount":     strconv.Itoa(ReceivesMax),
	})
	if err != nil {
		return nil, err
	}
	live, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name,
		Attributes: map[string]string{string(types.QueueAttributeNameRedrivePolicy): string(policy)}})
	if err != nil {
		return nil, err
	}
	return &Queue{Client: client, URL: *live.QueueUrl, FailedURL: *dead.QueueUrl}, nil
}

// Send sends a message for each job. After an error some may have been sent.
func Send[Job any](ctx context.Context, q *Queue, all []Job) error {
	for some := range slices.Chunk(all, batchMax) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &q.URL}
		for i, j := range some {
			body, err := json.Marshal(j)
			if err != nil {
				return err
			}
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body))})
		}
		out, err := q.Client.SendMessageBatch(ctx, in)
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

// Decode reads the job in a message. A key that is unknown is an error, since it is most likely a slip of the hand.
func Decode[Job any](body string) (Job, error) {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	var j Job
	if err := decoder.Decode(&j); err != nil {
		return j, fmt.Errorf("the message is no job: %w", err)
	}
	return j, nil
}
