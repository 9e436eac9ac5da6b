package gather

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// EraseClient is what an [Eraser] needs of the SQS API. *sqs.Client has it.
type EraseClient interface {
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

const (
	eraseCalls = 4                // to one queue at one time
	eraseRoom  = 1000             // receipts of one queue that wait
	eraseTime  = 30 * time.Second // for a call, retries of the client included
)

// Linger is how long a message stays in its queue, at most, so that others are deleted by the same call. If the program dies
// meanwhile it comes again, as at any other moment before its delete.
const Linger = 20 * time.Millisecond

// Eraser deletes messages that are done with, up to ten by one call. It is safe for concurrent use.
type Eraser struct {
	client EraseClient
	failed func(queue string, messages int, err error)
	gather *gatherer[string]
}

// NewEraser returns an Eraser, which tells failed how many messages stay in a queue and why. A refusal of the API is a
// [smithy.APIError].
func NewEraser(client EraseClient, failed func(queue string, messages int, err error)) *Eraser {
	e := &Eraser{client: client, failed: failed}
	e.gather = (&gatherer[string]{linger: Linger, room: eraseRoom, flush: e.flush,
		size:    func(string) int { return 0 },
		workers: func(string) int { return eraseCalls }}).begin()
	return e
}

// Delete has a message deleted within [Linger] and the time of a call. It does not wait for that, unless a thousand wait
// already since the server does not answer.
func (e *Eraser) Delete(queue, receipt string) { e.gather.add(queue, receipt) }

// Wait returns when everything is deleted.
func (e *Eraser) Wait() { e.gather.wait() }

func (e *Eraser) flush(queue string, receipts []string) {
	ctx, cancel := context.WithTimeout(context.Background(), eraseTime)
	defer cancel()
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &queue, Entries: make([]types.DeleteMessageBatchRequestEntry, len(receipts))}
	for i := range receipts {
		in.Entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipts[i]}
	}
	out, err := e.client.DeleteMessageBatch(ctx, in)
	switch {
	case err != nil:
		e.failed(queue, len(receipts), err)
	case len(out.Failed) > 0:
		first := out.Failed[0]
		e.failed(queue, len(out.Failed), &smithy.GenericAPIError{Code: aws.ToString(first.Code), Message: aws.ToString(first.Message)})
	}
}
