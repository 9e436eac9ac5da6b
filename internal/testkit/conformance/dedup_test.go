package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// dedupRows are the rows about deduplication.
func dedupRows() []row {
	return []row{
		{id: "SQS-DEDUP-01", test: duplicateSend},
		{id: "SQS-DEDUP-02", test: duplicateDigest},
		{id: "SQS-DEDUP-03", test: memoryOutlivesMessage},
		{id: "SQS-DEDUP-04", test: windowIsNotExtended},
		{id: "SQS-DEDUP-05", test: contentDedup},
		{id: "SQS-DEDUP-06", test: explicitOverContent},
		{id: "SQS-DEDUP-07", test: dedupScopes},
		{id: "SQS-DEDUP-08", test: memorySurvivesRestart},
	}
}

// sendID sends to a group with a deduplication id.
func sendID(c *testkit.Client, url, group, id, body string) Map {
	return c.Send(url, body, Map{"MessageGroupId": group, "MessageDeduplicationId": id})
}

// duplicate reports unless the second send was taken for a repetition of the first, or not, as wanted.
func duplicate(t *testing.T, what string, first, second Map, want bool) {
	t.Helper()
	id, sequence := text(first, "MessageId") == text(second, "MessageId"), text(first, "SequenceNumber") == text(second, "SequenceNumber")
	if id != want || sequence != want {
		t.Errorf("%s: got %v after %v, want a duplicate: %v", what, second, first, want)
	}
}

func duplicateSend(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	first := sendID(c, url, "g", "d", "one")
	c.Advance(5*minute - time.Millisecond)
	duplicate(t, "just within 5 minutes", first, sendID(c, url, "g", "d", "two"), true)
	bodies(t, "received", c.Receive(url), "one")
	same(t, "counts", c.Counts(url), "0 visible, 1 in flight, 0 delayed")
}

func duplicateDigest(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	sendID(c, url, "g", "d", "other")
	again := c.Send(url, "hello", Map{"MessageGroupId": "g", "MessageDeduplicationId": "d", "MessageAttributes": Map{"Hello": str("There")}})
	same(t, "body", text(again, "MD5OfMessageBody"), "5d41402abc4b2a76b9719d911017c592")
	same(t, "attributes", text(again, "MD5OfMessageAttributes"), "a311262e065454b75da111d535b8dacd")
}

func memoryOutlivesMessage(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	first := sendID(c, url, "g", "d", "one")
	c.Delete(url, c.ReceiveOne(url).Receipt)
	c.Advance(4 * minute)
	duplicate(t, "deleted", first, sendID(c, url, "g", "d", "two"), true)
	bodies(t, "nothing stored", c.Receive(url))
	c.Advance(minute)
	duplicate(t, "after 5 minutes", first, sendID(c, url, "g", "d", "three"), false)
	bodies(t, "stored", c.Receive(url), "three")
}

func windowIsNotExtended(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	first := sendID(c, url, "g", "d", "one")
	for range 4 {
		c.Advance(minute)
		duplicate(t, "within", first, sendID(c, url, "g", "d", "two"), true)
	}
	c.Advance(minute)
	duplicate(t, "after 5 minutes", first, sendID(c, url, "g", "d", "three"), false)
}

// contentID is the deduplication id that a body has by itself.
func contentID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func contentDedup(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	group := Map{"MessageGroupId": "g"}
	first := c.Send(url, "same", group)
	duplicate(t, "same body", first, c.Send(url, "same", group, attr("a", "String", "b")), true)
	duplicate(t, "other body", first, c.Send(url, "Same", group), false)
	got := c.Receive(url)
	bodies(t, "received", got, "same", "Same")
	same(t, "id", got[0].System["MessageDeduplicationId"], contentID("same"))
	c.SetAttributes(url, Map{"ContentBasedDeduplication": "false"})
	refusedSend(c, url, badParameter, "", group)
	duplicate(t, "memory stays", first, sendID(c, url, "g", contentID("same"), "x"), true)
}

func explicitOverContent(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	first := sendID(c, url, "g", "one", "same")
	duplicate(t, "other id, same body", first, sendID(c, url, "g", "two", "same"), false)
	content := c.Send(url, "same", Map{"MessageGroupId": "g"})
	duplicate(t, "no id, same body", first, content, false)
	duplicate(t, "id equal to the content's", content, sendID(c, url, "g", contentID("same"), "different"), true)
}

func dedupScopes(t *testing.T, c *testkit.Client) {
	byQueue := c.CreateFIFO("queue.fifo", nil)
	first := sendID(c, byQueue, "a", "d", "one")
	duplicate(t, "scope queue, other group", first, sendID(c, byQueue, "b", "d", "two"), true)
	for _, limit := range []string{"perQueue", "perMessageGroupId"} {
		url := c.CreateFIFO(limit+".fifo", Map{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": limit})
		first = sendID(c, url, "a", "d", "one")
		duplicate(t, limit+", other group", first, sendID(c, url, "b", "d", "two"), false)
		duplicate(t, limit+", same group", first, sendID(c, url, "a", "d", "three"), true)
		bodies(t, limit, c.Receive(url), "one", "two")
	}
}

func memorySurvivesRestart(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	first := sendID(c, url, "g", "d", "one")
	c.Delete(url, c.ReceiveOne(url).Receipt)
	c.Restart()
	duplicate(t, "after a restart", first, sendID(c, url, "g", "d", "two"), true)
	c.Crash()
	duplicate(t, "after a crash", first, sendID(c, url, "g", "d", "three"), true)
	c.Advance(5 * minute)
	duplicate(t, "after 5 minutes", first, sendID(c, url, "g", "d", "four"), false)
}
