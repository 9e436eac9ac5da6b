package conformance

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// fifoRows are the rows about FIFO queues.
func fifoRows() []row {
	return []row{
		{id: "SQS-FIFO-01", test: orderIsKept},
		{id: "SQS-FIFO-02", test: groupAfterGroup},
		{id: "SQS-FIFO-03", test: groupLock},
		{id: "SQS-FIFO-04", test: newSendsStayLocked},
		{id: "SQS-FIFO-05", test: partialDelete},
		{id: "SQS-FIFO-06", test: partialRelease},
		{id: "SQS-FIFO-07", test: extendedHead},
		{id: "SQS-FIFO-08", test: orderAfterTimeout},
		{id: "SQS-FIFO-09", test: delayedHead},
		{id: "SQS-FIFO-10", test: freedGroupWakes},
		{id: "SQS-FIFO-11", test: emptiedGroup},
		{id: "SQS-FIFO-12", test: fifoDelay},
		{id: "SQS-FIFO-13", test: missingIDs},
		{id: "SQS-FIFO-14", test: sequenceNumbers},
		{id: "SQS-FIFO-15", test: receiveAttempt},
		{id: "SQS-FIFO-16", test: attemptOnStandard},
		{id: "SQS-FIFO-17", test: throughputNeedsScope},
	}
}

func orderIsKept(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"VisibilityTimeout": "10"})
	var want []string
	for n := range 25 {
		want = append(want, fmt.Sprintf("m%02d", n))
	}
	c.SendGroup(url, "g", want...)
	var got []string
	for round := 0; len(got) < len(want) && round < 100; round++ {
		batch := c.Receive(url, Map{"MaxNumberOfMessages": 1 + round%4})
		switch round % 3 {
		case 0: // given up
			c.Advance(10 * second)
		case 1: // all but the last deleted
			for _, m := range batch[:max(1, len(batch)-1)] {
				got = append(got, m.Body)
				c.Delete(url, m.Receipt)
			}
			c.Advance(10 * second)
		case 2:
			for _, m := range batch {
				got = append(got, m.Body)
				c.Delete(url, m.Receipt)
			}
		}
		if round == 7 {
			c.Crash()
		}
	}
	same(t, "order", got, want)
}

func groupAfterGroup(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	for _, m := range []struct{ group, body string }{{"a", "a1"}, {"b", "b1"}, {"a", "a2"}, {"b", "b2"}, {"a", "a3"}, {"c", "c1"}} {
		c.SendGroup(url, m.group, m.body)
	}
	bodies(t, "one receive", c.Receive(url, Map{"MaxNumberOfMessages": 5}), "a1", "a2", "a3", "b1", "b2")
	bodies(t, "the next", c.Receive(url), "c1")
}

func groupLock(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(url, "a", "a1", "a2")
	c.SendGroup(url, "b", "b1")
	same(t, "first", c.ReceiveOne(url).Body, "a1")
	bodies(t, "others", c.Receive(url), "b1")
	bodies(t, "nothing else", c.Receive(url))
	c.Restart()
	bodies(t, "nothing else after a restart", c.Receive(url))
}

func newSendsStayLocked(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(url, "g", "1")
	held := c.ReceiveOne(url)
	poll := c.Poll(url)
	c.SendGroup(url, "g", "2", "3")
	same(t, "a waiter stays", poll.Ended(), false)
	bodies(t, "locked", c.Receive(url))
	c.Delete(url, held.Receipt)
	same(t, "the waiter", poll.Bodies(), []string{"2", "3"})
}

func partialDelete(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(url, "g", "1", "2", "3", "4")
	got := c.Receive(url, Map{"MaxNumberOfMessages": 3})
	bodies(t, "received", got, "1", "2", "3")
	c.Delete(url, got[1].Receipt)
	bodies(t, "second deleted", c.Receive(url))
	c.Delete(url, got[0].Receipt)
	bodies(t, "first deleted", c.Receive(url))
	c.Delete(url, got[2].Receipt)
	bodies(t, "all deleted", c.Receive(url), "4")
}

