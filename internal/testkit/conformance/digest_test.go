package conformance

import (
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// digestRows are the rows about the MD5s.
func digestRows() []row {
	return []row{
		{id: "SQS-MD5-01", test: digestVectors},
		{id: "SQS-MD5-02", test: digestOfSubset},
		{id: "SQS-MD5-03", test: noDigest},
		{id: "SQS-MD5-04", test: systemDigest},
	}
}

// str and num are message attribute values.
func str(value string) Map { return Map{"DataType": "String", "StringValue": value} }
func num(value string) Map { return Map{"DataType": "Number", "StringValue": value} }

func digestVectors(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for want, attributes := range map[string]Map{
		"d838729972a4b70e2d2acd9d59ac847c": {"color": str("blue"), "count": num("3"), "blob": Map{"DataType": "Binary", "BinaryValue": []byte{1, 2, 3}}},
		"da1b33cc3cbfe8b1630921e78e6b9880": {"color": str("blue")},
		"a311262e065454b75da111d535b8dacd": {"Hello": str("There")},
		"fca026605781cb4126a1e9044df24232": {"Hello": str("There"), "General": str("Kenobi")},
		"4c360f3fdafd970e05fae2f149d997f5": {"Hello": str("There"), "General": str("Kenobi"), "Help.Me": str("Me")},
		"235c5c510d26fb653d073faed50ae77c": {"timestamp": num("1493147359900")},
		"ca9be38f27e87efbb06491767a958c18": {
			"a": Map{"DataType": "String.json", "StringValue": `{"x":1}`}, "b": Map{"DataType": "Number.int", "StringValue": "-4.50"},
			"c": Map{"DataType": "Binary.png", "BinaryValue": []byte{0x00, 0xff, 0x10}},
		},
		"1a5f738ae87c7df34c3371599fb3926e": {"Z": str("1"), "_": str("2"), "a": str("é😀")},
	} {
		sent := c.Send(url, "x", Map{"MessageAttributes": attributes})
		same(t, "sent", text(sent, "MD5OfMessageAttributes"), want)
		same(t, "received", c.ReceiveOne(url).AttributesMD5, want)
	}
	for body, want := range map[string]string{
		"hello":            "5d41402abc4b2a76b9719d911017c592",
		"a\r\nb <&>\"' é😀": "cbc05c744d8263287a3f8062ed2bd610",
	} {
		same(t, "body sent", text(c.Send(url, body), "MD5OfMessageBody"), want)
		same(t, "body received", c.ReceiveOne(url).BodyMD5, want)
	}
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	sent := c.Send(url, "x", Map{"MessageSystemAttributes": Map{"AWSTraceHeader": str(trace)}})
	same(t, "system", text(sent, "MD5OfMessageSystemAttributes"), "5ae4d5d7636402d80f4eb6d213245a88")

	fifo := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(fifo, "g", "same")
	same(t, "content id", c.ReceiveOne(fifo).System["MessageDeduplicationId"],
		"0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5")
}

func digestOfSubset(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	sent := c.Send(url, "x", Map{"MessageAttributes": Map{"Hello": str("There"), "General": str("Kenobi"), "Help.Me": str("Me")}})
	same(t, "all sent", text(sent, "MD5OfMessageAttributes"), "4c360f3fdafd970e05fae2f149d997f5")
	for want, names := range map[string]List{
		"a311262e065454b75da111d535b8dacd": {"Hello"},
		"fca026605781cb4126a1e9044df24232": {"General", "Hello"},
		"4c360f3fdafd970e05fae2f149d997f5": {"Hel.*", "G.*"},
	} {
		same(t, "received", c.ReceiveOne(url, Map{"MessageAttributeNames": names}).AttributesMD5, want)
	}
}

func noDigest(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	c.Send(url, "x", Map{"MessageAttributes": Map{"Hello": str("There")}})
	for _, names := range []List{{}, {"Other"}, {"hello"}, {"x.*"}} {
		m := list(c.OK("ReceiveMessage", Map{"QueueUrl": url, "MessageAttributeNames": names}), "Messages")[0]
		if has(m, "MD5OfMessageAttributes") || has(m, "MessageAttributes") {
			t.Errorf("names %v: got %v, want no attributes and no digest", names, m)
		}
	}
	c.Send(url, "y")
	same(t, "none sent", has(c.Send(url, "y"), "MD5OfMessageAttributes"), false)
}

func systemDigest(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	system := Map{"AWSTraceHeader": str(trace)}
	both := c.Send(url, "x", Map{"MessageAttributes": Map{"Hello": str("There")}, "MessageSystemAttributes": system})
	same(t, "attributes", text(both, "MD5OfMessageAttributes"), "a311262e065454b75da111d535b8dacd")
	same(t, "system", text(both, "MD5OfMessageSystemAttributes"), "5ae4d5d7636402d80f4eb6d213245a88")
	alone := c.Send(url, "x", Map{"MessageSystemAttributes": system})
	same(t, "system alone", has(alone, "MD5OfMessageAttributes"), false)
	same(t, "received", c.ReceiveOne(url).AttributesMD5, "a311262e065454b75da111d535b8dacd")
}
