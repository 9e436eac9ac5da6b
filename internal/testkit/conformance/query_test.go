package conformance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// queryRows are the rows about the Query protocol.
func queryRows() []row {
	return []row{
		{id: "SQS-QRY-01", test: formAndQueryString, only: testkit.Query},
		{id: "SQS-QRY-02", test: formAtQueuePath, only: testkit.Query},
		{id: "SQS-QRY-03", test: wrongEndpoint, only: testkit.Query},
		{id: "SQS-QRY-04", test: unknownAction, only: testkit.Query},
		{id: "SQS-QRY-05", test: numberedAttributes, only: testkit.Query},
		{id: "SQS-QRY-06", test: numberedMessageAttributes, only: testkit.Query},
		{id: "SQS-QRY-07", test: numberedTags, only: testkit.Query},
		{id: "SQS-QRY-08", test: numberedEntries, only: testkit.Query},
		{id: "SQS-QRY-09", test: numberedNames, only: testkit.Query},
		{id: "SQS-QRY-10", test: numberedPermissions, only: testkit.Query},
		{id: "SQS-QRY-11", test: xmlSuccess, only: testkit.Query},
		{id: "SQS-QRY-12", test: xmlWithoutResult, only: testkit.Query},
		{id: "SQS-QRY-13", test: xmlEmptyReceive, only: testkit.Query},
		{id: "SQS-QRY-14", test: xmlBodies, only: testkit.Query},
		{id: "SQS-QRY-15", test: xmlErrors, only: testkit.Query},
		{id: "SQS-QRY-16", test: xmlMissingQueue, only: testkit.Query},
		{id: "SQS-QRY-17", test: bothProtocols, only: testkit.Query},
	}
}

// form returns a POST of Query parameters written as "a=b&c=d" to a path.
func form(path, parameters string) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, testkit.Base+path, strings.NewReader(parameters))
	r.Header.Set("Content-Type", testkit.FormType)
	return r
}

// get returns a GET with the parameters in the query string.
func get(path, parameters string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, testkit.Base+path+"?"+parameters, nil)
	return r
}

// query posts parameters to the root and stops the test unless they succeed.
func query(t *testing.T, c *testkit.Client, action, parameters string) Map {
	t.Helper()
	r := c.RawCall(action, form("/", "Action="+action+"&"+parameters))
	if r.Status != 200 {
		t.Fatalf("%s %s: got %d %s %q, want 200", action, parameters, r.Status, r.Code, r.Message)
	}
	return r.Result
}

func formAndQueryString(t *testing.T, c *testkit.Client) {
	at := url.QueryEscape(c.CreateQueue("q", nil))
	for what, r := range map[string]*http.Request{
		"form":         form("/", "Action=SendMessage&Version=2012-11-05&QueueUrl="+at+"&MessageBody=one"),
		"no version":   form("/", "Action=SendMessage&QueueUrl="+at+"&MessageBody=two"),
		"query string": get("/", "Action=SendMessage&Version=2012-11-05&QueueUrl="+at+"&MessageBody=three"),
		"merged":       form("/?Action=SendMessage&QueueUrl="+at, "MessageBody=four"),
	} {
		if got := c.RawCall("SendMessage", r); got.Status != 200 {
			t.Errorf("%s: got %d %s %q, want 200", what, got.Status, got.Code, got.Message)
		}
	}
	same(t, "messages", len(c.Receive("q")), 4)
}

func formAtQueuePath(t *testing.T, c *testkit.Client) {
	other := c.CreateQueue("other", nil)
	at := c.CreateQueue("q", nil)
	same(t, "form", c.RawCall("SendMessage", form("/000000000000/q", "Action=SendMessage&MessageBody=one")).Status, 200)
	same(t, "get", c.RawCall("SendMessage", get("/000000000000/q", "Action=SendMessage&MessageBody=two")).Status, 200)
	same(t, "in q", c.Counts(at), "2 visible, 0 in flight, 0 delayed")
	wins := form("/000000000000/q", "Action=SendMessage&MessageBody=three&QueueUrl="+url.QueryEscape(other))
	same(t, "with QueueUrl", c.RawCall("SendMessage", wins).Status, 200)
	bodies(t, "in other", c.Receive(other), "three")
}

