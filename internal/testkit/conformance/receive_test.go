package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/testkit"
)

// receiveRows are the rows about ReceiveMessage.
func receiveRows() []row {
	return []row{
		{id: "SQS-RECV-01", test: bareReceive},
		{id: "SQS-RECV-02", test: receiveCount},
		{id: "SQS-RECV-03", test: receiveRanges},
		{id: "SQS-RECV-04", test: allOnStandard},
		{id: "SQS-RECV-05", test: allOnFIFO},
		{id: "SQS-RECV-06", test: singleNames},
		{id: "SQS-RECV-07", test: newerListWins, only: testkit.JSON},
		{id: "SQS-RECV-08", test: attributePatterns},
		{id: "SQS-RECV-09", test: countRises},
		{id: "SQS-RECV-10", test: newHandles},
		{id: "SQS-RECV-11", test: receiveVisibility},
		{id: "SQS-RECV-12", test: zeroVisibility},
		{id: "SQS-RECV-13", test: concurrentReceivers},
		{id: "SQS-RECV-14", test: receivedAgain},
		{id: "SQS-RECV-15", test: receiveTimestamps},
		{id: "SQS-RECV-16", test: inFlightLimit, opts: testkit.Options{Queue: queue.Options{InFlightMax: 3}}},
	}
}

func bareReceive(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "hello", attr("a", "String", "b"), Map{"MessageGroupId": "g"})
	m := list(c.OK("ReceiveMessage", Map{"QueueUrl": url}), "Messages")[0]
	same(t, "members", slices.Sorted(maps.Keys(m)), []string{"Body", "MD5OfBody", "MessageId", "ReceiptHandle"})
	same(t, "digest", text(m, "MD5OfBody"), "5d41402abc4b2a76b9719d911017c592")
	if n := len(text(m, "ReceiptHandle")); n == 0 || n > 1024 {
		t.Errorf("the receipt handle has %d characters, want 1 to 1024", n)
	}
}

func receiveCount(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for n := range 12 {
		c.Send(url, fmt.Sprint(n))
	}
	same(t, "default", len(list(c.OK("ReceiveMessage", Map{"QueueUrl": url}), "Messages")), 1)
	same(t, "ten", len(c.Receive(url, Map{"MaxNumberOfMessages": 10})), 10)
	same(t, "the rest", len(c.Receive(url, Map{"MaxNumberOfMessages": 10})), 1)
	for _, n := range []int{0, 11, -1} {
		c.Refused("ReceiveMessage", Map{"QueueUrl": url, "MaxNumberOfMessages": n}, badParameter,
			fmt.Sprintf("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", n))
	}
}

