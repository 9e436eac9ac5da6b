package conformance

import (
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// visibilityRows are the rows about ChangeMessageVisibility.
func visibilityRows() []row {
	return []row{
		{id: "SQS-VIS-01", test: changeCountsFromNow},
		{id: "SQS-VIS-02", test: changeToZero},
		{id: "SQS-VIS-03", test: changeRanges},
		{id: "SQS-VIS-04", test: changeBeyondTwelveHours},
		{id: "SQS-VIS-05", test: changeVisible},
		{id: "SQS-VIS-06", test: changeDeleted},
		{id: "SQS-VIS-07", test: changeIsForThisReceive},
		{id: "SQS-VIS-08", test: neverNotInflight},
	}
}

func changeCountsFromNow(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "30"})
	for _, change := range []int{60, 5} {
		c.Send(url, "x")
		m := c.ReceiveOne(url)
		c.Advance(20 * second)
		c.Change(url, m.Receipt, change)
		poll := c.Poll(url, Map{"WaitTimeSeconds": 0})
		same(t, "hidden", poll.Bodies(), nil)
		for range change - 1 {
			c.Advance(second)
		}
		bodies(t, fmt.Sprintf("%d s after the change", change-1), c.Receive(url))
		c.Advance(second)
		m = c.ReceiveOne(url)
		c.Delete(url, m.Receipt)
	}
}

func changeToZero(t *testing.T, c *testkit.Client) {
	for _, url := range []string{c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)} {
		c.SendGroup(url, "g", "x")
		c.Change(url, c.ReceiveOne(url).Receipt, 0)
		same(t, "count", c.ReceiveOne(url).System["ApproximateReceiveCount"], "2")
	}
}

func changeRanges(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "x")
	handle := c.ReceiveOne(url).Receipt
	for _, n := range []int{-1, 43201} {
		c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": n}, badParameter,
			fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.", n))
	}
	c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle}, missing,
		"The request must contain the parameter VisibilityTimeout.")
	c.Change(url, handle, 43200)
}

func changeBeyondTwelveHours(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "x")
	handle := c.ReceiveOne(url, Map{"VisibilityTimeout": 43200}).Receipt
	c.Advance(60 * minute)
	const text = "Value 39601 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
	c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 39601}, badParameter, text)
	c.Change(url, handle, 39600)
	out := c.OK("ChangeMessageVisibilityBatch", Map{"QueueUrl": url, "Entries": List{
		Map{"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 39601},
	}})
	same(t, "batch", failures(out), []failure{{"a", badParameter, text, true}})
	c.Advance(11*60*minute - second)
	same(t, "just before 12 h", c.Counts(url), "0 visible, 1 in flight, 0 delayed")
	c.Advance(second)
	same(t, "after 12 h", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
}

func changeVisible(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(url, "x")
	handle := c.ReceiveOne(url).Receipt
	c.Advance(15 * second)
	same(t, "timed out", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
	c.Change(url, handle, 20)
	same(t, "hidden again", c.Counts(url), "0 visible, 1 in flight, 0 delayed")
	bodies(t, "hidden again", c.Receive(url))
	c.Advance(20 * second)
	same(t, "visible again", c.ReceiveOne(url).System["ApproximateReceiveCount"], "2")
}

func changeDeleted(t *testing.T, c *testkit.Client) {
	for _, url := range []string{c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)} {
		c.SendGroup(url, "g", "x")
		handle := c.ReceiveOne(url).Receipt
		c.Delete(url, handle)
		c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1}, badParameter, goneText(handle))
	}
}

func changeIsForThisReceive(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(url, "x")
	c.Change(url, c.ReceiveOne(url).Receipt, 60)
	c.Advance(minute)
	c.ReceiveOne(url)
	c.Advance(10 * second)
	same(t, "count", c.ReceiveOne(url).System["ApproximateReceiveCount"], "3")
}

func neverNotInflight(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(url, "x")
	older := c.ReceiveOne(url).Receipt
	c.Change(url, older, 0)
	c.Change(url, older, 0)
	newer := c.ReceiveOne(url).Receipt
	c.Change(url, older, 0) // acts on the message although it was received again
	same(t, "after the older handle", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
	c.Advance(minute)
	c.Change(url, newer, 0)
	out := c.OK("ChangeMessageVisibilityBatch", Map{"QueueUrl": url, "Entries": List{
		Map{"Id": "a", "ReceiptHandle": newer, "VisibilityTimeout": 0}, Map{"Id": "b", "ReceiptHandle": newer, "VisibilityTimeout": 0},
	}})
	for _, f := range failures(out) { // a batch asks for messages in flight, and has another code for those that are not
		same(t, "batch, "+f.ID, f.Code, badHandle)
	}
}