func wrongEndpoint(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	for _, action := range []string{"CreateQueue", "ListQueues"} {
		r := c.RawCall(action, form("/000000000000/q", "Action="+action+"&QueueName=x"))
		if r.Code != "InvalidAction" || r.Message != "The action "+action+" is not valid for this endpoint." {
			t.Errorf("%s at a queue: got %d %s %q, want InvalidAction", action, r.Status, r.Code, r.Message)
		}
	}
	r := c.RawCall("GetQueueUrl", form("/000000000000/q", "Action=GetQueueUrl&QueueName=q"))
	same(t, "GetQueueUrl at a queue", text(r.Result, "QueueUrl"), testkit.Base+"/000000000000/q")
}

func unknownAction(t *testing.T, c *testkit.Client) {
	r := c.RawCall("Nonsense", form("/", "Action=Nonsense"))
	same(t, "code", r.Code, "InvalidAction")
	same(t, "text", r.Message, "The action Nonsense is not valid for this endpoint.")
	status, _, body := c.Raw(form("/", "QueueName=q"))
	same(t, "no action: status", status, 404)
	same(t, "no action: body", strings.TrimSpace(body), "<UnknownOperationException/>")
}

func numberedAttributes(t *testing.T, c *testkit.Client) {
	query(t, c, "CreateQueue", "QueueName=q&Attribute.12.Name=DelaySeconds&Attribute.12.Value=7"+
		"&Attribute.3.Value=60&Attribute.3.Name=VisibilityTimeout&Attribute.1.Name=MaximumMessageSize&Attribute.1.Value=2048")
	a := c.Attributes("q")
	same(t, "delay", a["DelaySeconds"], "7")
	same(t, "visibility", a["VisibilityTimeout"], "60")
	same(t, "size", a["MaximumMessageSize"], "2048")
	query(t, c, "SetQueueAttributes", "QueueUrl=q&Attribute.Name=DelaySeconds&Attribute.Value=9")
	same(t, "without a number", c.Attributes("q")["DelaySeconds"], "9")
}

func numberedMessageAttributes(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	for _, name := range []string{"MessageAttribute", "MessageAttributes"} {
		query(t, c, "SendMessage", "QueueUrl=q&MessageBody=x&"+name+".2.Name=b&"+name+".2.Value.DataType=Binary&"+
			name+".2.Value.BinaryValue=AQID&"+name+".1.Name=s&"+name+".1.Value.StringValue=v&"+name+".1.Value.DataType=String")
		want := Map{"s": Map{"DataType": "String", "StringValue": "v"}, "b": Map{"DataType": "Binary", "BinaryValue": "AQID"}}
		same(t, name, c.ReceiveOne("q").Attributes, want)
	}
	query(t, c, "SendMessage", "QueueUrl=q&MessageBody=x&MessageSystemAttribute.1.Name=AWSTraceHeader"+
		"&MessageSystemAttribute.1.Value.StringValue=Root%3D1&MessageSystemAttribute.1.Value.DataType=String")
	same(t, "trace header", c.ReceiveOne("q").System["AWSTraceHeader"], "Root=1")
}

func numberedTags(t *testing.T, c *testkit.Client) {
	query(t, c, "CreateQueue", "QueueName=q&Tag.1.Key=a&Tag.1.Value=1&Tag.11.Key=b&Tag.11.Value=2")
	query(t, c, "TagQueue", "QueueUrl=q&Tag.1.Key=c&Tag.1.Value=3")
	query(t, c, "TagQueue", "QueueUrl=q&Tags.1.Key=d&Tags.1.Value=4")
	query(t, c, "UntagQueue", "QueueUrl=q&TagKey.2=b&TagKey.5=a")
	same(t, "tags", testkit.Texts(c.OK("ListQueueTags", Map{"QueueUrl": "q"})["Tags"]), map[string]string{"c": "3", "d": "4"})
}

