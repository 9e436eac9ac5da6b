package conformance

import (
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// fairRows are the rows about message groups on standard queues.
func fairRows() []row {
	return []row{
		{id: "SQS-FAIR-01", test: groupOnStandard},
		{id: "SQS-FAIR-02", test: noGroupLock},
		{id: "SQS-FAIR-03", test: quietGroupFirst},
		{id: "SQS-FAIR-04", test: ungroupedNotStarved},
	}
}

func groupOnStandard(t *testing.T, c *testkit.Client) {
	c.CreateQueue("dead", nil)
	url := c.CreateQueue("q", redrive("dead", 1))
	c.Send(url, "single", Map{"MessageGroupId": "tenant-1"})
	sendBatch(c, url, Map{"Id": "a", "MessageBody": "batch", "MessageGroupId": "tenant-2"}, Map{"Id": "b", "MessageBody": "none"})
	want := map[string]string{"single": "tenant-1", "batch": "tenant-2", "none": ""}
	check := func(what string, got []testkit.Message) {
		t.Helper()
		groups := map[string]string{}
		for _, m := range got {
			groups[m.Body] = m.System["MessageGroupId"]
		}
		same(t, what, groups, want)
	}
	check("received", c.Receive(url, Map{"VisibilityTimeout": 0}))
	bodies(t, "moved", c.Receive(url))
	check("in the dead-letter queue", c.Receive("dead"))
}

func noGroupLock(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.SendGroup(url, "g", "1", "2", "3")
	c.ReceiveOne(url)
	c.ReceiveOne(url)
	same(t, "counts", c.Counts(url), "1 visible, 2 in flight, 0 delayed")
	same(t, "the third", len(c.Receive(url)), 1)
}

func quietGroupFirst(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "600"})
	for n := range 20 {
		var entries List
		for m := range 10 {
			entries = append(entries, Map{"Id": fmt.Sprint(m), "MessageBody": fmt.Sprintf("noisy %d", n*10+m), "MessageGroupId": "noisy"})
		}
		sendBatch(c, url, entries...)
	}
	for range 4 {
		same(t, "of the backlog", len(c.Receive(url)), 10)
	}
	c.SendGroup(url, "quiet", "quiet 1", "quiet 2")
	bodies(t, "next", c.Receive(url, Map{"MaxNumberOfMessages": 2}), "quiet 1", "quiet 2")
	same(t, "and then the backlog", len(c.Receive(url)), 10)
}

func ungroupedNotStarved(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "600"})
	for n := range 40 {
		c.SendGroup(url, "noisy", fmt.Sprintf("noisy %d", n))
	}
	for range 4 {
		c.Receive(url)
	}
	for n := range 10 {
		c.Send(url, fmt.Sprintf("plain %d", n))
	}
	plain := 0
	for n := range 20 {
		c.SendGroup(url, "quiet", fmt.Sprintf("quiet %d", n))
		for _, m := range c.Receive(url, Map{"MaxNumberOfMessages": 2}) {
			if m.System["MessageGroupId"] == "" {
				plain++
			}
			c.Delete(url, m.Receipt)
		}
	}
	same(t, "messages without a group received", plain, 10)
}
