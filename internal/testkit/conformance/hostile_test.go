package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// hostileRows are the threats that come over the wire. No row may cause a panic, which the Kit looks after, nor
// an answer that blames the server, which survives looks after.
func hostileRows() []row {
	return []row{
		{id: "S7", test: oversizeRequests},
		{id: "S8", test: hostileJSON, only: testkit.JSON},
		{id: "S9", test: hostileForms, only: testkit.Query},
		{id: "S10", test: slowClients, only: testkit.JSON},
		{id: "S13", test: hostileNames},
		{id: "S16", test: forgedTokens},
		{id: "S25", test: junkEverywhere},
		{id: "S25-types", test: strangeContentTypes, only: testkit.Query},
	}
}

// survives sends a request and reports unless it is refused, by the client's fault, or by hanging up.
func survives(t *testing.T, c *testkit.Client, what string, r *http.Request) {
	t.Helper()
	res, err := c.HTTP().Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode < 400 || res.StatusCode >= 500 {
		t.Errorf("%s: got %d %.300q, want it refused", what, res.StatusCode, body)
	}
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func oversizeRequests(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	survives(t, c, "a body of 9 MiB", ask(t, c, "SendMessage", Map{"QueueUrl": url, "MessageBody": repeat("x", 9<<20)}))

	r := ask(t, c, "SendMessage", nil)
	r.Body, r.ContentLength = io.NopCloser(endless{}), 10<<30
	survives(t, c, "10 GiB announced", r)
	r = ask(t, c, "SendMessage", nil)
	r.Body, r.ContentLength = io.NopCloser(endless{}), -1
	survives(t, c, "an endless chunked body", r)

	r = ask(t, c, "ListQueues", nil)
	r.Header.Set("X-Padding", repeat("x", 64<<10))
	survives(t, c, "64 KiB of header", r)
	r = ask(t, c, "ListQueues", nil)
	for n := range 2000 {
		r.Header.Set(fmt.Sprintf("X-Padding-%d", n), repeat("x", 20))
	}
	survives(t, c, "2,000 headers", r)
	r = ask(t, c, "ListQueues", nil)
	r.URL.Path = "/" + repeat("x", 64<<10)
	survives(t, c, "64 KiB of URL", r)

	survives(t, c, "a long attribute name", ask(t, c, "SendMessage",
		Map{"QueueUrl": url, "MessageBody": "x", "MessageAttributes": Map{repeat("n", 1<<20): str("v")}}))
	survives(t, c, "a long attribute", ask(t, c, "SendMessage",
		Map{"QueueUrl": url, "MessageBody": "x", "MessageAttributes": Map{"n": str(repeat("v", 2<<20))}}))
	survives(t, c, "a thousand attributes", ask(t, c, "SendMessage", Map{"QueueUrl": url, "MessageBody": "x",
		"MessageAttributes": attributeSet(1000)["MessageAttributes"]}))
	survives(t, c, "a long handle", ask(t, c, "DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": repeat("A", 1<<20)}))
	survives(t, c, "a long queue name", ask(t, c, "CreateQueue", Map{"QueueName": repeat("q", 1<<20)}))

	conn := c.Dial()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 1000\r\n\r\n{}")
	conn.Close()
	c.Settle()
	same(t, "stored", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
}

func hostileJSON(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	deep := func(n int) string { return repeat("[", n) + repeat("]", n) }
	for what, members := range map[string]string{
		"lists 33 deep in an unknown member": `"MessageBody":"x","Unknown":` + deep(33),
		"lists a million deep":               `"MessageBody":"x","Unknown":` + deep(1<<20),
		"objects a million deep":             `"MessageBody":"x","Unknown":` + repeat(`{"a":`, 1<<20),
		"a member twice":                     `"MessageBody":"x","MessageBody":"y"`,
		"a lone surrogate":                   `"MessageBody":"\ud800"`,
		"bytes that are not UTF-8":           "\"MessageBody\":\"\xff\xfe\"",
		"a raw control character":            "\"MessageBody\":\"\x01\"",
		"a bad escape":                       `"MessageBody":"\x"`,
		"a long number":                      `"MessageBody":"x","DelaySeconds":` + repeat("9", 1<<20),
		"a huge exponent":                    `"MessageBody":"x","DelaySeconds":1e999999999`,
		"a fraction":                         `"MessageBody":"x","DelaySeconds":1.5`,
		"a leading zero":                     `"MessageBody":"x","DelaySeconds":007`,
		"not a number":                       `"MessageBody":"x","DelaySeconds":NaN`,
		"bad base64":                         `"MessageBody":"x","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"%%%"}}`,
		"a map of lists":                     `"MessageBody":"x","MessageAttributes":{"a":[]}`,
	} {
		survives(t, c, what, post("/", "AmazonSQS.SendMessage", `{"QueueUrl":"`+url+`",`+members+`}`))
	}
	many := repeat(`{"Id":"a","MessageBody":"x"},`, 100_000)
	survives(t, c, "100,000 entries", post("/", "AmazonSQS.SendMessageBatch", `{"QueueUrl":"`+url+`","Entries":[`+many[:len(many)-1]+`]}`))
	same(t, "stored", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
	deepest := post("/", "AmazonSQS.SendMessage", `{"QueueUrl":"`+url+`","MessageBody":"x","Unknown":`+deep(31)+`}`)
	same(t, "31 deep in an unknown member", c.RawCall("SendMessage", deepest).Status, 200)
}

func hostileForms(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	var fields strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&fields, "&Attribute.%d.Name=DelaySeconds&Attribute.%d.Value=1", n+1, n+1)
	}
	survives(t, c, "20,000 fields", form("/", "Action=SetQueueAttributes&QueueUrl=q"+fields.String()))
	survives(t, c, "2,000 fields in the query string", get("/", "Action=ListQueues"+repeat("&a=b", 2000)))
	const e = "SendMessageBatchRequestEntry."
	for what, parameters := range map[string]string{
		"a negative number":        e + "-1.Id=a",
		"number zero":              e + "0.Id=a",
		"a number beyond 64 bits":  e + "99999999999999999999999.Id=a",
		"no number":                e + ".Id=a",
		"dots only":                "....=.&SendMessageBatchRequestEntry....=",
		"a bad escape":             e + "1.Id=%zz",
		"an entry with a body":     e + "1=x",
		"a lone percent sign":      "%=%",
		"bytes that are not UTF-8": e + "1.Id=a&" + e + "1.MessageBody=%ff%fe",
	} {
		r := form("/", "Action=SendMessageBatch&QueueUrl=q&"+parameters)
		if status, _, body := c.Raw(r); status >= 500 {
			t.Errorf("%s: got %d %.300q", what, status, body)
		}
	}
	same(t, "stored", c.Counts("q"), "0 visible, 0 in flight, 0 delayed")
	out := query(t, c, "SendMessageBatch", "QueueUrl=q&"+e+"999999999.Id=far&"+e+"999999999.MessageBody=x")
	same(t, "a gap of a thousand million", successes(out), []string{"far"})
}