func numberedEntries(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	const e = "SendMessageBatchRequestEntry."
	query(t, c, "SendMessageBatch", "QueueUrl=q&"+e+"2.Id=two&"+e+"2.MessageBody=second&"+
		e+"1.Id=one&"+e+"1.MessageBody=first&"+e+"1.MessageAttribute.1.Name=s&"+
		e+"1.MessageAttribute.1.Value.DataType=String&"+e+"1.MessageAttribute.1.Value.StringValue=v&"+e+"10.Id=ten&"+e+"10.MessageBody=tenth")
	got := c.Receive("q")
	bodies(t, "received", got, "first", "second", "tenth")
	same(t, "nested attribute", got[0].Attributes, Map{"s": Map{"DataType": "String", "StringValue": "v"}})
	changed := query(t, c, "ChangeMessageVisibilityBatch", "QueueUrl=q&ChangeMessageVisibilityBatchRequestEntry.1.Id=a&"+
		"ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=60&"+
		"ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle="+url.QueryEscape(got[0].Receipt))
	same(t, "changed", texts(list(changed, "Successful"), "Id"), []string{"a"})
	deleted := query(t, c, "DeleteMessageBatch", "QueueUrl=q&DeleteMessageBatchRequestEntry.1.Id=a&"+
		"DeleteMessageBatchRequestEntry.1.ReceiptHandle="+url.QueryEscape(got[0].Receipt))
	same(t, "deleted", texts(list(deleted, "Successful"), "Id"), []string{"a"})
}

func numberedNames(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	c.Send("q", "x", Map{"MessageAttributes": Map{
		"a": Map{"DataType": "String", "StringValue": "1"}, "b": Map{"DataType": "String", "StringValue": "2"},
	}})
	for _, name := range []string{"AttributeName.1", "AttributeName.4", "MessageSystemAttributeName.1"} {
		got := list(query(t, c, "ReceiveMessage", "QueueUrl=q&"+name+"=SenderId"), "Messages")
		attributes, _ := got[0]["Attributes"].(Map)
		if len(attributes) != 1 || text(attributes, "SenderId") == "" {
			t.Errorf("%s=SenderId: got %v, want the sender's id alone", name, attributes)
		}
	}
	got := list(query(t, c, "ReceiveMessage", "QueueUrl=q&MessageAttributeName.2=b"), "Messages")
	same(t, "MessageAttributeName", got[0]["MessageAttributes"], any(Map{"b": Map{"DataType": "String", "StringValue": "2"}}))
}

func numberedPermissions(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	query(t, c, "AddPermission", "QueueUrl=q&Label=l&AWSAccountId.1=111111111111&AWSAccountId.2=222222222222&ActionName.1=SendMessage&ActionName.2=ReceiveMessage")
	policy := c.Attributes("q")["Policy"]
	contains(t, "policy", policy, `["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]`)
	contains(t, "policy", policy, `["SQS:SendMessage","SQS:ReceiveMessage"]`)
}

func xmlSuccess(t *testing.T, c *testkit.Client) {
	r := c.Call("CreateQueue", Map{"QueueName": "q"})
	same(t, "body", string(r.Body), `<?xml version="1.0"?><CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">`+
		`<CreateQueueResult><QueueUrl>http://sqs.test:4566/000000000000/q</QueueUrl></CreateQueueResult>`+
		`<ResponseMetadata><RequestId>`+r.Header.Get("x-amzn-RequestId")+`</RequestId></ResponseMetadata></CreateQueueResponse>`)
	same(t, "type", r.Header.Get("Content-Type"), "text/xml")
}

func xmlWithoutResult(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	r := c.Call("DeleteQueue", Map{"QueueUrl": "q"})
	same(t, "body", string(r.Body), `<?xml version="1.0"?><DeleteQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">`+
		`<ResponseMetadata><RequestId>`+r.Header.Get("x-amzn-RequestId")+`</RequestId></ResponseMetadata></DeleteQueueResponse>`)
}

func xmlEmptyReceive(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	contains(t, "empty receive", string(c.Call("ReceiveMessage", Map{"QueueUrl": "q"}).Body), "<ReceiveMessageResult/>")
}