func partialRelease(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(url, "g", "m1", "m2", "m3", "m4")
	got := c.Receive(url, Map{"MaxNumberOfMessages": 3})
	c.Change(url, got[0].Receipt, 0)
	again := c.Receive(url)
	bodies(t, "m1 to 0", again, "m1")
	c.Change(url, again[0].Receipt, 0)
	c.Change(url, got[1].Receipt, 0)
	bodies(t, "m1 and m2 to 0", c.Receive(url), "m1", "m2")
	bodies(t, "m3 in flight", c.Receive(url))
}

func extendedHead(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"VisibilityTimeout": "10"})
	c.SendGroup(url, "g", "1", "2", "3")
	got := c.Receive(url, Map{"MaxNumberOfMessages": 2})
	c.Change(url, got[0].Receipt, 60)
	c.Advance(59 * second)
	same(t, "second is over", c.Counts(url), "2 visible, 1 in flight, 0 delayed")
	bodies(t, "locked", c.Receive(url))
	c.Advance(second)
	bodies(t, "free", c.Receive(url), "1", "2", "3")
}

func orderAfterTimeout(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"VisibilityTimeout": "10"})
	c.SendGroup(url, "g", "1", "2", "3", "4")
	bodies(t, "first", c.Receive(url, Map{"MaxNumberOfMessages": 2}), "1", "2")
	c.SendGroup(url, "g", "5")
	c.Advance(10 * second)
	bodies(t, "after the timeout", c.Receive(url), "1", "2", "3", "4", "5")
}

func delayedHead(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"DelaySeconds": "10"})
	c.SendGroup(url, "a", "a1")
	c.Advance(5 * second)
	c.SendGroup(url, "b", "b1")
	c.SendGroup(url, "a", "a2")
	bodies(t, "all delayed", c.Receive(url))
	same(t, "counts", c.Counts(url), "0 visible, 0 in flight, 3 delayed")
	c.Advance(5 * second)
	bodies(t, "first due", c.Receive(url), "a1")
	c.Advance(5 * second)
	bodies(t, "the other group", c.Receive(url), "b1")
}

func freedGroupWakes(t *testing.T, c *testkit.Client) {
	poll := func(what, url string, after int, want ...string) {
		t.Helper()
		p := c.Poll(url)
		c.Advance(second)
		same(t, what+": waits", p.Ended(), false)
		_, took := p.Wait()
		same(t, what+": took seconds", int(took/second), after)
		same(t, what, p.Bodies(), want)
	}
	url := c.CreateFIFO("deleted.fifo", nil)
	c.SendGroup(url, "g", "1", "2")
	held := c.ReceiveOne(url)
	p := c.Poll(url)
	c.Delete(url, held.Receipt)
	same(t, "delete", p.Ended(), true)
	same(t, "delete", p.Bodies(), []string{"2"})

	url = c.CreateFIFO("expired.fifo", Map{"VisibilityTimeout": "5"})
	c.SendGroup(url, "g", "1", "2")
	c.ReceiveOne(url)
	poll("expiry", url, 5, "1", "2")

	url = c.CreateFIFO("retention.fifo", Map{"MessageRetentionPeriod": "60"})
	c.SendGroup(url, "g", "1")
	c.ReceiveOne(url, Map{"VisibilityTimeout": 600})
	c.Advance(50 * second)
	c.SendGroup(url, "g", "2")
	poll("retention", url, 10, "2")

	c.CreateFIFO("dead.fifo", nil)
	url = c.CreateFIFO("moved.fifo", redrive("dead.fifo", 1))
	c.SendGroup(url, "g", "1", "2")
	c.ReceiveOne(url, Map{"VisibilityTimeout": 7})
	poll("move", url, 7, "2")
}

func emptiedGroup(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	for _, body := range []string{"1", "2", "3"} {
		c.SendGroup(url, "g", body)
		m := c.ReceiveOne(url)
		same(t, "body", m.Body, body)
		c.Delete(url, m.Receipt)
	}
}

