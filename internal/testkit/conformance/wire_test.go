package conformance

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// wireRows are the rows about the JSON protocol and about queue URLs.
func wireRows() []row {
	return []row{
		{id: "SQS-WIRE-01", test: jsonIsServed, only: testkit.JSON},
		{id: "SQS-WIRE-02", test: jsonAtQueuePath, only: testkit.JSON},
		{id: "SQS-WIRE-03", test: successHeaders, only: testkit.JSON},
		{id: "SQS-WIRE-04", test: emptySuccess, only: testkit.JSON},
		{id: "SQS-WIRE-05", test: emptyResults, only: testkit.JSON},
		{id: "SQS-WIRE-06", test: attributesAreTexts, only: testkit.JSON},
		{id: "SQS-WIRE-07", test: binaryValues},
		{id: "SQS-WIRE-08", test: lowerCaseMembers, only: testkit.JSON},
		{id: "SQS-WIRE-09", test: errorShape, only: testkit.JSON},
		{id: "SQS-WIRE-10", test: brokenJSON, only: testkit.JSON},
		{id: "SQS-WIRE-11", test: wrongJSONTypes, only: testkit.JSON},
		{id: "SQS-WIRE-12", test: unknownTarget, only: testkit.JSON},
		{id: "SQS-WIRE-13", test: ignoredMembers, only: testkit.JSON},
		{id: "SQS-WIRE-14", test: moveTaskNumbers, only: testkit.JSON},
		{id: "SQS-WIRE-15", test: urlForms},
		{id: "SQS-WIRE-16", test: absentURL},
		{id: "SQS-WIRE-17", test: advertisedURLs},
		{id: "SQS-WIRE-18", test: sdkRound, only: testkit.JSON},
	}
}

// post returns a JSON request for a path; an empty target is left out.
func post(path, target, body string) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, testkit.Base+path, strings.NewReader(body))
	r.Header.Set("Content-Type", testkit.JSONType)
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	return r
}

func jsonIsServed(t *testing.T, c *testkit.Client) {
	for _, contentType := range []string{testkit.JSONType, testkit.JSONType + "; charset=utf-8", testkit.JSONType + ";charset=UTF-8"} {
		r := post("/", "AmazonSQS.CreateQueue", `{"QueueName":"q"}`)
		r.Header.Set("Content-Type", contentType)
		same(t, contentType, text(c.RawCall("CreateQueue", r).Result, "QueueUrl"), testkit.Base+"/000000000000/q")
	}
}

func jsonAtQueuePath(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	r := post("/000000000000/q", "AmazonSQS.SendMessage", `{"QueueUrl":"`+url+`","MessageBody":"hello"}`)
	same(t, "status", c.RawCall("SendMessage", r).Status, 200)
	bodies(t, "received", c.Receive(url), "hello")
}

func successHeaders(t *testing.T, c *testkit.Client) {
	first, second := c.Call("ListQueues", nil), c.Call("ListQueues", nil)
	same(t, "type", first.Header.Get("Content-Type"), "application/x-amz-json-1.0")
	if a, b := first.Header.Get("x-amzn-RequestId"), second.Header.Get("x-amzn-RequestId"); a == "" || a == b {
		t.Errorf("request ids: got %q and %q, want two different ones", a, b)
	}
}

func emptySuccess(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "hello")
	m := c.ReceiveOne(url)
	for _, call := range []struct {
		action string
		in     Map
	}{
		{"ChangeMessageVisibility", Map{"ReceiptHandle": m.Receipt, "VisibilityTimeout": 10}},
		{"DeleteMessage", Map{"ReceiptHandle": m.Receipt}},
		{"SetQueueAttributes", Map{"Attributes": Map{"DelaySeconds": "1"}}},
		{"TagQueue", Map{"Tags": Map{"a": "b"}}},
		{"UntagQueue", Map{"TagKeys": List{"a"}}},
		{"AddPermission", Map{"Label": "l", "AWSAccountIds": List{"111111111111"}, "Actions": List{"SendMessage"}}},
		{"RemovePermission", Map{"Label": "l"}},
		{"PurgeQueue", Map{}},
		{"DeleteQueue", Map{}},
	} {
		call.in["QueueUrl"] = url
		r := c.Call(call.action, call.in)
		if r.Status != 200 || len(r.Body) != 0 {
			t.Errorf("%s: got %d %q, want 200 and no body", call.action, r.Status, r.Body)
		}
	}
}