func slowClients(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for what, sent := range map[string]string{
		"no request at all":       "",
		"a header without end":    "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"a body without end":      "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 100\r\n\r\n{",
		"a refused method's body": "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"an extra route's body":   "GET /forebay/v1/queues/x/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"an unread answer":        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 2\r\n\r\n{}",
		"an idle connection":      "GET /?Action=ListQueues HTTP/1.1\r\nHost: x\r\n\r\n",
		"an answer read in part":  "GET /?Action=ListQueues HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		conn := c.Dial()
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Errorf("%s: write: %v", what, err)
		}
		switch what {
		case "an idle connection":
			go io.Copy(io.Discard, conn)
		case "an answer read in part":
			conn.Read(make([]byte, 10))
		}
		c.Advance(2 * minute)
		if _, err := conn.Write([]byte("x")); err == nil {
			t.Errorf("%s: the connection is still open after two minutes", what)
		}
		conn.Close()
	}
	c.Send(url, "still served")
	bodies(t, "received", c.Receive(url), "still served")
}

func hostileNames(t *testing.T, c *testkit.Client) {
	for _, name := range []string{"../q", "..", ".", "/", "a/b", "a\\b", "a%2fb", "q\x00", "q\n", " q", "q ", "é", "q.fifo/..", "con:", "~", "*", "q?x", "q#x"} {
		c.Refused("CreateQueue", Map{"QueueName": name}, badParameter, "")
		r := c.Call("GetQueueUrl", Map{"QueueName": name})
		if r.Status != 400 {
			t.Errorf("GetQueueUrl %q: got %d %s, want it refused", name, r.Status, r.Code)
		}
		for _, url := range []string{name, testkit.Base + "/000000000000/" + name, testkit.Base + "/../" + name} {
			c.NoQueue("SendMessage", Map{"QueueUrl": url, "MessageBody": "x"})
		}
	}
	same(t, "queues", c.OK("ListQueues", nil), Map{})
}

