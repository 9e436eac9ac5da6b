package conformance

import (
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// deleteRows are the rows about DeleteMessage.
func deleteRows() []row {
	return []row{
		{id: "SQS-DEL-01", test: deleteTwice},
		{id: "SQS-DEL-02", test: deleteAfterTimeout},
		{id: "SQS-DEL-03", test: deleteWithOlderHandle},
		{id: "SQS-DEL-04", test: deleteBadHandle},
		{id: "SQS-DEL-05", test: deleteFIFOAfterTimeout},
		{id: "SQS-DEL-06", test: deleteAfterRetention},
		{id: "SQS-DEL-07", test: handlesAfterRestart},
	}
}

// expiredText is the text for a FIFO handle whose timeout is over.
func expiredText(handle string) string {
	return "Value " + handle + " for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
}

// goneText is the text for changing the visibility of a message that is gone.
func goneText(handle string) string {
	return "Value " + handle + " for parameter ReceiptHandle is invalid. " +
		"Reason: Message does not exist or is not available for visibility timeout change."
}

func deleteTwice(t *testing.T, c *testkit.Client) {
	for _, url := range []string{c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)} {
		c.SendGroup(url, "g", "x")
		handle := c.ReceiveOne(url).Receipt
		c.Delete(url, handle)
		c.Delete(url, handle)
		c.Crash()
		c.Advance(minute)
		bodies(t, "left", c.Receive(url))
		c.Delete(url, handle)
		same(t, "counts", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
	}
}

func deleteAfterTimeout(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(url, "x")
	handle := c.ReceiveOne(url).Receipt
	c.Advance(minute)
	c.Delete(url, handle)
	same(t, "counts", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
}

func deleteWithOlderHandle(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(url, "x")
	older := c.ReceiveOne(url).Receipt
	c.Advance(10 * second)
	newer := c.ReceiveOne(url).Receipt
	c.Delete(url, older)
	same(t, "after the older handle", c.Counts(url), "0 visible, 1 in flight, 0 delayed")
	c.Delete(url, newer)
	same(t, "after the newer handle", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
}

func deleteBadHandle(t *testing.T, c *testkit.Client) {
	url, other := c.CreateQueue("q", nil), c.CreateQueue("other", nil)
	c.Send(url, "x")
	c.Send(other, "x")
	foreign := c.ReceiveOne(other).Receipt
	c.Refused("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": foreign}, badHandle,
		`The receipt handle "`+foreign+`" is not valid for this queue.`)
	for _, handle := range []string{"garbage", "=", "AAAA"} {
		c.Refused("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": handle}, badHandle,
			`The input receipt handle "`+handle+`" is not a valid receipt handle.`)
		c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1}, badHandle, "")
	}
	c.Refused("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": repeat("A", 2000)}, badHandle, "")
	for _, in := range []Map{{"QueueUrl": url}, {"QueueUrl": url, "ReceiptHandle": ""}} {
		c.Refused("DeleteMessage", in, missing, "The request must contain the parameter ReceiptHandle.")
	}
	same(t, "untouched", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
}

func deleteFIFOAfterTimeout(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", Map{"VisibilityTimeout": "10"})
	c.SendGroup(url, "g", "x")
	handle := c.ReceiveOne(url).Receipt
	c.Advance(10 * second)
	c.Refused("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": handle}, badParameter, expiredText(handle))
	c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5}, badParameter, "")
	handle = c.ReceiveOne(url).Receipt
	c.Advance(9 * second)
	c.Change(url, handle, 10)
	c.Advance(9 * second)
	c.Delete(url, handle)
	same(t, "counts", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
}

func deleteAfterRetention(t *testing.T, c *testkit.Client) {
	url, fifo := c.CreateQueue("q", Map{"MessageRetentionPeriod": "60"}), c.CreateFIFO("q.fifo", Map{"MessageRetentionPeriod": "60"})
	for _, at := range []string{url, fifo} {
		c.SendGroup(at, "g", "x")
		handle := c.ReceiveOne(at, Map{"VisibilityTimeout": 600}).Receipt
		c.Advance(minute)
		c.Delete(at, handle)
		c.Refused("ChangeMessageVisibility", Map{"QueueUrl": at, "ReceiptHandle": handle, "VisibilityTimeout": 1}, badParameter, goneText(handle))
	}
}

func handlesAfterRestart(t *testing.T, c *testkit.Client) {
	url, fifo := c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)
	for _, at := range []string{url, fifo} {
		c.SendGroup(at, "g", "one", "two")
	}
	standard, ordered := c.Receive(url), c.Receive(fifo)
	c.Restart()
	c.Delete(url, standard[0].Receipt)
	c.Delete(fifo, ordered[0].Receipt)
	c.Crash()
	c.Change(url, standard[1].Receipt, 0)
	c.Change(fifo, ordered[1].Receipt, 0)
	bodies(t, "standard", c.Receive(url), "two")
	bodies(t, "FIFO", c.Receive(fifo), "two")
}
