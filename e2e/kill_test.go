package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/history"
)

const (
	killVisibility  = 5 * time.Second // of the queues; what is in flight at a kill comes back after it
	killBacklogMax  = 4000            // messages that senders may be ahead of consumers
	killFIFOSenders = 4               // each sends to groups of its own
	killFIFOGroups  = 32              // many, since a kill locks those in flight for the visibility timeout
)

// assault is a load on two queues, one of them FIFO, that goes on while the server is killed and started again.
type assault struct {
	client         *sqs.Client
	standard, fifo string
	next           atomic.Int64 // numbers the messages
	log            history.Log  // of the standard queue
	fifoLog        history.Log
	last           [killFIFOGroups]string // by group: the send that has no answer yet, to be tried again
}

// TestKillLosesNothing kills the server in the middle of its work, again and again, and then holds what clients saw
// against what they were promised.
func TestKillLosesNothing(t *testing.T) {
	p := start(t)
	client := p.client()
	a := &assault{client: client}
	seconds := fmt.Sprint(int(killVisibility.Seconds()))
	a.standard = createQueue(t, client, "kill", "VisibilityTimeout", seconds)
	a.fifo = createQueue(t, client, "kill.fifo", "FifoQueue", "true", "VisibilityTimeout", seconds)

	var slowest time.Duration
	for round := range *killRounds {
		ctx, cancel := context.WithCancel(t.Context())
		running := a.begin(ctx)
		time.Sleep(100*time.Millisecond + rand.N(1400*time.Millisecond))
		p.kill()
		cancel()
		running.Wait()
		slowest = max(slowest, p.start())
		if round%10 == 9 {
			t.Logf("%d kills, ready again within %v, %d messages outstanding", round+1, slowest, a.log.Outstanding()+a.fifoLog.Outstanding())
		}
	}
	var draining sync.WaitGroup
	draining.Go(func() { a.drain(t, a.standard, &a.log) })
	draining.Go(func() { a.drain(t, a.fifo, &a.fifoLog) })
	draining.Wait()
	t.Logf("%d kills, ready again within %v", *killRounds, slowest.Round(time.Millisecond))
	judge(t, "standard", a.log.Report())
	judge(t, "FIFO", a.fifoLog.Report())

	tr := &tour{client: client}
	for _, url := range []string{a.standard, a.fifo} {
		for _, name := range []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
			equal(t, url+" "+string(name), tr.attribute(t, url, name), "0")
		}
	}
}

func judge(t *testing.T, queue string, r history.Report) {
	t.Helper()
	t.Logf("%s: %d sends attempted, %d acknowledged, %d received, %d redeliveries, %d deletes acknowledged, %d violations",
		queue, r.Attempted, r.Acked, r.Received, r.Redelivered, r.Deleted, len(r.Violations))
	if r.Acked == 0 || r.Deleted == 0 {
		t.Errorf("%s: nothing was acknowledged, so nothing was tested", queue)
	}
	for _, v := range r.Violations[:min(len(r.Violations), 20)] {
		t.Errorf("%s: %s", queue, v)
	}
}

// begin starts the clients. They stop at their first failed call after ctx has ended.
func (a *assault) begin(ctx context.Context) *sync.WaitGroup {
	var running sync.WaitGroup
	for n := range 4 {
		running.Go(func() { a.sender(ctx, n%2 == 0) })
	}
	for n := range killFIFOSenders {
		running.Go(func() { a.fifoSender(ctx, n) })
	}
	for range 3 {
		running.Go(func() { a.consumer(ctx, a.standard, &a.log, 0.05) })
	}
	for range 2 {
		// A message that is kept locks its group until its timeout, so few are.
		running.Go(func() { a.consumer(ctx, a.fifo, &a.fifoLog, 0.002) })
	}
	return &running
}

