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
	pollsMaxOne   = 32               // the same where each asks for one message
	answerTimeout = 15 * time.Second // for the server, besides the time that it is asked to wait
)

// polled is the answer to a receive.
type polled struct {
	asked    int
	hungUp   bool // by the worker itself
	messages []types.Message
	until    time.Time // when the leases end
	err      error
}

// poll starts receives for the places that are free. A receive of which the answer is awaited keeps its places; those
// that become free meanwhile are asked for together by the next one.
func (l *loop) poll(now time.Time) {
	if l.paused || l.draining || l.link.waits(now) || !l.redrive.known || l.absence.state == away {
		return
	}
	if l.absence.state == trying && (l.polls > 0 || len(l.held) > 0) {
		return // what is in hand finds out
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
	places, batch, polls := l.capacity()
	for l.polls < polls {
		n := min(places-len(l.held)-l.reserved, batch)
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

// capacity is how many messages may be in hand, how many one receive asks for, and how many receives there are at once.
//
// Where messages can die of receives, no more are in hand than can be started. Of a FIFO queue each receive then asks for
// one: a batch would bring several of one group, and when the first fails, the others have to be given back untried. One
// at a time, they wait in the server, behind the one that is in flight.
func (l *loop) capacity() (places, batch, polls int) {
	if l.absence.state == trying {
		return 1, 1, 1
	}
	places, batch = l.Concurrency+l.Prefetch, batchMax
	mortal := l.redrive.mortal() || l.redrive.unsure && l.fifo()
	if mortal {
		places = l.Concurrency
	}
	if mortal && l.fifo() {
		return places, 1, min(places, pollsMaxOne)
	}
	return places, batch, min((places+batchMax-1)/batchMax, pollsMax)
}

func (l *loop) receive(ctx context.Context, n int, wait int32) polled {
	polling := ctx
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
	r := polled{asked: n, err: err, hungUp: polling.Err() != nil, until: time.Now().Add(l.Lease)}
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
	case r.hungUp || l.paused || l.draining:
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