func fifoDelay(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"DelaySeconds": "10"})
	refusedSend(c, url, badParameter, "Value 5 for parameter DelaySeconds is invalid. "+
		"Reason: The request include parameter that is not valid for this queue type.", Map{"MessageGroupId": "g", "DelaySeconds": 5})
	c.Send(url, "x", Map{"MessageGroupId": "g", "DelaySeconds": 0})
	bodies(t, "delayed", c.Receive(url))
	c.Advance(10 * second)
	bodies(t, "due", c.Receive(url), "x")
}

func missingIDs(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q.fifo", Map{"FifoQueue": "true"})
	refusedSend(c, url, missing, "The request must contain the parameter MessageGroupId.", Map{"MessageDeduplicationId": "d"})
	refusedSend(c, url, badParameter,
		"The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly", Map{"MessageGroupId": "g"})
	refusedSend(c, url, badParameter, "Value a b for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only "+
		"include alphanumeric and punctuation characters. 1 to 128 in length.", Map{"MessageGroupId": "g", "MessageDeduplicationId": "a b"})
}

func sequenceNumbers(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	digits := regexp.MustCompile(`^[0-9]{20}$`)
	last := ""
	for n := range 12 {
		now := text(c.Send(url, fmt.Sprint(n), Map{"MessageGroupId": fmt.Sprint(n % 3)}), "SequenceNumber")
		if !digits.MatchString(now) || now <= last {
			t.Errorf("send %d: got %q after %q, want 20 growing digits", n, now, last)
		}
		last = now
		for _, m := range c.Receive(url) {
			same(t, "received", m.System["SequenceNumber"], now)
			c.Delete(url, m.Receipt)
		}
		switch n {
		case 3:
			c.Restart()
		case 7:
			c.Crash()
		}
	}
}

func receiveAttempt(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"VisibilityTimeout": "30"})
	c.SendGroup(url, "g", "1", "2", "3")
	attempt := Map{"ReceiveRequestAttemptId": "a"}
	first := c.Receive(url, attempt)
	bodies(t, "first", first, "1", "2", "3")
	c.Advance(10 * second)
	again := c.Receive(url, attempt)
	same(t, "repeated", again, first)
	c.Advance(25 * second)
	same(t, "the timeout was restarted", c.Counts(url), "0 visible, 3 in flight, 0 delayed")
	bodies(t, "another attempt", c.Receive(url, Map{"ReceiveRequestAttemptId": "b"}))
	c.Delete(url, first[0].Receipt)
	bodies(t, "after a delete", c.Receive(url, attempt))
	c.Advance(30 * second)
	fresh := c.Receive(url, Map{"ReceiveRequestAttemptId": "c", "VisibilityTimeout": 600})
	bodies(t, "a new receive", fresh, "2", "3")
	same(t, "count", fresh[0].System["ApproximateReceiveCount"], "2")
	c.Advance(5 * minute)
	bodies(t, "after 5 minutes", c.Receive(url, Map{"ReceiveRequestAttemptId": "c"}))
	refused := Map{"QueueUrl": url, "ReceiveRequestAttemptId": "a b"}
	c.Refused("ReceiveMessage", refused, badParameter, "")
}

func attemptOnStandard(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Refused("ReceiveMessage", Map{"QueueUrl": url, "ReceiveRequestAttemptId": "a"}, badParameter,
		"Value a for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is not valid for this queue type.")
}

func throughputNeedsScope(t *testing.T, c *testkit.Client) {
	const refusal = "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup."
	c.Refused("CreateQueue", Map{"QueueName": "x.fifo", "Attributes": Map{"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}}, badValue, refusal)
	url := c.CreateFIFO("q.fifo", nil)
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"FifoThroughputLimit": "perMessageGroupId"}}, badValue, refusal)
	c.SetAttributes(url, Map{"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"})
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"DeduplicationScope": "queue"}}, badValue, refusal)
}
