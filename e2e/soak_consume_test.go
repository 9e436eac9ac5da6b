//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/history"
)

// consume receives messages and does with them what consumers do: mostly it deletes them; with moods it also fails,
// forgets some, is slow, and changes timeouts. It returns how many messages came.
func (c *soakClient) consume(moods bool) int {
	messages, visibility, result := c.receive(moods)
	if len(messages) == 0 {
		c.rest(result)
		return 0
	}
	if moods && c.rng.IntN(100) == 0 {
		select { // slow: what it deletes later may be somebody else's by then
		case <-c.ctx.Done():
		case <-time.After(time.Duration(c.rng.Int64N(int64(2*visibility) * int64(time.Second)))):
		}
	}
	var done []types.Message
	for _, m := range messages {
		handled := !moods || !strings.HasSuffix(keyOf(m), "-bad") && c.rng.IntN(100) >= c.forgets()
		if handled {
			done = append(done, m)
			continue
		}
		if c.rng.IntN(3) > 0 {
			c.change(m)
		}
		if c.q.fifo {
			break // what is behind it has to wait
		}
	}
	c.delete(done)
	return len(messages)
}

// forgets is how many percent of the messages are not handled at the first try.
func (c *soakClient) forgets() int {
	if c.q.fifo {
		return 1 // each locks its group
	}
	return 8
}

// keyOf is the key in a message's body.
func keyOf(m types.Message) string {
	key, _, _ := strings.Cut(*m.Body, "\n")
	return key
}

// receive makes one call and records it.
func (c *soakClient) receive(moods bool) (messages []types.Message, visibility int32, result history.Result) {
	in := &sqs.ReceiveMessageInput{QueueUrl: &c.q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}}
	visibility = soakVisibility
	if moods {
		in.MaxNumberOfMessages, in.WaitTimeSeconds = 1+c.rng.Int32N(10), c.rng.Int32N(3)
		if c.rng.IntN(4) == 0 {
			visibility = 1 + c.rng.Int32N(soakTimeouts)
			in.VisibilityTimeout = visibility
		}
	}
	var out *sqs.ReceiveMessageOutput
	called, returned, result := c.call(func(ctx context.Context) (err error) {
		out, err = c.via.ReceiveMessage(ctx, in)
		return err
	})
	base := history.Event{Op: history.OpReceive, Queue: c.q.name, Call: called, Return: returned, Result: result, Visibility: float64(visibility)}
	if result != history.Done {
		c.l.record.Add(base)
		return nil, visibility, result
	}
	events := make([]history.Event, 0, len(out.Messages))
	for i, m := range out.Messages {
		e := base
		e.Key, e.ID, e.Receipt, e.Place = keyOf(m), *m.MessageId, brief(*m.ReceiptHandle), i
		e.Digest = digest(*m.Body, aws.ToString(m.MessageAttributes["tag"].StringValue))
		e.Group, e.Sequence = m.Attributes["MessageGroupId"], m.Attributes["SequenceNumber"]
		events = append(events, e)
	}
	c.l.record.Add(events...)
	return out.Messages, visibility, result
}

// change gives a message back, now or later.
func (c *soakClient) change(m types.Message) {
	timeout := c.rng.Int32N(soakTimeouts + 1)
	called, returned, result := c.call(func(ctx context.Context) error {
		_, err := c.via.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &c.q.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: timeout})
		return err
	})
	c.l.record.Add(history.Event{Op: history.OpChange, Queue: c.q.name, Key: keyOf(m), Receipt: brief(*m.ReceiptHandle),
		Call: called, Return: returned, Result: result, Visibility: float64(timeout)})
}

// delete deletes messages, one by one or together.
func (c *soakClient) delete(messages []types.Message) {
	if len(messages) == 0 {
		return
	}
	failed := make(map[string]history.Result) // by entry
	called, returned, result := c.call(func(ctx context.Context) error {
		if len(messages) == 1 {
			_, err := c.via.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &c.q.url, ReceiptHandle: messages[0].ReceiptHandle})
			return err
		}
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &c.q.url}
		for i, m := range messages {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
		out, err := c.via.DeleteMessageBatch(ctx, in)
		if err != nil {
			return err
		}
		for _, e := range out.Failed {
			failed[*e.Id] = map[bool]history.Result{true: history.Failed, false: history.Unknown}[e.SenderFault]
		}
		return nil
	})
	for i, m := range messages {
		own := result
		if r, ok := failed[fmt.Sprint(i)]; ok {
			own = r
		}
		if own == history.Done {
			c.q.outstanding.Add(-1)
		}
		c.l.record.Add(history.Event{Op: history.OpDelete, Queue: c.q.name, Key: keyOf(m), Receipt: brief(*m.ReceiptHandle),
			Call: called, Return: returned, Result: own})
	}
}

// drain empties the queues, each dead-letter queue after its own, and records when each was empty.
func (l *soakLoad) drain() {
	var sources sync.WaitGroup
	fed := make(map[*soakQueue]bool)
	for _, q := range l.queues {
		if q.deadLetters != nil {
			fed[q.deadLetters] = true
		}
	}
	for _, q := range l.queues {
		if !fed[q] {
			sources.Go(func() { l.empty(q) })
		}
	}
	sources.Wait()
	for q := range fed {
		l.empty(q)
	}
}

// empty consumes a queue until nothing has come for longer than any timeout.
func (l *soakLoad) empty(q *soakQueue) {
	c := &soakClient{l: l, q: q, ctx: context.Background(), rng: rand.New(rand.NewPCG(l.seed, 1000)), via: l.client}
	since := l.record.Now()
	for began := time.Now(); time.Since(began) < 3*patience; {
		if c.consume(false) > 0 {
			since = l.record.Now()
		} else if now := l.record.Now(); now-since > int64(soakSpan) {
			l.record.Add(history.Event{Op: history.OpDrained, Queue: q.name, Call: since, Return: now})
			return
		}
	}
	l.s.t.Errorf("round %d, seed %d: %s is not empty after %v", l.round, l.seed, q.name, 3*patience)
}