func xmlBodies(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	const body = "a\r\nb <&>\"' é😀"
	sent := c.Send("q", body)
	same(t, "digest sent", text(sent, "MD5OfMessageBody"), "cbc05c744d8263287a3f8062ed2bd610")
	r := c.Call("ReceiveMessage", Map{"QueueUrl": "q"})
	m := list(r.Result, "Messages")[0]
	same(t, "body", text(m, "Body"), body)
	same(t, "digest received", text(m, "MD5OfBody"), "cbc05c744d8263287a3f8062ed2bd610")
	contains(t, "escapes", string(r.Body), "a&#xD;\nb &lt;&amp;&gt;&quot;")
	for _, body := range []string{"\t", "\r", "\n", "\r\r\n\n\t", "  two  ", "]]>", "&amp;", "\u0085\u2028"} {
		c.Send("q", body)
		bodies(t, "round trip", c.Receive("q"), body)
	}
}

func xmlErrors(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	j := c.Kit.Client(testkit.JSON)
	for action, in := range map[string]Map{
		"SendMessage":          {"QueueUrl": "q"},
		"DeleteMessage":        {"QueueUrl": "q", "ReceiptHandle": "x"},
		"SetQueueAttributes":   {"QueueUrl": "q", "Attributes": Map{"DelaySeconds": "901"}},
		"GetQueueUrl":          {"QueueName": "none"},
		"StartMessageMoveTask": {"SourceArn": testkit.ARN("none")},
	} {
		got, want := c.Call(action, in), j.Call(action, in)
		if got.Status != want.Status || got.Code != want.Code || got.Code == "" {
			t.Errorf("%s %v: got %d %s, JSON has %d %s", action, in, got.Status, got.Code, want.Status, want.Code)
		}
	}
	r := c.Call("SendMessage", Map{"QueueUrl": "q"})
	same(t, "body", string(r.Body), `<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error>`+
		`<Type>Sender</Type><Code>MissingParameter</Code><Message>The request must contain the parameter MessageBody.</Message><Detail/></Error>`+
		`<RequestId>`+r.Header.Get("x-amzn-RequestId")+`</RequestId></ErrorResponse>`)
}

func xmlMissingQueue(t *testing.T, c *testkit.Client) {
	for action, in := range map[string]Map{
		"GetQueueUrl":        {"QueueName": "none"},
		"SendMessage":        {"QueueUrl": "none", "MessageBody": "x"},
		"ReceiveMessage":     {"QueueUrl": "none"},
		"GetQueueAttributes": {"QueueUrl": "none"},
		"ListQueueTags":      {"QueueUrl": "none"},
	} {
		c.Refused(action, in, prefix+"NonExistentQueue", "The specified queue does not exist for this wsdl version.")
	}
}

func bothProtocols(t *testing.T, c *testkit.Client) {
	j := c.Kit.Client(testkit.JSON)
	at := c.CreateQueue("q", Map{"VisibilityTimeout": "60"})
	attribute := Map{"MessageAttributes": Map{"blob": Map{"DataType": "Binary", "BinaryValue": []byte{0, 255}}}}
	viaQuery, viaJSON := c.Send(at, "é\r\n", attribute), j.Send(at, "é\r\n", attribute)
	same(t, "digests", text(viaQuery, "MD5OfMessageAttributes"), text(viaJSON, "MD5OfMessageAttributes"))
	first, second := j.ReceiveOne(at), c.ReceiveOne(at)
	same(t, "sent by Query, received by JSON", first.ID, text(viaQuery, "MessageId"))
	same(t, "sent by JSON, received by Query", second.ID, text(viaJSON, "MessageId"))
	same(t, "attributes", first.Attributes, second.Attributes)
	c.Delete(at, first.Receipt)
	j.Delete(at, second.Receipt)
	same(t, "attributes of the queue", c.Attributes(at), j.Attributes(at))
	same(t, "counts", j.Counts(at), "0 visible, 0 in flight, 0 delayed")
}
