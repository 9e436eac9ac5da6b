package sqs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/queue"
)

// TestProtocolChoice is SQS-WIRE-01, 02 and 12, and SQS-QRY-01 and 04.
func TestProtocolChoice(t *testing.T) {
	const form, object = "Action=PurgeQueue&QueueUrl=orders", `{"QueueUrl":"orders"}`
	for _, test := range []struct {
		name, method, url, target, contentType, body string
		status                                       int
		answerType                                   string
		want                                         string // part of the body
	}{
		{"target and type", "POST", "/", "AmazonSQS.PurgeQueue", jsonType, object, 200, jsonType, ""},
		{"type with a suffix", "POST", "/", "AmazonSQS.PurgeQueue", jsonType + "; charset=utf-8", object, 200, jsonType, ""},
		{"target alone", "POST", "/", "AmazonSQS.PurgeQueue", "", object, 200, jsonType, ""},
		{"JSON at the queue's path", "POST", "/000000000000/orders", "AmazonSQS.PurgeQueue", jsonType, object, 200, jsonType, ""},
		{"JSON at any path", "POST", "/x//../y", "AmazonSQS.PurgeQueue", jsonType, object, 200, jsonType, ""},
		{"unknown target", "POST", "/", "AmazonSQS.Nothing", jsonType, "{}", 400, jsonType, `"com.amazon.coral.service#UnknownOperationException","message":"The action Nothing is not valid for this endpoint."`},
		{"another service's target", "POST", "/", "DynamoDB_20120810.GetItem", jsonType, "{}", 400, jsonType, "UnknownOperationException"},
		{"no target", "POST", "/", "", jsonType, "{}", 400, jsonType, "UnknownOperationException"},
		{"an action of STS in JSON", "POST", "/", "AmazonSQS.GetCallerIdentity", jsonType, "{}", 400, jsonType, "UnknownOperationException"},
		{"form", "POST", "/", "", "application/x-www-form-urlencoded; charset=utf-8", form, 200, "text/xml", "<PurgeQueueResponse"},
		{"form without a type", "POST", "/", "", "", form, 200, "text/xml", "<PurgeQueueResponse"},
		{"query string", "GET", "/?" + form, "", "", "", 200, "text/xml", "<PurgeQueueResponse"},
		{"both merged", "POST", "/?Action=PurgeQueue", "", "", "QueueUrl=orders", 200, "text/xml", "<PurgeQueueResponse"},
		{"presigned", "GET", "/?" + form + "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00&AWSAccessKeyId=x&Timestamp=y", "", "", "", 200, "text/xml", "<PurgeQueueResponse"},
		{"unknown Action", "GET", "/?Action=Nothing", "", "", "", 400, "text/xml", "<Code>InvalidAction</Code><Message>The action Nothing is not valid for this endpoint.</Message>"},
		{"no Action", "GET", "/", "", "", "", 404, "text/xml", "<UnknownOperationException/>"},
		{"another method", "PUT", "/?" + form, "", "", "", 405, "text/xml", "The method PUT is not supported."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "http://localhost"+test.url, strings.NewReader(test.body))
			r.Header.Set("X-Amzn-Query-Mode", "true")
			setUnlessEmpty(r.Header, "X-Amz-Target", test.target)
			setUnlessEmpty(r.Header, "Content-Type", test.contentType)
			f := &fake{}
			got := send(newFront(f), r)
			if got.status != test.status || !strings.Contains(got.body, test.want) {
				t.Errorf("answer = %d %s\nwant %d and %q in it", got.status, got.body, test.status, test.want)
			}
			if ct := got.header.Get("Content-Type"); ct != test.answerType {
				t.Errorf("Content-Type = %q, want %q", ct, test.answerType)
			}
			if len(got.header.Get("X-Amzn-Requestid")) != 36 {
				t.Errorf("X-Amzn-Requestid = %q, want a UUID", got.header.Get("X-Amzn-Requestid"))
			}
			if asked := f.calls > 0; asked != (test.status == 200) {
				t.Errorf("the service was asked: %v", asked)
			}
		})
	}
}

