package conformance

import (
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// batchRows are the rows about the three batches.
func batchRows() []row {
	return []row{
		{id: "SQS-BAT-01", test: batchLength},
		{id: "SQS-BAT-02", test: batchIDs},
		{id: "SQS-BAT-03", test: batchTooLong},
		{id: "SQS-BAT-04", test: batchOverQueueLimit},
		{id: "SQS-BAT-05", test: batchEntryTooLong},
		{id: "SQS-BAT-06", test: batchBadEntries},
		{id: "SQS-BAT-07", test: batchAllFail},
		{id: "SQS-BAT-08", test: batchNoneFails},
		{id: "SQS-BAT-09", test: batchDigests},
		{id: "SQS-BAT-10", test: batchWithoutGroup},
		{id: "SQS-BAT-11", test: batchDuplicate},
		{id: "SQS-BAT-12", test: deleteBatch},
		{id: "SQS-BAT-13", test: changeBatch},
	}
}

// failure is an item of Failed.
type failure struct {
	ID, Code, Message string
	Sender            bool
}

// failures returns the Failed of a batch result.
func failures(result Map) []failure {
	var out []failure
	for _, item := range list(result, "Failed") {
		sender, _ := item["SenderFault"].(bool)
		out = append(out, failure{text(item, "Id"), text(item, "Code"), text(item, "Message"), sender})
	}
	return out
}

// successes returns the ids of Successful.
func successes(result Map) []string { return texts(list(result, "Successful"), "Id") }

// sendBatch sends entries and wants status 200.
func sendBatch(c *testkit.Client, url string, entries ...any) Map {
	return c.OK("SendMessageBatch", Map{"QueueUrl": url, "Entries": entries})
}

// entry returns a batch entry with a handle, a body and a timeout, so that it suits each of the three batches.
// The members that an action does not know are ignored.
func entry(id string) Map {
	return Map{"Id": id, "MessageBody": "x", "ReceiptHandle": "h", "VisibilityTimeout": 1}
}

// batchActions are the three batches.
func batchActions() []string {
	return []string{"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
}

func batchLength(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	var eleven List
	for n := range 11 {
		eleven = append(eleven, entry(fmt.Sprint(n)))
	}
	for _, action := range batchActions() {
		empty := "There should be at least one " + action + "RequestEntry in the request."
		c.Refused(action, Map{"QueueUrl": url}, prefix+"EmptyBatchRequest", empty)
		c.Refused(action, Map{"QueueUrl": url, "Entries": List{}}, prefix+"EmptyBatchRequest", empty)
		c.Refused(action, Map{"QueueUrl": url, "Entries": eleven}, prefix+"TooManyEntriesInBatchRequest",
			"Maximum number of entries per request are 10. You have sent 11.")
		r := c.Call(action, Map{"QueueUrl": url, "Entries": eleven[:10]})
		same(t, action+" with ten", r.Status, 200)
	}
}

func batchIDs(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, action := range batchActions() {
		c.Refused(action, Map{"QueueUrl": url, "Entries": List{entry("a"), entry("b"), entry("a")}},
			prefix+"BatchEntryIdsNotDistinct", "Id a repeated.")
		for _, id := range []string{"a b", repeat("i", 81), "a.b", "é"} {
			c.Refused(action, Map{"QueueUrl": url, "Entries": List{entry("ok"), entry(id)}}, prefix+"InvalidBatchEntryId",
				"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		without := entry("")
		delete(without, "Id")
		c.Refused(action, Map{"QueueUrl": url, "Entries": List{entry("ok"), without}}, missing,
			"The request must contain the parameter "+action+"RequestEntry.2.Id.")
		same(t, "80 letters", c.Call(action, Map{"QueueUrl": url, "Entries": List{entry(repeat("i", 80)), entry("A-z_9")}}).Status, 200)
	}
	same(t, "only the good batch was sent", c.Counts(url), "2 visible, 0 in flight, 0 delayed")
}

func batchTooLong(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"MaximumMessageSize": "1024"})
	half := repeat("x", 524288)
	batch := func(bodies ...string) Map {
		var entries List
		for i, body := range bodies {
			entries = append(entries, Map{"Id": fmt.Sprint(i), "MessageBody": body})
		}
		return Map{"QueueUrl": url, "Entries": entries}
	}
	c.Refused("SendMessageBatch", batch(half, half, "x"), prefix+"BatchRequestTooLong",
		"Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")
	c.SetAttributes(url, Map{"MaximumMessageSize": "1048576"})
	same(t, "exactly 1 MiB", successes(c.OK("SendMessageBatch", batch(half, half))), []string{"0", "1"})
}

func batchOverQueueLimit(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"MaximumMessageSize": "1024"})
	out := sendBatch(c, url, Map{"Id": "a", "MessageBody": repeat("x", 1024)}, Map{"Id": "b", "MessageBody": repeat("y", 1024)})
	same(t, "successful", successes(out), []string{"a", "b"})
}