func emptyResults(t *testing.T, c *testkit.Client) {
	same(t, "no queues", string(c.Call("ListQueues", nil).Body), "{}")
	url := c.CreateQueue("q", nil)
	for action, in := range map[string]Map{
		"ReceiveMessage":             {"QueueUrl": url},
		"ListQueueTags":              {"QueueUrl": url},
		"ListQueues":                 {"QueueNamePrefix": "other"},
		"GetQueueAttributes":         {"QueueUrl": url},
		"ListDeadLetterSourceQueues": {"QueueUrl": url},
	} {
		r := c.Call(action, in)
		if r.Status != 200 || string(r.Body) != "{}" {
			t.Errorf("%s: got %d %q, want 200 {}", action, r.Status, r.Body)
		}
	}
}

func attributesAreTexts(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.SendGroup(url, "g", "hello")
	for name, value := range c.OK("GetQueueAttributes", Map{"QueueUrl": url, "AttributeNames": List{"All"}})["Attributes"].(Map) {
		if _, ok := value.(string); !ok {
			t.Errorf("queue attribute %s is %T %v, want a string", name, value, value)
		}
	}
	got := list(c.OK("ReceiveMessage", Map{"QueueUrl": url, "MessageSystemAttributeNames": List{"All"}}), "Messages")
	for name, value := range got[0]["Attributes"].(Map) {
		if _, ok := value.(string); !ok {
			t.Errorf("system attribute %s is %T %v, want a string", name, value, value)
		}
	}
}

func binaryValues(t *testing.T, c *testkit.Client) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	url := c.CreateQueue("q", nil)
	for _, blob := range [][]byte{every, {0}, {0xff, 0xfe}} {
		sent := c.Send(url, "x", Map{"MessageAttributes": Map{"blob": Map{"DataType": "Binary", "BinaryValue": blob}}})
		got := c.ReceiveOne(url)
		want := Map{"blob": Map{"DataType": "Binary", "BinaryValue": base64.StdEncoding.EncodeToString(blob)}}
		same(t, "attributes", got.Attributes, want)
		same(t, "digest", got.AttributesMD5, text(sent, "MD5OfMessageAttributes"))
	}
}

func lowerCaseMembers(t *testing.T, c *testkit.Client) {
	target := text(c.OK("CreateQueue", Map{"QueueName": "dead", "tags": Map{"team": "a"}}), "QueueUrl")
	same(t, "tags", testkit.Texts(c.OK("ListQueueTags", Map{"QueueUrl": target})["Tags"]), map[string]string{"team": "a"})
	source := c.CreateQueue("q", redrive("dead", 1))
	got := c.OK("ListDeadLetterSourceQueues", Map{"QueueUrl": target})
	same(t, "sources", got, Map{"queueUrls": List{source}})
}

func errorShape(t *testing.T, c *testkit.Client) {
	r := c.Call("GetQueueUrl", Map{"QueueName": "none"})
	same(t, "status", r.Status, 400)
	same(t, "body", string(r.Body),
		`{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`)
	same(t, "header", r.Header.Get("x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender")
}

func brokenJSON(t *testing.T, c *testkit.Client) {
	for _, body := range []string{`{"QueueName":"q"`, `{"QueueName":`, `{`, `[]`, `"text"`, `17`, `{"QueueName":"q"}}`, `nonsense`} {
		r := c.RawCall("CreateQueue", post("/", "AmazonSQS.CreateQueue", body))
		if r.Status != 400 || r.Code != "MalformedInput" || r.Type != "com.amazon.coral.service#SerializationException" {
			t.Errorf("body %s: got %d %s %s, want 400 MalformedInput SerializationException", body, r.Status, r.Code, r.Type)
		}
	}
	same(t, "queues", c.OK("ListQueues", nil), Map{})
}

func wrongJSONTypes(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	send := func(members string) testkit.Response {
		return c.RawCall("SendMessage", post("/", "AmazonSQS.SendMessage", `{"QueueUrl":"`+url+`",`+members+`}`))
	}
	for members, want := range map[string]string{
		`"MessageBody":{}`:                     "Start of structure or map found where not expected.",
		`"MessageBody":{"a":1}`:                "Start of structure or map found where not expected.",
		`"MessageBody":["a"]`:                  "Start of list found where not expected",
		`"MessageBody":"a","DelaySeconds":"x"`: "STRING_VALUE can not be converted to an Integer",
	} {
		r := send(members)
		if r.Code != "MalformedInput" || r.Message != want {
			t.Errorf("%s: got %s %q, want MalformedInput %q", members, r.Code, r.Message, want)
		}
	}
	for _, members := range []string{`"MessageBody":0`, `"MessageBody":true`, `"MessageBody":"x","DelaySeconds":"0"`} {
		if r := send(members); r.Status != 200 {
			t.Errorf("%s: got %d %s %q, want 200", members, r.Status, r.Code, r.Message)
		}
	}
	got := testkit.Bodies(c.Receive(url))
	slices.Sort(got)
	same(t, "bodies", got, []string{"0", "true", "x"})
}

func unknownTarget(t *testing.T, c *testkit.Client) {
	for _, target := range []string{"AmazonSQS.Nonsense", "AmazonSQS.", "Nonsense", "AmazonSNS.ListQueues", "AmazonSQS.listqueues", ""} {
		r := c.RawCall("", post("/", target, `{}`))
		if r.Status != 400 || r.Code != "InvalidAction" || r.Type != "com.amazon.coral.service#UnknownOperationException" {
			t.Errorf("target %q: got %d %s %s, want 400 InvalidAction UnknownOperationException", target, r.Status, r.Code, r.Type)
		}
	}
}

func ignoredMembers(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"DelaySeconds": "5"})
	r := post("/", "AmazonSQS.SendMessage", `{"QueueUrl":"`+url+`","MessageBody":"a","Color":{"deep":[1,{"x":null}]},
		"DelaySeconds":null,"MessageAttributes":null,"MessageGroupId":null,"MessageSystemAttributes":null}`)
	r.Header.Set("X-Amzn-Query-Mode", "true")
	r.Header.Set("amz-sdk-invocation-id", "1")
	r.Header.Set("amz-sdk-request", "attempt=1; max=3")
	same(t, "send", c.RawCall("SendMessage", r).Status, 200)
	same(t, "the queue's delay applies", c.Counts(url), "0 visible, 0 in flight, 1 delayed")
	none := c.RawCall("SendMessage", post("/", "AmazonSQS.SendMessage", `{"QueueUrl":"`+url+`","MessageBody":null}`))
	same(t, "null body", none.Code, missing)
}

