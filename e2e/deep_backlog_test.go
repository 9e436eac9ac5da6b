package e2e

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

var deepBacklog = flag.Int("deep.backlog", 20_000_000, "messages in the deepest queue, with -deep")

// TestDeepBacklog compares a queue with many messages in it with the same queue before it had them, and with another
// that has none; then it restarts the server, and purges the queue.
func TestDeepBacklog(t *testing.T) {
	p, n, tr := start(t), fully(*deepBacklog, 20_000), &tour{}
	tr.client = p.client()
	pile := func() float64 { return p.through(t, "pile", "--size", "200") }
	beside := func() float64 { return p.through(t, "beside", "--size", "200") }
	var before, behind, empty []float64
	for range fully(3, 1) {
		empty, before = append(empty, beside()), append(before, pile())
	}
	t.Logf("both queues empty: pile %.2f of beside", median(before)/median(empty))

	url := *must(tr.client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("pile")}))(t).QueueUrl
	began := time.Now()
	p.forebay("bench", "fill", "--queue", "pile", "--messages", fmt.Sprint(n), "--size", "200")
	p.figure(t, "filled with 200 B", n, began)
	if waiting := tr.visible(t, url); waiting < n { // and what the pipeline has left
		t.Errorf("%d messages wait, want %d or more", waiting, n)
	}

	empty = empty[:0]
	for range fully(5, 1) {
		empty, behind = append(empty, beside()), append(behind, pile())
	}
	t.Logf("a backlog of %d: %.2f of the throughput of the empty queue beside it (target 0.90 or more), %.2f of its own when it was empty; medians of %d rounds",
		n, median(behind)/median(empty), median(behind)/median(before), len(behind))
	t.Logf("the most memory so far: %.0f MiB (target 600 or less)", p.memory())

	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p.reopen(t, tr, url, "a stop")
	p.kill()
	p.reopen(t, tr, url, "kill -9")
	p.purge(t, tr, url)
}

// reopen starts the server and times the way to the first message.
func (p *process) reopen(t *testing.T, tr *tour, url, after string) {
	t.Helper()
	began := time.Now()
	ready := p.start()
	out := must(tr.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url}))(t)
	took := time.Since(began)
	equal(t, "messages of the first receive after "+after, len(out.Messages), 1)
	t.Logf("from the start of the process after %s to the first message: %.2f s (target 2 or less), ready after %.2f s; the most memory %.0f MiB",
		after, took.Seconds(), ready.Seconds(), p.memory())
}

// purge empties the queue and looks that nothing comes back.
func (p *process) purge(t *testing.T, tr *tour, url string) {
	t.Helper()
	began := time.Now()
	must(tr.client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url}))(t)
	t.Logf("purged in %.2f s (target 1 or less)", time.Since(began).Seconds())
	tr.counted(t, url, 0, 0)
	tr.send(t, url, "after")
	p.kill()
	p.start()
	tr.counted(t, url, 1, 0)
	equal(t, "body", *tr.receiveOne(t, url).Body, "after")
}