func batchEntryTooLong(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"MaximumMessageSize": "1024"})
	out := sendBatch(c, url, Map{"Id": "a", "MessageBody": repeat("x", 1025)}, Map{"Id": "b", "MessageBody": "y"})
	same(t, "successful", successes(out), []string{"b"})
	same(t, "failed", failures(out), []failure{{"a", badParameter,
		"One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.", true}})
}

func batchBadEntries(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	out := sendBatch(c, url,
		Map{"Id": "chars", "MessageBody": "\x00"},
		Map{"Id": "empty", "MessageBody": ""},
		Map{"Id": "delay", "MessageBody": "x", "DelaySeconds": 901},
		Map{"Id": "fine", "MessageBody": "x"},
		Map{"Id": "attribute", "MessageBody": "x", "MessageAttributes": Map{"AWS.x": str("v")}},
		Map{"Id": "group", "MessageBody": "x", "MessageGroupId": "a b"},
	)
	same(t, "successful", successes(out), []string{"fine"})
	failed := failures(out)
	var codes []string
	for _, f := range failed {
		codes = append(codes, f.ID+" "+f.Code)
		if !f.Sender || f.Message == "" {
			t.Errorf("%s: got SenderFault %v and text %q, want true and a text", f.ID, f.Sender, f.Message)
		}
	}
	same(t, "failed", codes, []string{"chars InvalidMessageContents", "empty MissingParameter", "delay InvalidParameterValue",
		"attribute InvalidParameterValue", "group InvalidParameterValue"})
	same(t, "text", failed[1].Message, "The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody.")
	same(t, "stored", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
}

func batchAllFail(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	out := sendBatch(c, url, Map{"Id": "a", "MessageBody": ""}, Map{"Id": "b", "MessageBody": "\x01"})
	same(t, "failed", len(failures(out)), 2)
	same(t, "has Successful", has(out, "Successful"), false)
}

func batchNoneFails(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	out := sendBatch(c, url, Map{"Id": "a", "MessageBody": "1"}, Map{"Id": "b", "MessageBody": "2"})
	same(t, "has Failed", has(out, "Failed"), false)
	same(t, "successful", successes(out), []string{"a", "b"})
	got := c.Receive(url)
	bodies(t, "received", got, "1", "2")
	var deletes List
	for i, m := range got {
		deletes = append(deletes, Map{"Id": fmt.Sprint(i), "ReceiptHandle": m.Receipt})
	}
	same(t, "delete has Failed", has(c.OK("DeleteMessageBatch", Map{"QueueUrl": url, "Entries": deletes}), "Failed"), false)
}

func batchDigests(t *testing.T, c *testkit.Client) {
	out := list(sendBatch(c, c.CreateQueue("q", nil),
		Map{"Id": "a", "MessageBody": "hello", "MessageAttributes": Map{"Hello": str("There")}},
		Map{"Id": "b", "MessageBody": "hello", "MessageSystemAttributes": Map{"AWSTraceHeader": str("t")}},
		Map{"Id": "c", "MessageBody": "hello"},
	), "Successful")
	same(t, "body", texts(out, "MD5OfMessageBody")[2], "5d41402abc4b2a76b9719d911017c592")
	same(t, "attributes", texts(out, "MD5OfMessageAttributes"), []string{"a311262e065454b75da111d535b8dacd", "", ""})
	same(t, "system", has(out[1], "MD5OfMessageSystemAttributes") && !has(out[0], "MD5OfMessageSystemAttributes"), true)
}

func batchWithoutGroup(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q.fifo", Map{"FifoQueue": "true"})
	good := Map{"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1"}
	c.Refused("SendMessageBatch", Map{"QueueUrl": url, "Entries": List{good, Map{"Id": "b", "MessageBody": "x", "MessageDeduplicationId": "2"}}},
		badParameter, "The request must contain the parameter MessageGroupId.")
	c.Refused("SendMessageBatch", Map{"QueueUrl": url, "Entries": List{good, Map{"Id": "b", "MessageBody": "x", "MessageGroupId": "g"}}},
		badParameter, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	same(t, "stored", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
}

func batchDuplicate(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	twin := func(id, body string) Map {
		return Map{"Id": id, "MessageBody": body, "MessageGroupId": "g", "MessageDeduplicationId": "same"}
	}
	out := list(sendBatch(c, url, twin("a", "first"), twin("b", "second")), "Successful")
	same(t, "successful", texts(out, "Id"), []string{"a", "b"})
	same(t, "message id", text(out[1], "MessageId"), text(out[0], "MessageId"))
	same(t, "sequence", text(out[1], "SequenceNumber"), text(out[0], "SequenceNumber"))
	bodies(t, "received", c.Receive(url), "first")
}

func deleteBatch(t *testing.T, c *testkit.Client) {
	url, other := c.CreateQueue("q", nil), c.CreateQueue("other", nil)
	c.Send(url, "x")
	c.Send(other, "x")
	handle, foreign := c.ReceiveOne(url).Receipt, c.ReceiveOne(other).Receipt
	out := c.OK("DeleteMessageBatch", Map{"QueueUrl": url, "Entries": List{
		Map{"Id": "garbage", "ReceiptHandle": "garbage"}, Map{"Id": "good", "ReceiptHandle": handle},
		Map{"Id": "again", "ReceiptHandle": handle}, Map{"Id": "foreign", "ReceiptHandle": foreign}, Map{"Id": "none"},
	}})
	same(t, "successful", successes(out), []string{"good", "again"})
	same(t, "failed", failures(out), []failure{
		{"garbage", badHandle, `The input receipt handle "garbage" is not a valid receipt handle.`, true},
		{"foreign", badHandle, `The receipt handle "` + foreign + `" is not valid for this queue.`, true},
		{"none", missing, "The request must contain the parameter DeleteMessageBatchRequestEntry.5.ReceiptHandle.", true},
	})
	same(t, "left", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
	same(t, "left in the other", c.Counts(other), "0 visible, 1 in flight, 0 delayed")
}

func changeBatch(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "x")
	handle := c.ReceiveOne(url).Receipt
	out := c.OK("ChangeMessageVisibilityBatch", Map{"QueueUrl": url, "Entries": List{
		Map{"Id": "absent", "ReceiptHandle": handle},
		Map{"Id": "long", "ReceiptHandle": handle, "VisibilityTimeout": 43201},
		Map{"Id": "negative", "ReceiptHandle": handle, "VisibilityTimeout": -1},
		Map{"Id": "garbage", "ReceiptHandle": "garbage", "VisibilityTimeout": 1},
		Map{"Id": "good", "ReceiptHandle": handle, "VisibilityTimeout": 0},
	}})
	same(t, "successful", successes(out), []string{"good"})
	const reason = " for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200."
	same(t, "failed", failures(out), []failure{
		{"absent", missing, "The request must contain the parameter ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout.", true},
		{"long", badParameter, "Value 43201" + reason, true},
		{"negative", badParameter, "Value -1" + reason, true},
		{"garbage", badHandle, `The input receipt handle "garbage" is not a valid receipt handle.`, true},
	})
	bodies(t, "visible again", c.Receive(url), "x")
}