func receiveRanges(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, n := range []int{21, -1} {
		c.Refused("ReceiveMessage", Map{"QueueUrl": url, "WaitTimeSeconds": n}, badParameter,
			fmt.Sprintf("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", n))
	}
	for _, n := range []int{43201, -1} {
		c.Refused("ReceiveMessage", Map{"QueueUrl": url, "VisibilityTimeout": n}, badParameter,
			fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.", n))
	}
	c.OK("ReceiveMessage", Map{"QueueUrl": url, "VisibilityTimeout": 43200, "WaitTimeSeconds": 20})
}

func allOnStandard(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "plain")
	four := []string{"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"}
	same(t, "plain", slices.Sorted(maps.Keys(c.ReceiveOne(url).System)), four)
	c.Send(url, "full", Map{"MessageGroupId": "g", "MessageSystemAttributes": Map{"AWSTraceHeader": str("t")}})
	full := c.ReceiveOne(url).System
	same(t, "with group and trace", slices.Sorted(maps.Keys(full)),
		[]string{"AWSTraceHeader", "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "MessageGroupId", "SenderId", "SentTimestamp"})
	same(t, "group", full["MessageGroupId"], "g")
	_, dead, _ := deadLetters(c, "moved")
	moved := c.ReceiveOne(dead).System
	same(t, "moved", slices.Sorted(maps.Keys(moved)), slices.Sorted(slices.Values(append(four, "DeadLetterQueueSourceArn"))))
}

func allOnFIFO(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	sent := c.Send(url, "x", Map{"MessageGroupId": "g", "MessageDeduplicationId": "d"})
	got := c.ReceiveOne(url).System
	same(t, "names", slices.Sorted(maps.Keys(got)), []string{"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount",
		"MessageDeduplicationId", "MessageGroupId", "SenderId", "SentTimestamp", "SequenceNumber"})
	same(t, "group", got["MessageGroupId"], "g")
	same(t, "dedup id", got["MessageDeduplicationId"], "d")
	same(t, "sequence", got["SequenceNumber"], text(sent, "SequenceNumber"))
}

func singleNames(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	c.Send(url, "x")
	for _, member := range []string{"MessageSystemAttributeNames", "AttributeNames"} {
		m := list(c.OK("ReceiveMessage", Map{"QueueUrl": url, member: List{"SentTimestamp"}}), "Messages")[0]
		same(t, member, slices.Sorted(maps.Keys(testkit.Texts(m["Attributes"]))), []string{"SentTimestamp"})
		for _, name := range []string{"SequenceNumber", "AWSTraceHeader", "DeadLetterQueueSourceArn", "Nonsense"} {
			m = list(c.OK("ReceiveMessage", Map{"QueueUrl": url, member: List{name}}), "Messages")[0]
			same(t, member+" "+name, has(m, "Attributes"), false)
		}
	}
}

func newerListWins(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "x")
	m := list(c.OK("ReceiveMessage", Map{"QueueUrl": url, "AttributeNames": List{"All"}, "MessageSystemAttributeNames": List{"SenderId"}}), "Messages")[0]
	same(t, "names", slices.Sorted(maps.Keys(testkit.Texts(m["Attributes"]))), []string{"SenderId"})
}

func attributePatterns(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	c.Send(url, "x", Map{"MessageAttributes": Map{"Hello": str("1"), "Help.Me": str("2"), "color": str("3"), "col.or": str("4")}})
	every := []string{"Hello", "Help.Me", "col.or", "color"}
	for _, row := range []struct {
		ask  List
		want []string
	}{
		{List{"color"}, []string{"color"}},
		{List{"Color"}, nil},
		{List{"All"}, every},
		{List{".*"}, every},
		{List{"*"}, every},
		{List{"col.*"}, []string{"col.or", "color"}},
		{List{"Hel.*"}, []string{"Hello", "Help.Me"}},
		{List{"Help.*"}, []string{"Help.Me"}},
		{List{"color", "Hel.*", "color"}, []string{"Hello", "Help.Me", "color"}},
		{List{"AWS.", "a..b", "none", "Hello"}, []string{"Hello"}},
	} {
		got := c.ReceiveOne(url, Map{"MessageAttributeNames": row.ask}).Attributes
		same(t, fmt.Sprint(row.ask), slices.Sorted(maps.Keys(got)), row.want)
	}
}

func countRises(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(url, "x")
	c.Advance(5 * second)
	first := strconv.FormatInt(time.Now().UnixMilli(), 10)
	for n := range 4 {
		got := c.ReceiveOne(url).System
		same(t, "count", got["ApproximateReceiveCount"], fmt.Sprint(n+1))
		same(t, "first receive", got["ApproximateFirstReceiveTimestamp"], first)
		if n == 2 {
			c.Restart()
		}
		c.Advance(10 * second)
	}
}

func newHandles(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	c.Send(url, "x")
	seen := map[string]bool{}
	for range 5 {
		seen[c.ReceiveOne(url).Receipt] = true
	}
	same(t, "different handles", len(seen), 5)
}

func receiveVisibility(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "30"})
	c.Send(url, "x")
	c.ReceiveOne(url, Map{"VisibilityTimeout": 100})
	c.Advance(99 * second)
	bodies(t, "after 99 s", c.Receive(url))
	c.Advance(second)
	bodies(t, "after 100 s", c.Receive(url), "x")
	c.Advance(29 * second)
	bodies(t, "29 s later", c.Receive(url))
	c.Advance(second)
	bodies(t, "30 s later", c.Receive(url), "x")
}