func setUnlessEmpty(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// TestQueuePath is SQS-QRY-02 and 03.
func TestQueuePath(t *testing.T) {
	for _, test := range []struct {
		name, path, form string
		asked            any // nil: refused with InvalidAction
	}{
		{"without QueueUrl", "/000000000000/orders", "Action=PurgeQueue", &queue.PurgeQueueInput{Queue: orders}},
		{"the old form", "/queue/orders", "Action=PurgeQueue", &queue.PurgeQueueInput{Queue: queue.Ref{Name: "orders"}}},
		{"behind a prefix", "/sqs/000000000000/orders", "Action=PurgeQueue", &queue.PurgeQueueInput{Queue: orders}},
		{"QueueUrl wins", "/000000000000/others", "Action=PurgeQueue&QueueUrl=http://h/000000000000/orders", &queue.PurgeQueueInput{Queue: orders}},
		{"neither", "/", "Action=PurgeQueue", &queue.PurgeQueueInput{}},
		{"another path", "/some/where", "Action=PurgeQueue", &queue.PurgeQueueInput{}},
		{"GetQueueUrl", "/000000000000/orders", "Action=GetQueueUrl&QueueName=a", &queue.GetQueueURLInput{Name: "a"}},
		{"CreateQueue", "/000000000000/orders", "Action=CreateQueue&QueueName=a", nil},
		{"ListQueues", "/000000000000/orders", "Action=ListQueues", nil},
		{"ListQueues at another path", "/some/where", "Action=ListQueues", &queue.ListQueuesInput{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			got := sendQuery(newFront(f), test.path, test.form)
			if test.asked == nil {
				got.fails(t, 400, "InvalidAction")
			}
			if diff := cmp.Diff(test.asked, f.in); diff != "" {
				t.Errorf("the service was asked (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMalformedRequests is SQS-WIRE-10, 11 and 13, SQS-ERR-04, S8 and S9: nothing of it reaches the service.
func TestMalformedRequests(t *testing.T) {
	for _, test := range []struct{ name, action, body, code, text string }{
		{"truncated", "SendMessage", `{"MessageBody":"a`, "MalformedInput", "too early"},
		{"a list", "SendMessage", `[]`, "MalformedInput", "not a JSON object"},
		{"a text", "SendMessage", `"a"`, "MalformedInput", "not a JSON object"},
		{"nothing", "SendMessage", ``, "MalformedInput", "not a JSON object"},
		{"an object for a text", "SendMessage", `{"QueueUrl":"q","MessageBody":{}}`, "MalformedInput", "Start of structure or map found where not expected."},
		{"a list for a text", "SendMessage", `{"QueueUrl":"q","MessageBody":[]}`, "MalformedInput", "Start of list found where not expected"},
		{"a text for a number", "SendMessage", `{"MessageBody":"a","DelaySeconds":"x"}`, "MalformedInput", "STRING_VALUE can not be converted to an Integer"},
		{"a fraction for a number", "SendMessage", `{"MessageBody":"a","DelaySeconds":1.5}`, "MalformedInput", "NUMBER_VALUE can not be converted to an Integer"},
		{"a text for a map", "SendMessage", `{"MessageBody":"a","MessageAttributes":"x"}`, "MalformedInput", "STRING_VALUE found where a structure or map is expected."},
		{"a text for a structure", "SendMessage", `{"MessageBody":"a","MessageAttributes":{"x":"y"}}`, "MalformedInput", "STRING_VALUE found where a structure is expected."},
		{"a map for a list", "SendMessageBatch", `{"Entries":{"a":"b"}}`, "MalformedInput", "STRUCTURE_VALUE found where a list is expected."},
		{"a text for an entry", "SendMessageBatch", `{"Entries":["a"]}`, "MalformedInput", "STRING_VALUE found where a structure is expected."},
		{"a name given twice", "SendMessage", `{"MessageBody":"a","MessageBody":"b"}`, "MalformedInput", `\"MessageBody\" is given twice`},
		{"an attribute given twice", "SendMessage", `{"MessageBody":"a","MessageAttributes":{"x":{},"x":{}}}`, "MalformedInput", `\"x\" is given twice`},
		{"bad base64", "SendMessage", `{"MessageBody":"a","MessageAttributes":{"x":{"BinaryValue":"%"}}}`, "MalformedInput", "not valid base64"},
		{"bytes that are not UTF-8", "SendMessage", "{\"MessageBody\":\"\xff\"}", "MalformedInput", "not valid UTF-8"},
		{"no receipt", "DeleteMessage", `{"QueueUrl":"q"}`, "MissingParameter", "The request must contain the parameter ReceiptHandle."},
		{"an empty receipt", "ChangeMessageVisibility", `{"ReceiptHandle":"","VisibilityTimeout":1}`, "MissingParameter", "ReceiptHandle."},
		{"no timeout", "ChangeMessageVisibility", `{"ReceiptHandle":"h"}`, "MissingParameter", "VisibilityTimeout."},
		{"no attributes", "SetQueueAttributes", `{"Attributes":{}}`, "MissingParameter", "Attribute.Name."},
		{"no tags", "TagQueue", `{}`, "MissingParameter", "Tags."},
		{"no tag keys", "UntagQueue", `{"TagKeys":[null]}`, "MissingParameter", "TagKeys."},
		{"no label", "AddPermission", `{}`, "MissingParameter", "Label."},
		{"no label to remove", "RemovePermission", `{"Label":null}`, "MissingParameter", "Label."},
		{"no source", "StartMessageMoveTask", `{}`, "MissingParameter", "SourceArn."},
		{"no source to list", "ListMessageMoveTasks", `{}`, "MissingParameter", "SourceArn."},
		{"no task", "CancelMessageMoveTask", `{}`, "MissingParameter", "TaskHandle."},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			got := sendJSON(newFront(f), test.action, test.body)
			got.fails(t, 400, test.code)
			if !strings.Contains(got.body, test.text) {
				t.Errorf("answer = %s, want %s in it", got.body, test.text)
			}
			if f.calls != 0 {
				t.Errorf("the service was asked %+v", f.in)
			}
		})
	}
	for name, form := range map[string]string{
		"a cut escape":         "Action=SendMessage&MessageBody=%4",
		"not UTF-8":            "Action=SendMessage&MessageBody=%ff",
		"a number that is not": "Action=SendMessage&MessageBody=a&DelaySeconds=x",
		"bad base64":           "Action=SendMessage&MessageBody=a&MessageAttribute.1.Name=x&MessageAttribute.1.Value.BinaryValue=%25",
		"ten thousand fields":  "Action=SendMessage" + strings.Repeat("&a=b", 10_000),
	} {
		f := &fake{}
		sendQuery(newFront(f), "/", form).fails(t, 400, "MalformedInput")
		if f.calls != 0 {
			t.Errorf("%s: the service was asked %+v", name, f.in)
		}
	}
}

// TestQueryLastOneWins is §15 row 11 of the reference.
func TestQueryLastOneWins(t *testing.T) {
	f := &fake{}
	sendQuery(newFront(f), "/", "Action=SendMessage&MessageBody=a&MessageBody=b"+
		"&MessageAttribute.1.Name=x&MessageAttribute.1.Value.StringValue=1&MessageAttribute.2.Name=y&MessageAttribute.3.Name=x&MessageAttribute.3.Value.StringValue=3")
	want := &queue.SendMessageInput{Draft: queue.Draft{Body: []byte("b"), Attributes: []queue.MessageAttribute{
		{Name: "x", Kind: queue.KindString, Value: []byte("3")}, {Name: "y"},
	}}}
	if diff := cmp.Diff(want, f.in); diff != "" {
		t.Errorf("the service was asked (-want +got):\n%s", diff)
	}
}

// TestUnknownMembersAreSkipped is SQS-WIRE-13.
func TestUnknownMembersAreSkipped(t *testing.T) {
	f := &fake{}
	got := sendJSON(newFront(f), "SendMessage", `{"New":{"a":[{}]},"New":1,"QueueUrl":"orders","MessageBody":"a","DelaySeconds":null,"messagebody":"b"}`)
	want := &queue.SendMessageInput{Queue: queue.Ref{Name: "orders"}, Draft: queue.Draft{Body: []byte("a")}}
	if diff := cmp.Diff(want, f.in); got.status != 200 || diff != "" {
		t.Errorf("answer %d %s; the service was asked (-want +got):\n%s", got.status, got.body, diff)
	}
}

// TestRequestIDsAreUnique is SQS-WIRE-03.
func TestRequestIDsAreUnique(t *testing.T) {
	h, seen := newFront(&fake{}), make(map[string]bool)
	for range 1000 {
		seen[sendJSON(h, "ListQueues", "{}").header.Get("X-Amzn-Requestid")] = true
	}
	if len(seen) != 1000 {
		t.Errorf("1000 answers have %d request ids", len(seen))
	}
}
