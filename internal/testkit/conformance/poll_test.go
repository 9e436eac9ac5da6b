package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// pollRows are the rows about long polls.
func pollRows() []row {
	return []row{
		{id: "SQS-POLL-01", test: pollNothing},
		{id: "SQS-POLL-02", test: pollSend},
		{id: "SQS-POLL-03", test: pollWakeUps},
		{id: "SQS-POLL-04", test: pollDefault},
		{id: "SQS-POLL-05", test: pollGoneClient},
		{id: "SQS-POLL-06", test: pollOneOfMany},
		{id: "SQS-POLL-07", test: pollThousand},
		{id: "SQS-POLL-08", test: pollShutdown},
	}
}

func pollNothing(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, wait := range []int{1, 20} {
		r, took := c.Poll(url, Map{"WaitTimeSeconds": wait}).Wait()
		same(t, "result", r.Result, Map{})
		same(t, "status", r.Status, 200)
		same(t, "took", took, time.Duration(wait)*second)
	}
}

func pollSend(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	poll := c.Poll(url)
	c.Advance(3 * second)
	same(t, "ended early", poll.Ended(), false)
	c.Send(url, "one")
	_, took := poll.Wait()
	same(t, "took", took, 3*second)
	bodies(t, "left", c.Receive(url))
	same(t, "bodies", poll.Bodies(), []string{"one"})
	c.Send(url, "two")
	_, took = c.Poll(url).Wait()
	same(t, "with a message there", took, 0)
}

func pollWakeUps(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "30"})
	c.Send(url, "delayed", Map{"DelaySeconds": 7})
	poll := c.Poll(url, Map{"MaxNumberOfMessages": 1})
	_, took := poll.Wait()
	same(t, "end of delay", took, 7*second)
	same(t, "end of delay", poll.Bodies(), []string{"delayed"})
	c.Advance(20 * second)
	poll = c.Poll(url)
	_, took = poll.Wait()
	same(t, "end of timeout", took, 10*second)
	same(t, "end of timeout", poll.Bodies(), []string{"delayed"})
	c.Send(url, "other")
	held := c.ReceiveOne(url)
	poll = c.Poll(url)
	c.Advance(4 * second)
	same(t, "still waiting", poll.Ended(), false)
	c.Change(url, held.Receipt, 0)
	_, took = poll.Wait()
	same(t, "change to 0", took, 4*second)
	same(t, "change to 0", poll.Bodies(), []string{"other"})
	c.Send(url, "late", Map{"DelaySeconds": 900})
	poll = c.Poll(url)
	c.OK("DeleteQueue", Map{"QueueUrl": url})
	r, _ := poll.Wait()
	same(t, "queue deleted", r.Code, prefix+"NonExistentQueue")
}

func pollDefault(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"ReceiveMessageWaitTimeSeconds": "6"})
	start := time.Now()
	same(t, "default", len(c.Receive(url)), 0)
	same(t, "default took", time.Since(start), 6*second)
	same(t, "explicit 0", len(c.Receive(url, Map{"WaitTimeSeconds": 0})), 0)
	same(t, "explicit 0 took", time.Since(start), 6*second)
	c.Restart()
	same(t, "after a restart", len(c.Receive(url)), 0)
	same(t, "after a restart took", time.Since(start), 12*second)
}

func pollGoneClient(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	ctx, cancel := context.WithCancel(t.Context())
	go c.CallContext(ctx, "ReceiveMessage", Map{"QueueUrl": url, "WaitTimeSeconds": 20})
	c.Advance(5 * second)
	cancel()
	c.Settle()
	c.Send(url, "x")
	same(t, "untouched", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
	same(t, "count", c.ReceiveOne(url).System["ApproximateReceiveCount"], "1")
}

func pollOneOfMany(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	var polls []*testkit.Poll
	for range 10 {
		polls = append(polls, c.Poll(url))
		c.Advance(time.Millisecond)
	}
	ended := func() string {
		out := ""
		for _, p := range polls {
			out += map[bool]string{true: "x", false: "."}[p.Ended()]
		}
		return out
	}
	c.Send(url, "one")
	same(t, "after one message", ended(), "x.........")
	c.Send(url, "two")
	c.Send(url, "three")
	same(t, "after three messages", ended(), "xxx.......")
	c.Advance(20 * second)
	same(t, "at the deadline", ended(), "xxxxxxxxxx")
	same(t, "first come", polls[1].Bodies(), []string{"two"})
	same(t, "without a message", polls[9].Bodies(), nil)
}

func pollThousand(t *testing.T, c *testkit.Client) {
	const n = 1200
	url := c.CreateQueue("q", nil)
	polls := make([]*testkit.Poll, n)
	for i := range polls {
		polls[i] = c.Poll(url, Map{"MaxNumberOfMessages": 1})
	}
	for i := range n / 10 {
		var entries List
		for j := range 10 {
			entries = append(entries, Map{"Id": fmt.Sprint(j), "MessageBody": fmt.Sprint(i*10 + j)})
		}
		sendBatch(c, url, entries...)
	}
	seen := map[string]int{}
	for _, p := range polls {
		if !p.Ended() {
			t.Fatalf("a poll is still waiting with a message for each")
		}
		for _, body := range p.Bodies() {
			seen[body]++
		}
	}
	same(t, "different messages", len(seen), n)
}

func pollShutdown(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	polls := []*testkit.Poll{c.Poll(url), c.Poll(url)}
	c.Advance(2 * second)
	c.Drain()
	for _, p := range polls {
		r, took := p.Wait()
		same(t, "status", r.Status, 200)
		same(t, "result", r.Result, Map{})
		same(t, "took", took, 2*second)
	}
}
