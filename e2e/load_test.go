package e2e

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// load is a numbered stream of messages through one queue: message n has the body n, so that what was received can
// be ticked off in a table, however many there are.
type load struct {
	client   *sqs.Client
	url      string
	group    func(number int64) string // on a FIFO queue
	tenant   string                    // on a standard queue: the group of all messages
	next     atomic.Int64              // number of the next message to send
	received []atomic.Int32            // by number: how often
	deleted  atomic.Int64
	deadline time.Time

	mu  sync.Mutex
	err error // the first
}

// newLoad makes a queue for total messages.
func newLoad(t *testing.T, client *sqs.Client, total int64, name string, attributes ...string) *load {
	t.Helper()
	return &load{
		client:   client,
		url:      createQueue(t, client, name, attributes...),
		received: make([]atomic.Int32, total),
		deadline: time.Now().Add(patience + time.Duration(total)*time.Millisecond),
	}
}

// TestLoadEndsWithExactCounts sends half of the messages while nobody receives, then the other half against
// receivers, and compares what the server counted with what was done.
func TestLoadEndsWithExactCounts(t *testing.T) {
	p := start(t)
	total := int64(*loadMessages)
	client := p.client()
	l := newLoad(t, client, total, "load", "VisibilityTimeout", "3600")
	tr := &tour{client: client}
	began := time.Now()

	l.senders(4, total/2)
	l.check(t)
	equal(t, "visible after the first half", tr.attribute(t, l.url, "ApproximateNumberOfMessages"), fmt.Sprint(total/2))

	var all sync.WaitGroup
	all.Go(func() { l.senders(2, total) })
	all.Go(func() { l.receivers(6, total) })
	all.Wait()
	l.check(t)
	t.Logf("%d messages in %v", total, time.Since(began).Round(time.Millisecond))

	l.exactlyOnce(t)
	for _, name := range []types.QueueAttributeName{
		"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
	} {
		equal(t, string(name), tr.attribute(t, l.url, name), "0")
	}
	for _, name := range []string{"sent", "received", "deleted"} {
		value, err := strconv.ParseFloat(p.metric("forebay_messages_"+name+"_total"), 64)
		if err != nil || int64(value) != total {
			t.Errorf("forebay_messages_%s_total is %v (%v), want %d", name, value, err, total)
		}
	}
	equal(t, "forebay_messages_redelivered_total", p.metric("forebay_messages_redelivered_total"), "0")
}

// exactlyOnce wants every message to have been received, once.
func (l *load) exactlyOnce(t *testing.T) {
	t.Helper()
	wrong := 0
	for n := range l.received {
		if times := l.received[n].Load(); times != 1 {
			if wrong++; wrong <= 20 {
				t.Logf("message %d was received %d times", n, times)
			}
		}
	}
	equal(t, "messages not received exactly once", wrong, 0)
}

// senders send up to message number end, ten a call, and return when all is acknowledged.
func (l *load) senders(n int, end int64) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for l.going() {
				batch := &sqs.SendMessageBatchInput{QueueUrl: &l.url}
				for len(batch.Entries) < 10 {
					number := l.take(end)
					if number < 0 {
						break
					}
					batch.Entries = append(batch.Entries, l.entry(number))
				}
				if len(batch.Entries) == 0 {
					return
				}
				out, err := l.client.SendMessageBatch(context.Background(), batch)
				l.note(err)
				if err == nil && len(out.Failed) > 0 {
					l.note(fmt.Errorf("send %s: %s", *out.Failed[0].Id, aws.ToString(out.Failed[0].Message)))
				}
			}
		})
	}
	all.Wait()
}

// entry is message number n.
func (l *load) entry(n int64) types.SendMessageBatchRequestEntry {
	text := strconv.FormatInt(n, 10)
	e := types.SendMessageBatchRequestEntry{Id: &text, MessageBody: &text}
	if l.group != nil {
		e.MessageGroupId, e.MessageDeduplicationId = aws.String(l.group(n)), &text
	}
	if l.tenant != "" {
		e.MessageGroupId = &l.tenant
	}
	return e
}

// take returns the next number below end, or -1.
func (l *load) take(end int64) int64 {
	for {
		n := l.next.Load()
		if n >= end {
			return -1
		}
		if l.next.CompareAndSwap(n, n+1) {
			return n
		}
	}
}

// receivers receive and delete until total messages are deleted.
func (l *load) receivers(n int, total int64) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for l.deleted.Load() < total && l.going() {
				out, err := l.client.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
					QueueUrl: &l.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
				})
				l.note(err)
				if err == nil && len(out.Messages) > 0 {
					l.delete(out.Messages)
				}
			}
		})
	}
	all.Wait()
}

func (l *load) delete(messages []types.Message) {
	batch := &sqs.DeleteMessageBatchInput{QueueUrl: &l.url}
	for _, m := range messages {
		number, err := strconv.ParseInt(*m.Body, 10, 64)
		if err != nil || number < 0 || number >= int64(len(l.received)) {
			l.note(fmt.Errorf("received the body %q, which nobody sent", *m.Body))
			return
		}
		l.received[number].Add(1)
		batch.Entries = append(batch.Entries, types.DeleteMessageBatchRequestEntry{Id: m.Body, ReceiptHandle: m.ReceiptHandle})
	}
	out, err := l.client.DeleteMessageBatch(context.Background(), batch)
	l.note(err)
	if err == nil {
		l.deleted.Add(int64(len(out.Successful)))
		if len(out.Failed) > 0 {
			l.note(fmt.Errorf("delete %s: %s", *out.Failed[0].Id, aws.ToString(out.Failed[0].Message)))
		}
	}
}

// going is false after an error and after the deadline.
func (l *load) going() bool {
	if time.Now().After(l.deadline) {
		l.note(fmt.Errorf("not done by the deadline: %d sent, %d deleted", l.next.Load(), l.deleted.Load()))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err == nil
}

func (l *load) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// check ends the test when anything went wrong.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		t.Fatal(l.err)
	}
}
