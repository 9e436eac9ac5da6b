package conformance

import (
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// purgeRows are the rows about PurgeQueue.
func purgeRows() []row {
	return []row{
		{id: "SQS-PURGE-01", test: purgeRemovesAll},
		{id: "SQS-PURGE-02", test: purgeTwice},
		{id: "SQS-PURGE-03", test: purgeFIFO},
		{id: "SQS-PURGE-04", test: purgedHandle},
	}
}

// countRows are the rows about the three counts.
func countRows() []row {
	return []row{
		{id: "SQS-CNT-01", test: countsFollow},
		{id: "SQS-CNT-02", test: countsBehindLock},
		{id: "SQS-CNT-03", test: countsAfterRetention},
	}
}

func purgeRemovesAll(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "in flight")
	c.ReceiveOne(url)
	c.Send(url, "visible")
	c.Send(url, "delayed", Map{"DelaySeconds": 10})
	same(t, "before", c.Counts(url), "1 visible, 1 in flight, 1 delayed")
	c.OK("PurgeQueue", Map{"QueueUrl": url})
	same(t, "after", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
	c.Send(url, "new")
	c.Advance(minute)
	bodies(t, "a minute later", c.Receive(url), "new")
	c.Crash()
	c.Advance(minute)
	bodies(t, "after a crash", c.Receive(url), "new")
}

func purgeTwice(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("jobs", nil)
	other := c.CreateQueue("other", nil)
	c.OK("PurgeQueue", Map{"QueueUrl": url})
	const text = "Only one PurgeQueue operation on jobs is allowed every 60 seconds."
	c.Refused("PurgeQueue", Map{"QueueUrl": url}, prefix+"PurgeQueueInProgress", text)
	c.OK("PurgeQueue", Map{"QueueUrl": other})
	c.Advance(59 * second)
	c.Refused("PurgeQueue", Map{"QueueUrl": url}, prefix+"PurgeQueueInProgress", text)
	c.Advance(second)
	c.OK("PurgeQueue", Map{"QueueUrl": url})
}

func purgeFIFO(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	first := c.Send(url, "same", Map{"MessageGroupId": "g"})
	c.ReceiveOne(url)
	c.OK("PurgeQueue", Map{"QueueUrl": url})
	second := c.Send(url, "same", Map{"MessageGroupId": "g"})
	if text(first, "MessageId") == text(second, "MessageId") || text(second, "SequenceNumber") <= text(first, "SequenceNumber") {
		t.Errorf("sent again after the purge: got %v, want a new message behind %v", second, first)
	}
	bodies(t, "received", c.Receive(url), "same")
}

func purgedHandle(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "x")
	handle := c.ReceiveOne(url).Receipt
	c.OK("PurgeQueue", Map{"QueueUrl": url})
	c.Delete(url, handle)
	c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5}, badParameter, goneText(handle))
}

func countsFollow(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "30"})
	step := func(what, want string) {
		t.Helper()
		same(t, what, c.Counts(url), want)
	}
	step("fresh", "0 visible, 0 in flight, 0 delayed")
	c.Send(url, "a")
	c.Send(url, "b")
	c.Send(url, "c", Map{"DelaySeconds": 10})
	step("sent", "2 visible, 0 in flight, 1 delayed")
	a := c.ReceiveOne(url)
	step("received", "1 visible, 1 in flight, 1 delayed")
	c.Advance(10 * second)
	step("delay over", "2 visible, 1 in flight, 0 delayed")
	c.Advance(20 * second)
	step("timeout over", "3 visible, 0 in flight, 0 delayed")
	c.Delete(url, a.Receipt)
	step("deleted", "2 visible, 0 in flight, 0 delayed")
	got := c.Receive(url)
	step("all received", "0 visible, 2 in flight, 0 delayed")
	c.Change(url, got[0].Receipt, 0)
	step("one given back", "1 visible, 1 in flight, 0 delayed")
	c.Restart()
	step("after a restart", "1 visible, 1 in flight, 0 delayed")
	c.Delete(url, got[0].Receipt)
	c.Delete(url, got[1].Receipt)
	step("all deleted", "0 visible, 0 in flight, 0 delayed")
}

func countsBehindLock(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(url, "g", "1", "2", "3")
	c.ReceiveOne(url)
	same(t, "locked", c.Counts(url), "2 visible, 1 in flight, 0 delayed")
}

func countsAfterRetention(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"MessageRetentionPeriod": "60"})
	c.Send(url, "in flight")
	c.ReceiveOne(url, Map{"VisibilityTimeout": 600})
	c.Send(url, "visible")
	c.Send(url, "delayed", Map{"DelaySeconds": 300})
	c.Advance(59 * second)
	same(t, "before", c.Counts(url), "1 visible, 1 in flight, 1 delayed")
	c.Advance(second)
	same(t, "after", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
}
