package conformance

import (
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// sendRows are the rows about SendMessage.
func sendRows() []row {
	return []row{
		{id: "SQS-SEND-01", test: sendResult},
		{id: "SQS-SEND-02", test: emptyBody},
		{id: "SQS-SEND-03", test: queueSizeLimit},
		{id: "SQS-SEND-04", test: defaultSizeLimit},
		{id: "SQS-SEND-05", test: whatCountsInSize},
		{id: "SQS-SEND-06", test: bodyCharacters},
		{id: "SQS-SEND-07", test: sendDelay},
		{id: "SQS-SEND-08", test: attributeCount},
		{id: "SQS-SEND-09", test: attributeNames},
		{id: "SQS-SEND-10", test: attributeTypes},
		{id: "SQS-SEND-11", test: emptyAttribute},
		{id: "SQS-SEND-12", test: numbers},
		{id: "SQS-SEND-13", test: listAttributes},
		{id: "SQS-SEND-14", test: attributeCharacters},
		{id: "SQS-SEND-15", test: traceHeader},
		{id: "SQS-SEND-16", test: otherSystemAttribute},
		{id: "SQS-SEND-17", test: dedupIDOnStandard},
		{id: "SQS-SEND-18", test: groupIDs},
		{id: "SQS-SEND-19", test: acknowledgedIsDurable},
	}
}

// attr returns the MessageAttributes member with one attribute whose value is a text.
func attr(name, dataType, value string) Map {
	return Map{"MessageAttributes": Map{name: Map{"DataType": dataType, "StringValue": value}}}
}

// refusedSend reports unless the send is refused.
func refusedSend(c *testkit.Client, url, code, text string, extra Map) {
	in := Map{"QueueUrl": url, "MessageBody": "x"}
	for name, value := range extra {
		in[name] = value
	}
	c.Refused("SendMessage", in, code, text)
}

func sendResult(t *testing.T, c *testkit.Client) {
	url, fifo := c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)
	plain := c.Send(url, "hello")
	same(t, "members", len(plain), 2)
	same(t, "body digest", text(plain, "MD5OfMessageBody"), "5d41402abc4b2a76b9719d911017c592")
	if text(plain, "MessageId") == "" {
		t.Errorf("no MessageId in %v", plain)
	}
	with := c.Send(url, "hello", attr("a", "String", "b"))
	same(t, "with attributes", has(with, "MD5OfMessageAttributes") && !has(with, "SequenceNumber"), true)
	queued := c.Send(fifo, "hello", Map{"MessageGroupId": "g"})
	same(t, "FIFO", has(queued, "SequenceNumber") && !has(queued, "MD5OfMessageAttributes"), true)
}

func emptyBody(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Refused("SendMessage", Map{"QueueUrl": url, "MessageBody": ""}, missing, "The request must contain the parameter MessageBody.")
	c.Refused("SendMessage", Map{"QueueUrl": url}, missing, "The request must contain the parameter MessageBody.")
}

// tooLong is the text for a message of more than n bytes.
func tooLong(n int) string {
	return fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", n)
}

func queueSizeLimit(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"MaximumMessageSize": "1024"})
	c.Send(url, repeat("x", 1024))
	refusedSend(c, url, badParameter, tooLong(1024), Map{"MessageBody": repeat("x", 1025)})
}

func defaultSizeLimit(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	long := repeat("x", 1048576)
	c.Send(url, long)
	refusedSend(c, url, badParameter, tooLong(1048576), Map{"MessageBody": long + "x"})
	same(t, "it comes back whole", c.ReceiveOne(url).Body == long, true)
}

func whatCountsInSize(t *testing.T, c *testkit.Client) {
	url, fifo := c.CreateQueue("q", Map{"MaximumMessageSize": "1024"}), c.CreateFIFO("q.fifo", Map{"MaximumMessageSize": "1024"})
	id := repeat("i", 128)
	// Each attribute takes its name, its whole type and its value: 1+10+5 and 2+6+3 bytes.
	attributes := Map{
		"MessageAttributes": Map{
			"n":  Map{"DataType": "Number.int", "StringValue": "12345"},
			"bb": Map{"DataType": "Binary", "BinaryValue": []byte{1, 2, 3}},
		},
		"MessageSystemAttributes": Map{"AWSTraceHeader": Map{"DataType": "String", "StringValue": repeat("t", 100)}},
		"MessageGroupId":          id,
	}
	const room = 1024 - 16 - 11
	body := repeat("é", room/2) + repeat("x", room%2)
	c.Send(url, body, attributes)
	attributes["MessageBody"] = body + "x"
	refusedSend(c, url, badParameter, tooLong(1024), attributes)
	c.Send(fifo, repeat("x", 1024), Map{"MessageGroupId": id, "MessageDeduplicationId": id})
}