func forgedTokens(t *testing.T, c *testkit.Client) {
	url, fifo, other := c.CreateQueue("q", nil), c.CreateFIFO("q.fifo", nil), c.CreateQueue("other", nil)
	for _, at := range []string{url, fifo} {
		c.SendGroup(at, "g", "x")
		handle := c.ReceiveOne(at, Map{"VisibilityTimeout": 600}).Receipt
		c.Refused("DeleteMessage", Map{"QueueUrl": other, "ReceiptHandle": handle}, badHandle, "")
		for i := range handle {
			forged := handle[:i] + string('A'+(handle[i]-'A'+1)%26) + handle[i+1:]
			if forged == handle {
				continue
			}
			c.Refused("DeleteMessage", Map{"QueueUrl": at, "ReceiptHandle": forged}, badHandle, "")
		}
		for _, forged := range []string{handle[:len(handle)-1], handle + "A", handle + handle, handle[1:], " " + handle} {
			c.Refused("ChangeMessageVisibility", Map{"QueueUrl": at, "ReceiptHandle": forged, "VisibilityTimeout": 0}, badHandle, "")
		}
		same(t, "untouched", c.Counts(at), "0 visible, 1 in flight, 0 delayed")
		c.Delete(at, handle)
	}
	token := text(c.OK("ListQueues", Map{"MaxResults": 1}), "NextToken")
	c.Refused("ListQueues", Map{"MaxResults": 1, "NextToken": token + "x"}, badParameter, "Invalid or expired next token.")
}

// junk are values that no member wants.
func junk() List {
	return List{"", "x", repeat("y", 5000), "\u0000", -1, 1 << 40, true, List{}, List{"x", ""}, Map{}, Map{"x": "y"},
		Map{"": Map{"DataType": "", "StringValue": ""}}, List{Map{}}, List{Map{"Id": "a"}, Map{"Id": "a"}},
		"arn:aws:sqs:us-east-1:000000000000:q", "http://[::1", "{}", "😀"}
}

// members are the names of all members of all requests.
func members() []string {
	return []string{"QueueUrl", "QueueName", "Attributes", "tags", "Tags", "TagKeys", "QueueNamePrefix", "MaxResults", "NextToken",
		"QueueOwnerAWSAccountId", "AttributeNames", "MessageBody", "DelaySeconds", "MessageAttributes", "MessageSystemAttributes",
		"MessageDeduplicationId", "MessageGroupId", "Entries", "MessageSystemAttributeNames", "MessageAttributeNames",
		"MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds", "ReceiveRequestAttemptId", "ReceiptHandle", "Label",
		"AWSAccountIds", "Actions", "SourceArn", "DestinationArn", "MaxNumberOfMessagesPerSecond", "TaskHandle"}
}

func junkEverywhere(t *testing.T, c *testkit.Client) {
	for _, action := range []string{"CreateQueue", "DeleteQueue", "ListQueues", "GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes",
		"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility",
		"ChangeMessageVisibilityBatch", "PurgeQueue", "AddPermission", "RemovePermission", "TagQueue", "UntagQueue", "ListQueueTags",
		"ListDeadLetterSourceQueues", "StartMessageMoveTask", "CancelMessageMoveTask", "ListMessageMoveTasks"} {
		c.CreateQueue("q", nil)
		for _, member := range members() {
			for _, value := range junk() {
				in := Map{"QueueUrl": "q", "MessageBody": "x", "ReceiptHandle": "h", "VisibilityTimeout": 1}
				if action == "DeleteQueue" {
					in["QueueUrl"] = "none"
				}
				in[member] = value
				if r := c.Call(action, in); r.Status >= 500 {
					t.Errorf("%s with %s %.60v: got %d %s %q", action, member, value, r.Status, r.Code, r.Message)
				}
			}
		}
	}
}

func strangeContentTypes(t *testing.T, c *testkit.Client) {
	for _, contentType := range []string{"", "text/plain", "application/json", "multipart/form-data; boundary=x", "multipart/form-data",
		"application/xml", ";;;", "\"", repeat("a/", 2000), "application/x-www-form-urlencoded; charset=utf-16"} {
		for _, body := range []string{"", "{}", "<x/>", "--x\r\n\r\n--x--", "Action", "Action=", "=&=&;", "\x00\xff"} {
			r := form("/", body)
			r.Header.Del("Content-Type")
			if contentType != "" {
				r.Header.Set("Content-Type", contentType)
			}
			survives(t, c, fmt.Sprintf("type %.40q, body %q", contentType, body), r)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "NONSENSE", http.MethodTrace} {
		r := form("/", "Action=ListQueues")
		r.Method = method
		survives(t, c, method, r)
	}
}