// sender sends to the standard queue, one message or ten a call. A send without an answer is not repeated: it may
// have happened or not.
func (a *assault) sender(ctx context.Context, batches bool) {
	for ctx.Err() == nil {
		if a.log.Outstanding() > killBacklogMax {
			pause(ctx)
			continue
		}
		if !batches {
			key := a.key("s")
			a.log.Attempt(key, "")
			out, err := a.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &a.standard, MessageBody: &key})
			if err == nil {
				a.log.Acked(key, *out.MessageId, "")
			}
			continue
		}
		in := &sqs.SendMessageBatchInput{QueueUrl: &a.standard}
		for range 10 {
			key := a.key("b")
			a.log.Attempt(key, "")
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: &key, MessageBody: &key})
		}
		out, err := a.client.SendMessageBatch(ctx, in)
		if err != nil {
			continue
		}
		for _, e := range out.Successful {
			a.log.Acked(*e.Id, *e.MessageId, "")
		}
	}
}

// fifoSender sends to its groups, in order: a send without an answer is repeated with its deduplication id until
// there is one, over restarts. Now and then it repeats a send that was answered, too.
func (a *assault) fifoSender(ctx context.Context, n int) {
	var answered [killFIFOGroups]string // by group: the latest send that was
	for ctx.Err() == nil {
		if a.fifoLog.Outstanding() > killBacklogMax {
			pause(ctx)
			continue
		}
		group := n + killFIFOSenders*rand.IntN(killFIFOGroups/killFIFOSenders)
		name := fmt.Sprint("g", group)
		key := a.last[group]
		switch {
		case key != "":
		case answered[group] != "" && rand.IntN(10) == 0:
			key = answered[group]
		default:
			key = a.key("f")
			a.last[group] = key
		}
		a.fifoLog.Attempt(key, name)
		out, err := a.client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: &a.fifo, MessageBody: &key, MessageGroupId: &name, MessageDeduplicationId: &key,
		})
		if err != nil {
			pause(ctx)
			continue
		}
		a.fifoLog.Acked(key, *out.MessageId, aws.ToString(out.SequenceNumber))
		a.last[group], answered[group] = "", key
	}
}

// consumer receives and deletes, and leaves messages with the probability keep to come back.
func (a *assault) consumer(ctx context.Context, url string, log *history.Log, keep float64) {
	for ctx.Err() == nil {
		if a.consume(ctx, url, log, keep) < 0 {
			pause(ctx)
		}
	}
}

// consume makes one round of a consumer and returns how many messages it received, or -1 for an error. Messages
// are kept, and not deleted, with the given probability; of a FIFO queue then also those behind them.
func (a *assault) consume(ctx context.Context, url string, log *history.Log, keep float64) int {
	called := time.Now()
	out, err := a.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSequenceNumber},
	})
	if err != nil {
		return -1
	}
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
	bodies := make(map[string]string) // by entry id
	for _, m := range out.Messages {
		log.Received(history.Delivery{Key: *m.Body, ID: *m.MessageId, Sequence: m.Attributes["SequenceNumber"], Called: called})
		if rand.Float64() < keep {
			break
		}
		id := fmt.Sprint(len(in.Entries))
		bodies[id] = *m.Body
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: &id, ReceiptHandle: m.ReceiptHandle})
	}
	if len(in.Entries) == 0 {
		return len(out.Messages)
	}
	deleted, err := a.client.DeleteMessageBatch(ctx, in)
	answered := time.Now()
	if err != nil || answered.Sub(called) >= killVisibility {
		return len(out.Messages) // perhaps deleted, perhaps too late to count
	}
	for _, e := range deleted.Successful {
		log.Deleted(bodies[*e.Id], answered)
	}
	return len(out.Messages)
}

// drain consumes a queue until nothing has come for longer than the visibility timeout.
func (a *assault) drain(t *testing.T, url string, log *history.Log) {
	began, last := time.Now(), time.Now()
	for time.Since(last) < killVisibility+2*time.Second {
		if a.consume(t.Context(), url, log, 0) > 0 {
			last = time.Now()
		}
		if time.Since(began) > 5*patience {
			t.Errorf("%s is not empty after %v", url, time.Since(began))
			return
		}
	}
}

// key is a message's name, its body and its deduplication id.
func (a *assault) key(prefix string) string { return fmt.Sprint(prefix, a.next.Add(1)) }

// pause lets a client that met an error wait a moment.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}