func bodyCharacters(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const refusal = `Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`
	for _, bad := range []string{"\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"} {
		refusedSend(c, url, "InvalidMessageContents", refusal, Map{"MessageBody": "a" + bad + "b"})
	}
	for _, good := range []string{"\t", "\n", "\r", " ", "\x7f", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff", "😀"} {
		c.Send(url, good)
		bodies(t, "round trip", c.Receive(url), good)
	}
}

func sendDelay(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"DelaySeconds": "60"})
	c.Send(url, "now", Map{"DelaySeconds": 0})
	now := c.ReceiveOne(url)
	same(t, "at once", now.Body, "now")
	c.Delete(url, now.Receipt)
	c.Send(url, "default")
	c.Send(url, "900", Map{"DelaySeconds": 900})
	c.Advance(60*second - 1)
	bodies(t, "just before 60 s", c.Receive(url))
	c.Advance(1)
	bodies(t, "after 60 s", c.Receive(url, Map{"VisibilityTimeout": 1000}), "default")
	c.Advance(840*second - 1)
	same(t, "just before 900 s", c.Counts(url), "0 visible, 1 in flight, 1 delayed")
	c.Advance(1)
	same(t, "after 900 s", c.Counts(url), "1 visible, 1 in flight, 0 delayed")
	for _, n := range []int{901, -1} {
		refusedSend(c, url, badParameter,
			fmt.Sprintf("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", n), Map{"DelaySeconds": n})
	}
}

// attributeSet returns n different attributes.
func attributeSet(n int) Map {
	set := Map{}
	for i := range n {
		set[fmt.Sprintf("a%d", i)] = Map{"DataType": "String", "StringValue": "v"}
	}
	return Map{"MessageAttributes": set}
}

func attributeCount(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "ten", attributeSet(10))
	same(t, "received", len(c.ReceiveOne(url).Attributes), 10)
	refusedSend(c, url, badParameter, "Number of message attributes [11] exceeds the allowed maximum [10].", attributeSet(11))
}

func attributeNames(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const reserved = "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. These strings are reserved for internal use."
	for name, want := range map[string]string{
		"AWS.x": reserved, "aws.x": reserved, "amazon.x": reserved, "Amazon.x": reserved,
		".a": "", "a.": "", "a..b": "", "a b": "", "a/b": "",
		"":               "The request must contain non-empty message (user) attribute names.",
		repeat("n", 257): "Message (user) attribute name must be shorter than 256 bytes.",
	} {
		refusedSend(c, url, badParameter, want, attr(name, "String", "v"))
	}
	for _, name := range []string{repeat("n", 256), "a.b", "A-b_c.9", "awsome", "SQSLargePayloadSize", "Help.Me"} {
		c.Send(url, "x", attr(name, "String", "v"))
		same(t, name, has(c.ReceiveOne(url).Attributes, name), true)
	}
}

func attributeTypes(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	given := Map{
		"s": Map{"DataType": "String.x", "StringValue": "v"},
		"n": Map{"DataType": "Number.int", "StringValue": "7"},
		"b": Map{"DataType": "Binary.png", "BinaryValue": []byte("png")},
	}
	c.Send(url, "x", Map{"MessageAttributes": given})
	given["b"] = Map{"DataType": "Binary.png", "BinaryValue": "cG5n"}
	same(t, "received", c.ReceiveOne(url).Attributes, given)
	for _, dataType := range []string{"Strings", "string", "Text", "Boolean"} {
		refusedSend(c, url, badParameter, "The type of message (user) attribute 'a' is invalid. "+
			"You must use only the following supported type prefixes: Binary, Number, String.", attr("a", dataType, "v"))
	}
	refusedSend(c, url, badParameter, "", attr("a", "", "v"))
	refusedSend(c, url, badParameter, "", Map{"MessageAttributes": Map{"a": Map{"StringValue": "v"}}})
	refusedSend(c, url, badParameter, "Message (user) attribute type must be shorter than 256 bytes.", attr("a", "String."+repeat("x", 250), "v"))
	refusedSend(c, url, badParameter, "", attr("a", "Binary", "v"))
	refusedSend(c, url, badParameter, "", Map{"MessageAttributes": Map{"a": Map{"DataType": "String", "BinaryValue": []byte("v")}}})
}

func emptyAttribute(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	refusedSend(c, url, badParameter, "Message (user) attribute 'a' must contain a non-empty value of type 'String'.", attr("a", "String", ""))
	refusedSend(c, url, badParameter, "The message (user) attribute 'a' must contain a non-empty message attribute value.",
		Map{"MessageAttributes": Map{"a": Map{"DataType": "String"}}})
}

func numbers(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, n := range []string{"1e10", "-0.50", "12345678901234567890123456789012345678", "007", "+1", ".5", "1E-128", "-1e+126"} {
		c.Send(url, "x", attr("n", "Number", n))
		same(t, n, c.ReceiveOne(url).Attributes, Map{"n": Map{"DataType": "Number", "StringValue": n}})
	}
	for _, n := range []string{"abc", "1,5", "0x10", "1e", "--1", "NaN", "1 "} {
		refusedSend(c, url, badParameter, "Can't cast the value of message (user) attribute 'n' to a number.", attr("n", "Number", n))
	}
}

