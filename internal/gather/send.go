package gather

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// SendClient is what a [Sender] needs of the SQS API. *sqs.Client has it.
type SendClient interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

const (
	// sendCalls is how many calls to one queue are under way at one time, at most.
	sendCalls = 8
	// sendEager is how many calls to one queue are under way at one time when there is little to do. With one alone a
	// message would often wait for the one before it; with more they would hardly ever go together.
	sendEager = 2
	// sendLinger is how long a message waits for a call under way to end. A server nearby has answered by then; one far
	// away is sent further calls meanwhile.
	sendLinger = 5 * time.Millisecond
)

// errUnsaid is for a message that the answer to a batch does not mention.
var errUnsaid = errors.New("the server did not say whether it has the message")

// Sender sends messages, up to ten by one call. It is safe for concurrent use.
type Sender struct {
	client SendClient
	gather *gatherer[*letter]
}

// NewSender returns a Sender. The messages of one call have at most so many bytes together, as the API counts them, unless
// one has more alone.
func NewSender(client SendClient, bytes int) *Sender {
	s := &Sender{client: client}
	s.gather = (&gatherer[*letter]{eager: sendEager, linger: sendLinger, bytes: bytes, size: weight, flush: s.flush, workers: func(queue string) int {
		if strings.HasSuffix(queue, ".fifo") {
			return 1 // its order is that of the calls
		}
		return sendCalls
	}}).begin()
	return s
}

// letter is a message with who waits for it.
type letter struct {
	ctx  context.Context
	in   *sqs.SendMessageInput
	done chan error // buffered
}

// Send puts a message into its queue, and returns when it is acknowledged, or with the error that SendMessage would have
// given: one of the API is a [smithy.APIError]. When ctx ends Send returns, and nobody knows whether the message is there.
// The input must not change any more, whatever the outcome.
func (s *Sender) Send(ctx context.Context, in *sqs.SendMessageInput) error {
	l := &letter{ctx: ctx, in: in, done: make(chan error, 1)}
	s.gather.call(aws.ToString(in.QueueUrl), l)
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait returns when no call is under way.
func (s *Sender) Wait() { s.gather.wait() }

func (s *Sender) flush(queue string, batch []*letter) {
	batch = slices.DeleteFunc(batch, func(l *letter) bool { return l.ctx.Err() != nil })
	if len(batch) == 1 {
		s.one(batch[0])
	} else if len(batch) > 1 {
		s.many(queue, batch)
	}
}

func (s *Sender) one(l *letter) {
	_, err := s.client.SendMessage(l.ctx, l.in)
	l.done <- err
}

// many sends messages by one call. If that is refused, which may be the fault of one of them, each goes alone.
func (s *Sender) many(queue string, batch []*letter) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &queue, Entries: make([]types.SendMessageBatchRequestEntry, len(batch))}
	for i, l := range batch {
		in.Entries[i] = types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: l.in.MessageBody, MessageAttributes: l.in.MessageAttributes,
			MessageSystemAttributes: l.in.MessageSystemAttributes, DelaySeconds: l.in.DelaySeconds,
			MessageGroupId: l.in.MessageGroupId, MessageDeduplicationId: l.in.MessageDeduplicationId,
		}
	}
	ctx, release := untilAllHaveGone(batch)
	out, err := s.client.SendMessageBatch(ctx, in)
	release()
	if refused(err) {
		for _, l := range batch {
			s.one(l)
		}
		return
	}
	results := make([]error, len(batch))
	for i := range results {
		results[i] = errUnsaid
		if err != nil {
			results[i] = err
		}
	}
	if err == nil {
		read(out, results)
	}
	for i, l := range batch {
		l.done <- results[i]
	}
}

// untilAllHaveGone returns a context that ends when those of all letters have. It must be released.
func untilAllHaveGone(batch []*letter) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	left := new(atomic.Int32)
	left.Store(int32(len(batch)))
	stops := make([]func() bool, len(batch))
	for i, l := range batch {
		stops[i] = context.AfterFunc(l.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// refused reports whether the server has taken nothing of a call, for what stands in it.
func refused(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorFault() == smithy.FaultClient && !strings.Contains(api.ErrorCode(), "Throttl")
}

// read puts what the answer says of each entry into its place.
func read(out *sqs.SendMessageBatchOutput, results []error) {
	set := func(id *string, err error) {
		if i, bad := strconv.Atoi(aws.ToString(id)); bad == nil && i >= 0 && i < len(results) {
			results[i] = err
		}
	}
	for _, ok := range out.Successful {
		set(ok.Id, nil)
	}
	for _, bad := range out.Failed {
		fault := smithy.FaultServer
		if bad.SenderFault {
			fault = smithy.FaultClient
		}
		set(bad.Id, &smithy.GenericAPIError{Code: aws.ToString(bad.Code), Message: aws.ToString(bad.Message), Fault: fault})
	}
}

// weight is the bytes of a message, as the API counts them.
func weight(l *letter) int {
	n := len(aws.ToString(l.in.MessageBody))
	for name, a := range l.in.MessageAttributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}