func zeroVisibility(t *testing.T, c *testkit.Client) {
	standard, fifo := c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)
	for _, url := range []string{standard, fifo} {
		for n := range 5 {
			c.Send(url, fmt.Sprint(n), Map{"MessageGroupId": fmt.Sprint(n % 2)})
		}
		for round := range 2 {
			got := c.Receive(url, Map{"VisibilityTimeout": 0})
			names := testkit.Bodies(got)
			slices.Sort(names)
			same(t, fmt.Sprintf("receive %d of %s", round+1, url), names, []string{"0", "1", "2", "3", "4"})
			if url == fifo || round == 0 {
				continue
			}
			for _, m := range got {
				c.Delete(url, m.Receipt)
			}
			same(t, "left", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
		}
	}
	// On FIFO queues no handle outlives its timeout, and this one had none.
	handle := c.ReceiveOne(fifo, Map{"VisibilityTimeout": 0}).Receipt
	c.Refused("DeleteMessage", Map{"QueueUrl": fifo, "ReceiptHandle": handle}, badParameter, expiredText(handle))
}

func concurrentReceivers(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for n := range 200 {
		c.Send(url, fmt.Sprint(n))
	}
	var mu sync.Mutex
	times := map[string]int{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				r := c.Call("ReceiveMessage", Map{"QueueUrl": url, "MaxNumberOfMessages": 3})
				mu.Lock()
				for _, body := range texts(list(r.Result, "Messages"), "Body") {
					times[body]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n := range 200 {
		if got := times[fmt.Sprint(n)]; got != 1 {
			t.Errorf("message %d was handed out %d times, want once", n, got)
		}
	}
}

func receivedAgain(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "12"})
	sent := c.Send(url, "x")
	c.ReceiveOne(url)
	c.Advance(12*second - time.Millisecond)
	bodies(t, "just before", c.Receive(url))
	c.Advance(time.Millisecond)
	got := c.ReceiveOne(url)
	same(t, "id", got.ID, text(sent, "MessageId"))
	same(t, "count", got.System["ApproximateReceiveCount"], "2")
}

func receiveTimestamps(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Advance(1234 * time.Millisecond)
	sent := time.Now().UnixMilli()
	c.Send(url, "x", Map{"DelaySeconds": 10})
	c.Advance(10*second + 1500*time.Millisecond)
	got := c.ReceiveOne(url).System
	same(t, "sent", got["SentTimestamp"], strconv.FormatInt(sent, 10))
	same(t, "first receive", got["ApproximateFirstReceiveTimestamp"], strconv.FormatInt(sent+11500, 10))
}

func inFlightLimit(t *testing.T, c *testkit.Client) {
	url, fifo := c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)
	for n := range 5 {
		c.Send(url, fmt.Sprint(n))
		c.SendGroup(fifo, fmt.Sprint(n), "x"+fmt.Sprint(n))
	}
	same(t, "standard takes up to the limit", len(c.Receive(url)), 3)
	c.Refused("ReceiveMessage", Map{"QueueUrl": url}, overLimit, "")
	poll := c.Poll(url, Map{"WaitTimeSeconds": 5})
	r, took := poll.Wait()
	same(t, "long poll", r.Result, Map{})
	same(t, "long poll took", took, 5*second)
	same(t, "FIFO takes up to the limit", len(c.Receive(fifo)), 3)
	same(t, "FIFO at the limit", len(c.Receive(fifo)), 0)
	c.Advance(30 * second)
	same(t, "standard after the timeouts", len(c.Receive(url)), 3)
	same(t, "FIFO after the timeouts", len(c.Receive(fifo)), 3)
}