func listAttributes(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, member := range []string{"StringListValues", "BinaryListValues"} {
		refusedSend(c, url, prefix+"UnsupportedOperation", "Message attribute list values in SendMessage operation are not supported.",
			Map{"MessageAttributes": Map{"a": Map{"DataType": "String", member: List{"YQ=="}}}})
	}
}

func attributeCharacters(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, bad := range []string{"a\x00", "\x08", "\x0b", "\ufffe"} {
		refusedSend(c, url, badParameter, "", attr("a", "String", bad))
	}
	c.Send(url, "x", attr("a", "String", "tab\t, lines\r\n and 😀"))
	same(t, "received", c.ReceiveOne(url).Attributes, attr("a", "String", "tab\t, lines\r\n and 😀")["MessageAttributes"].(Map))
}

func traceHeader(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	c.Send(url, "x", Map{"MessageSystemAttributes": Map{"AWSTraceHeader": Map{"DataType": "String", "StringValue": root}}})
	same(t, "system attribute", c.ReceiveOne(url).System["AWSTraceHeader"], root)

	r := ask(t, c, "SendMessage", Map{"QueueUrl": url, "MessageBody": "x"})
	r.Header.Set("X-Amzn-Trace-Id", root+";Sampled=1")
	same(t, "no system digest for a header", has(c.RawCall("SendMessage", r).Result, "MD5OfMessageSystemAttributes"), false)
	same(t, "header", c.ReceiveOne(url).System["AWSTraceHeader"], root+";Sampled=1")

	r = ask(t, c, "SendMessage", Map{"QueueUrl": url, "MessageBody": "x",
		"MessageSystemAttributes": Map{"AWSTraceHeader": Map{"DataType": "String", "StringValue": root}}})
	r.Header.Set("X-Amzn-Trace-Id", "other")
	same(t, "status", c.RawCall("SendMessage", r).Status, 200)
	same(t, "the system attribute wins", c.ReceiveOne(url).System["AWSTraceHeader"], root)
}

func otherSystemAttribute(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	refusedSend(c, url, badParameter, "Message system attribute name 'SenderId' is invalid.",
		Map{"MessageSystemAttributes": Map{"SenderId": Map{"DataType": "String", "StringValue": "me"}}})
	refusedSend(c, url, badParameter, "",
		Map{"MessageSystemAttributes": Map{"AWSTraceHeader": Map{"DataType": "Binary", "BinaryValue": []byte("me")}}})
}

func dedupIDOnStandard(t *testing.T, c *testkit.Client) {
	refusedSend(c, c.CreateQueue("q", nil), badParameter, "Value id for parameter MessageDeduplicationId is invalid. "+
		"Reason: The request include parameter that is not valid for this queue type.", Map{"MessageDeduplicationId": "id"})
}

func groupIDs(t *testing.T, c *testkit.Client) {
	const every = "azAZ09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	for _, url := range []string{c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)} {
		for i, id := range []string{repeat("g", 128), every} {
			c.Send(url, fmt.Sprint(i), Map{"MessageGroupId": id})
			same(t, "group id", c.ReceiveOne(url).System["MessageGroupId"], id)
		}
		for _, id := range []string{"a b", repeat("g", 129), "", "é", "\t"} {
			r := c.Call("SendMessage", Map{"QueueUrl": url, "MessageBody": "x", "MessageGroupId": id})
			if r.Code != badParameter && (id != "" || r.Code != missing) {
				t.Errorf("group id %q in %s: got %d %s %q, want it refused", id, url, r.Status, r.Code, r.Message)
			}
		}
		refusedSend(c, url, badParameter, "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include "+
			"alphanumeric and punctuation characters. 1 to 128 in length.", Map{"MessageGroupId": "a b"})
	}
}

func acknowledgedIsDurable(t *testing.T, c *testkit.Client) {
	url, fifo := c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil)
	sent := c.Send(url, "kept\r\n", attr("a", "Number.int", "1"))
	c.SendGroup(fifo, "g", "1", "2")
	gone := c.Send(url, "deleted")
	for range 2 {
		for _, m := range c.Receive(url) {
			if m.ID == text(gone, "MessageId") {
				c.Delete(url, m.Receipt)
			}
		}
	}
	c.Crash()
	c.Advance(minute)
	got := c.Receive(url)
	bodies(t, "after the crash", got, "kept\r\n")
	same(t, "id", got[0].ID, text(sent, "MessageId"))
	same(t, "attributes", got[0].AttributesMD5, text(sent, "MD5OfMessageAttributes"))
	bodies(t, "FIFO after the crash", c.Receive(fifo), "1", "2")
}