func moveTaskNumbers(t *testing.T, c *testkit.Client) {
	source, _, _ := deadLetters(c, "one", "two")
	c.OK("StartMessageMoveTask", Map{"SourceArn": source, "MaxNumberOfMessagesPerSecond": 500})
	c.Advance(second)
	body := string(c.Call("ListMessageMoveTasks", Map{"SourceArn": source}).Body)
	contains(t, "list", body, `"ApproximateNumberOfMessagesMoved":2`)
	contains(t, "list", body, `"ApproximateNumberOfMessagesToMove":2`)
	contains(t, "list", body, `"StartedTimestamp":9`)
	contains(t, "list", body, `"MaxNumberOfMessagesPerSecond":500`)
}

func urlForms(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, form := range []string{
		url, "https://sqs.eu-west-1.amazonaws.com/000000000000/q", "http://localhost/000000000000/q",
		"http://10.0.0.1:1/000000000000/q", "q",
	} {
		c.Send(form, form)
		same(t, form, len(c.Receive(url)), 1)
	}
	for _, form := range []string{
		"http://sqs.test:4566/999999999999/q", "http://sqs.test:4566/000000000000/", "http://sqs.test:4566/",
		"http://sqs.test:4566/a/b/c/d", "://", "000000000000/none",
	} {
		c.NoQueue("SendMessage", Map{"QueueUrl": form, "MessageBody": "x"})
	}
}

func absentURL(t *testing.T, c *testkit.Client) {
	c.NoQueue("SendMessage", Map{"MessageBody": "x"})
	c.NoQueue("SendMessage", Map{"QueueUrl": "", "MessageBody": "x"})
	c.NoQueue("ReceiveMessage", Map{})
	c.NoQueue("DeleteQueue", Map{})
}

func advertisedURLs(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	r := ask(t, c, "GetQueueUrl", Map{"QueueName": "q"})
	r.Host = "queues.example:9999"
	same(t, "by host", text(c.RawCall("GetQueueUrl", r).Result, "QueueUrl"), "http://queues.example:9999/000000000000/q")

	public := testkit.New(t, testkit.Options{PublicURL: "https://mq.example/base"}).Client(c.Protocol)
	same(t, "by configuration", public.CreateQueue("q", nil), "https://mq.example/base/000000000000/q")
	public.Send("https://mq.example/base/000000000000/q", "hello")
	bodies(t, "the advertised URL works", public.Receive("q"), "hello")
}

func sdkRound(t *testing.T, c *testkit.Client) {
	client := sqs.New(sqs.Options{
		Region: testkit.Region, BaseEndpoint: aws.String(testkit.Base), HTTPClient: c.HTTP(),
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	ctx := t.Context()
	q, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q"), Tags: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String("hello é😀"),
		MessageAttributes: map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: aws.String("1")}}})
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl, MessageAttributeNames: []string{"All"}, WaitTimeSeconds: 1})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("receive: got %v, %v, want one message", got, err)
	}
	same(t, "body", *got.Messages[0].Body, "hello é😀")
	if _, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Errorf("delete: %v", err)
	}
	_, err = client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("none")})
	if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
		t.Errorf("unknown queue: got %v, want QueueDoesNotExist", err)
	}
}
