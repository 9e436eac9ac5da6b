package worker

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	pollsMax      = 8                // receives at once
	answerTimeout = 15 * time.Second // for the server, besides the time that it is asked to wait
)

// polled is the answer to a receive.
type polled struct {
	asked    int
	messages []types.Message
	until    time.Time // when the leases end
	err      error
}

// poll starts receives for the places that are free. A receive of which the answer is awaited keeps its places; those
// that become free meanwhile are asked for together by the next one.
func (l *loop) poll(now time.Time) {
	if l.paused || l.draining || l.link.waits(now) {
		return
	}
	wait := waitMax
	if l.IdleTime > 0 {
		wait = min(wait, l.IdleTime) // it is not interrupted, so that no message is lost on its way
	}
	if l.idle() {
		left := l.busyUntil.Add(l.IdleTime).Sub(now)
		if left <= 0 {
			return // it is about to end; a message that came now would have to be given back
		}
		wait = min(wait, left)
	}
	places := l.Concurrency + l.Prefetch
	for l.polls < min((places+batchMax-1)/batchMax, pollsMax) {
		n := min(places-len(l.held)-l.reserved, batchMax)
		if n < 1 {
			return
		}
		l.polls++
		l.reserved += n
		ctx := l.polling
		l.tasks.Go(func() {
			r := l.receive(ctx, n, wholeSeconds(wait))
			select {
			case l.polled <- r:
			case <-l.gone:
			}
		})
	}
}

func (l *loop) receive(ctx context.Context, n int, wait int32) polled {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(wait)*time.Second+answerTimeout)
	defer cancel()
	options := []func(*sqs.Options){once}
	if l.Consumer != "" {
		options = append(options, WithConsumer(l.Consumer))
	}
	out, err := l.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &l.QueueURL,
		MaxNumberOfMessages:         int32(n),
		WaitTimeSeconds:             wait,
		VisibilityTimeout:           int32(l.Lease / time.Second),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}, options...)
	r := polled{asked: n, err: err, until: time.Now().Add(l.Lease)}
	if err == nil {
		r.messages = out.Messages
	}
	return r
}

// onPolled takes messages in hand. It returns an error when the worker cannot work at all: the server refuses what it was
// first asked.
func (l *loop) onPolled(r polled) error {
	l.polls--
	l.reserved -= r.asked
	now := time.Now()
	switch {
	case r.err == nil:
		l.link.answered(receiving, now)
	case l.paused || l.draining: // the worker itself has hung up
	case !l.link.everAnswered(receiving) && refusal(r.err):
		return r.err
	default:
		l.link.failed(receiving, r.err, now)
	}
	for _, m := range r.messages {
		d := &delivery{message: &Message{m}, handle: aws.ToString(m.ReceiptHandle), until: r.until}
		if l.fifo() {
			d.group = d.message.Group()
		}
		l.held = append(l.held, d)
	}
	l.stats.Received += int64(len(r.messages))
	if len(r.messages) > 0 {
		l.busyUntil = now
	}
	if l.paused || l.draining {
		l.giveBackWaiting()
	}
	return nil
}
