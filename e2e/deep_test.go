package e2e

import (
	"context"
	"crypto/md5"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var deep = flag.Bool("deep", false, "run the deep and wide tests with their full numbers; takes an hour, and prints figures")

// fully is the number of a deep test: all of it with -deep, else enough to know that the test works.
func fully(all, some int) int {
	if *deep {
		return all
	}
	return some
}

// figure prints how long something took, and what the server's memory is then.
func (p *process) figure(t *testing.T, what string, n int, began time.Time) {
	t.Helper()
	took := time.Since(began)
	rss, _ := strconv.ParseFloat(p.metric("process_resident_memory_bytes"), 64)
	t.Logf("%s: %d in %.2f s, %.0f a second; server memory %.0f MiB", what, n, took.Seconds(), float64(n)/took.Seconds(), rss/(1<<20))
}

// counted wants these counters of a queue.
func (tr *tour) counted(t *testing.T, url string, visible, inFlight int) {
	t.Helper()
	equal(t, "visible", tr.attribute(t, url, "ApproximateNumberOfMessages"), fmt.Sprint(visible))
	equal(t, "in flight", tr.attribute(t, url, "ApproximateNumberOfMessagesNotVisible"), fmt.Sprint(inFlight))
}

// visible is how many messages can be received.
func (tr *tour) visible(t *testing.T, url string) int {
	t.Helper()
	return must(strconv.Atoi(tr.attribute(t, url, "ApproximateNumberOfMessages")))(t)
}

func TestDeepManyGroups(t *testing.T) {
	p, n := start(t), int64(fully(1_000_000, 3000))
	l := newLoad(t, p.client(), n, "groups.fifo", "FifoQueue", "true", "VisibilityTimeout", "3600",
		"DeduplicationScope", "messageGroup", "FifoThroughputLimit", "perMessageGroupId")
	l.group = func(number int64) string { return fmt.Sprint("g", number) }
	began := time.Now()
	l.senders(6, n)
	l.check(t)
	p.figure(t, "sends, each of a group of its own", int(n), began)
	tr := &tour{client: l.client}
	tr.counted(t, l.url, int(n), 0)
	began = time.Now()
	p.kill()
	p.start()
	p.figure(t, "ready again after kill -9, waiting messages", int(n), began)
	began = time.Now()
	l.receivers(6, n)
	l.check(t)
	p.figure(t, "receives and deletes", int(n), began)
	l.exactlyOnce(t)
	tr.counted(t, l.url, 0, 0)
}

func TestDeepOneGroup(t *testing.T) {
	p, n := start(t), int64(fully(1_000_000, 3000))
	l := newLoad(t, p.client(), n, "group.fifo", "FifoQueue", "true", "VisibilityTimeout", "3600")
	l.group = func(int64) string { return "g" }
	began := time.Now()
	l.senders(1, n) // one, so that the numbers are the order
	l.check(t)
	p.figure(t, "sends, all of one group", int(n), began)
	began = time.Now()
	next := int64(0)
	for next < n {
		out := must(l.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url, MaxNumberOfMessages: 10}))(t)
		if len(out.Messages) == 0 {
			t.Fatalf("nothing came after message %d of %d", next, n)
		}
		for _, m := range out.Messages {
			if *m.Body != strconv.FormatInt(next, 10) {
				t.Fatalf("received message %s, want %d", *m.Body, next)
			}
			next++
		}
		l.delete(out.Messages)
		l.check(t)
	}
	p.figure(t, "receives and deletes, in order", int(n), began)
	(&tour{client: l.client}).counted(t, l.url, 0, 0)
}

func TestDeepInFlight(t *testing.T) {
	const most = 120_000 // of one queue, by the API's contract
	p, n := start(t), fully(most, 1000)
	l := newLoad(t, p.client(), int64(n)+10, "held", "VisibilityTimeout", "43200")
	l.senders(4, int64(n)+10)
	l.check(t)
	began := time.Now()
	var held []types.Message
	for len(held) < n {
		out := must(l.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url, MaxNumberOfMessages: int32(min(10, n-len(held)))}))(t)
		held = append(held, out.Messages...)
	}
	p.figure(t, "received and kept", n, began)
	tr := &tour{client: l.client}
	tr.counted(t, l.url, 10, n)
	if n == most {
		_, err := l.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url})
		code(t, err, "OverLimit")
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p.start()
	tr.counted(t, l.url, 10, n)
	began = time.Now()
	for len(held) > 0 {
		some := min(10, len(held))
		l.delete(held[:some])
		held = held[some:]
	}
	l.check(t)
	p.figure(t, "deleted with receipts from before a restart", n, began)
	tr.counted(t, l.url, 10, 0)
}

func TestDeepLargeMessages(t *testing.T) {
	p, n := start(t), fully(1000, 8)
	client := p.client()
	url := createQueue(t, client, "large", "VisibilityTimeout", "3600")
	sums := make(map[[md5.Size]byte]bool)
	began := time.Now()
	for range n {
		body := strings.Repeat(fmt.Sprintf("%016x", rand.Uint64()), 1<<16)
		sums[md5.Sum([]byte(body))] = true
		must(client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}))(t)
	}
	p.figure(t, "sends of 1 MiB", n, began)
	p.kill()
	p.start()
	began = time.Now()
	for left := n; left > 0; {
		out := must(client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10}))(t)
		if len(out.Messages) == 0 {
			t.Fatalf("nothing came, and %d messages are left", left)
		}
		for _, m := range out.Messages {
			sum := md5.Sum([]byte(*m.Body))
			if !sums[sum] {
				t.Errorf("received a body with the MD5 %x, which nobody sent or which came before", sum)
			}
			delete(sums, sum)
			(&tour{client: client}).delete(t, url, m)
			left--
		}
	}
	p.figure(t, "receives and deletes of 1 MiB, after kill -9", n, began)
}

func TestDeepManyQueues(t *testing.T) {
	p, n := start(t), fully(10_000, 60)
	began := time.Now()
	result := p.bench("--queue", "wide", "--queues", fmt.Sprint(n), "--messages", fmt.Sprint(10*n), "--batch", "10", "--verify")
	p.figure(t, "messages through so many queues: "+fmt.Sprint(n), 10*n, began)
	if result.Acknowledged != int64(10*n) || result.Delivered != result.Acknowledged || result.Lost+result.Twice > 0 || !result.Verified {
		t.Errorf("bench verified %+v, want %d acknowledged and delivered", result, 10*n)
	}
	began = time.Now()
	p.kill()
	p.start()
	p.figure(t, "ready again after kill -9, queues", n, began)
	client := p.client()
	seen := 0
	pages := sqs.NewListQueuesPaginator(client, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("wide-"), MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		seen += len(must(pages.NextPage(context.Background()))(t).QueueUrls)
	}
	equal(t, "queues after a restart", seen, n)
	p.spread(t, n)
}

// spread compares traffic on all of n queues with traffic on one, round by round.
func (p *process) spread(t *testing.T, n int) {
	t.Helper()
	var wide, one []float64
	for range fully(5, 1) {
		wide = append(wide, p.through(t, "wide", "--queues", fmt.Sprint(n)))
		one = append(one, p.through(t, "one"))
	}
	t.Logf("%d queues, traffic on all: %.2f of the throughput of one queue (target 0.80 or more); %.0f and %.0f messages/s, medians of %d rounds each",
		n, median(wide)/median(one), median(wide), median(one), len(one))
}
