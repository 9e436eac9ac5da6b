package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// recordedRows are behaviours that recordings of the real service, and tests validated against it, have shown after the
// checklist was written.
func recordedRows() []row {
	return []row{
		{id: "SQS-REC-01", test: changeBatchOfGoneMessages},
		{id: "SQS-REC-02", test: emptyEntryIDs},
		{id: "SQS-REC-03", test: shownGroupGoesBehind},
		{id: "SQS-REC-04", test: policyWithoutARN},
		{id: "SQS-REC-05", test: lettersInAttributeNames},
		{id: "SQS-REC-06", test: treeAsJSON, only: testkit.Query},
		{id: "SQS-REC-07", test: foreignHandle},
		{id: "SQS-REC-08", test: duplicatesAcrossScopes},
		{id: "SQS-REC-09", test: oldHandles},
		{id: "SQS-REC-10", test: handlesExpire},
		{id: "SQS-REC-11", test: unnumberedLists, only: testkit.Query},
		{id: "SQS-REC-12", test: slashAtTheEnd},
		{id: "SQS-REC-13", test: pollOfDeletedQueue},
	}
}

func changeBatchOfGoneMessages(t *testing.T, c *testkit.Client) {
	const gone = "Message does not exist or is not available for visibility timeout change"
	for name, attributes := range map[string]Map{"q": nil, "q.fifo": {"FifoQueue": "true", "ContentBasedDeduplication": "true"}} {
		at := c.CreateQueue(name, attributes)
		for i := range 4 {
			extra := Map{}
			if attributes != nil {
				extra["MessageGroupId"] = fmt.Sprint("g", i)
			}
			c.Send(at, fmt.Sprint(i), extra)
		}
		got := c.Receive(at)
		deleted, shown, late, held := got[0].Receipt, got[1].Receipt, got[2].Receipt, got[3].Receipt
		c.Delete(at, deleted)
		c.Change(at, shown, 0)
		c.Change(at, late, 10)
		c.Change(at, held, 60)
		c.Advance(11 * second)
		change := func(id, receipt string) Map { return Map{"Id": id, "ReceiptHandle": receipt, "VisibilityTimeout": 5} }
		out := c.OK("ChangeMessageVisibilityBatch", Map{"QueueUrl": at, "Entries": List{
			change("deleted", deleted), change("shown", shown), change("late", late), change("held", held)}})
		same(t, name+": successful", successes(out), []string{"held"})
		same(t, name+": failed", failures(out), []failure{
			{"deleted", badHandle, gone, true}, {"shown", badHandle, gone, true}, {"late", badHandle, gone, true}})
	}
}

func emptyEntryIDs(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", nil)
	for _, action := range batchActions() {
		for _, entries := range []List{{entry("")}, {entry("ok"), entry("")}, {entry(""), entry("")}} {
			c.Refused(action, Map{"QueueUrl": at, "Entries": entries}, prefix+"InvalidBatchEntryId",
				"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
	}
	same(t, "sent", c.Counts(at), "0 visible, 0 in flight, 0 delayed")
}

func shownGroupGoesBehind(t *testing.T, c *testkit.Client) {
	setUp := func(name string) (at string, first []testkit.Message) {
		at = c.CreateFIFO(name, Map{"VisibilityTimeout": "10"})
		c.SendGroup(at, "g1", "g1-m1", "g1-m2")
		c.SendGroup(at, "g2", "g2-m1")
		first = c.Receive(at, Map{"MaxNumberOfMessages": 2})
		bodies(t, "first", first, "g1-m1", "g1-m2")
		return at, first
	}
	at, first := setUp("set-to-0.fifo")
	c.Change(at, first[0].Receipt, 0)
	bodies(t, "set to 0", c.Receive(at, Map{"MaxNumberOfMessages": 2}), "g2-m1", "g1-m1")

	at, _ = setUp("timed-out.fifo")
	c.Advance(10 * second)
	bodies(t, "timed out", c.Receive(at), "g2-m1", "g1-m1", "g1-m2")
}

func policyWithoutARN(t *testing.T, c *testkit.Client) {
	statement := func(more string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage",` + more + `}]}`
	}
	for i, policy := range []string{
		statement(`"Resource":"orders"`),
		statement(`"Resource":["*s","a*","arn:*",""]`),
		statement(`"Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"orders"}}`),
		statement(`"Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":["a*","arn:*"]}}`),
		statement(`"Resource":"*","Condition":{"StringEquals":{"aws:SourceArn":"orders"}}`),
	} {
		at := c.CreateQueue(fmt.Sprint("created", i), Map{"Policy": policy})
		same(t, "created with it", c.Attributes(at)["Policy"], policy)
		at = c.CreateQueue(fmt.Sprint("set", i), nil)
		c.SetAttributes(at, Map{"Policy": policy})
		same(t, "set", c.Attributes(at)["Policy"], policy)
	}
}

func lettersInAttributeNames(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", nil)
	attributes := Map{}
	for _, name := range []string{"attr.1øßä", "名前", "имя-1_x"} {
		attributes[name] = Map{"DataType": "String", "StringValue": name}
	}
	c.Send(at, "x", Map{"MessageAttributes": attributes})
	got := c.ReceiveOne(at, Map{"MessageAttributeNames": List{"All"}})
	same(t, "attributes", got.Attributes, attributes)
	for _, name := range []string{"a€", "a b", "ø..ß", ".ø", "ø."} {
		c.Refused("SendMessage", Map{"QueueUrl": at, "MessageBody": "x",
			"MessageAttributes": Map{name: Map{"DataType": "String", "StringValue": "x"}}}, badParameter, "")
	}
}

// jsonTree makes a Query call that accepts JSON and returns the answer.
func jsonTree(t *testing.T, c *testkit.Client, r *http.Request, accept string) (status int, tree Map) {
	t.Helper()
	r.Header.Set("Accept", accept)
	status, header, body := c.Raw(r)
	same(t, "content type", header.Get("Content-Type"), "application/json")
	if err := json.Unmarshal([]byte(body), &tree); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return status, tree
}

func treeAsJSON(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", Map{"DelaySeconds": "0"})
	call := func(action, parameters string) Map {
		t.Helper()
		for _, r := range []*http.Request{get("/000000000000/q", "Action="+action+parameters), form("/000000000000/q", "Action="+action+parameters)} {
			if action == "ListQueues" {
				r.URL.Path = "/"
			}
			status, tree := jsonTree(t, c, r, "application/json")
			same(t, action+": status", status, 200)
			response, _ := tree[action+"Response"].(map[string]any)
			metadata, _ := response["ResponseMetadata"].(map[string]any)
			if len(tree) != 1 || len(response) > 2 || metadata["RequestId"] == "" || metadata["RequestId"] == nil {
				t.Errorf("%s: got %v", action, tree)
			}
			if r.Method == http.MethodPost {
				result, _ := response[action+"Result"].(map[string]any)
				return result
			}
		}
		return nil
	}
	same(t, "queues", call("ListQueues", ""), Map{"queueUrls": []any{at}, "NextToken": nil})
	same(t, "no queues", call("ListQueues", "&QueueNamePrefix=x"), Map{"queueUrls": nil, "NextToken": nil})
	same(t, "attributes", call("GetQueueAttributes", "&AttributeName.1=DelaySeconds"),
		Map{"Attributes": []any{map[string]any{"Name": "DelaySeconds", "Value": "0"}}})
	same(t, "nothing received", call("ReceiveMessage", ""), Map{"messages": nil})
	sent := call("SendMessage", "&MessageBody=hello")
	same(t, "digest", sent["MD5OfMessageBody"], any("5d41402abc4b2a76b9719d911017c592"))
	same(t, "no sequence", sent["SequenceNumber"], nil)
	received, _ := call("ReceiveMessage", "&VisibilityTimeout=0")["messages"].([]any)
	if len(received) == 0 || received[0].(map[string]any)["Body"] != "hello" || received[0].(map[string]any)["Attributes"] != nil {
		t.Errorf("received: got %v", received)
	}
	same(t, "no result", len(call("SetQueueAttributes", "&Attribute.Name=DelaySeconds&Attribute.Value=0")), 0)

	for what, r := range map[string]*http.Request{
		"an action that is none":           get("/000000000000/q", "Action=Nope"),
		"an action that is not of a queue": get("/000000000000/q", "Action=ListQueues"),
	} {
		status, tree := jsonTree(t, c, r, "application/json")
		failed, _ := tree["Error"].(map[string]any)
		if status != 400 || failed["Code"] != "InvalidAction" || failed["Type"] != "Sender" || tree["RequestId"] == nil {
			t.Errorf("%s: got %d %v", what, status, tree)
		}
	}
	_, identity := jsonTree(t, c, form("/", "Action=GetCallerIdentity&Version=2011-06-15"), "application/json")
	if _, ok := identity["GetCallerIdentityResponse"]; !ok {
		t.Errorf("who am I: got %v", identity)
	}
	for accept, want := range map[string]string{
		"application/json, text/plain, */*": "application/json", "text/html, application/json;q=0.9": "application/json",
		"*/*": "text/xml", "application/xml, application/json": "text/xml", "": "text/xml", "application/jsonp": "text/xml",
	} {
		r := get("/", "Action=ListQueues")
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		_, header, _ := c.Raw(r)
		same(t, "accept "+accept, header.Get("Content-Type"), want)
	}
}

func foreignHandle(t *testing.T, c *testkit.Client) {
	at, other := c.CreateQueue("q", nil), c.CreateQueue("other", nil)
	c.Send(other, "x")
	handle := c.ReceiveOne(other).Receipt
	text := fmt.Sprintf("The receipt handle %q is not valid for this queue.", handle)
	c.Refused("DeleteMessage", Map{"QueueUrl": at, "ReceiptHandle": handle}, badHandle, text)
	c.Refused("ChangeMessageVisibility", Map{"QueueUrl": at, "ReceiptHandle": handle, "VisibilityTimeout": 1}, badHandle, text)
	for _, action := range []string{"DeleteMessageBatch", "ChangeMessageVisibilityBatch"} {
		out := c.OK(action, Map{"QueueUrl": at, "Entries": List{Map{"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 1}}})
		same(t, action, failures(out), []failure{{"a", badHandle, text, true}})
	}
	same(t, "in the other", c.Counts(other), "0 visible, 1 in flight, 0 delayed")
}

func duplicatesAcrossScopes(t *testing.T, c *testkit.Client) {
	at := c.CreateFIFO("q.fifo", nil)
	before := sendID(c, at, "a", "d", "one")
	c.SetAttributes(at, Map{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
	duplicate(t, "after the queue became one of high throughput", before, sendID(c, at, "a", "d", "two"), true)
	after := sendID(c, at, "a", "e", "three")
	duplicate(t, "sent after the change, in another group", after, sendID(c, at, "b", "e", "four"), false)
	c.Restart()
	duplicate(t, "after a restart", before, sendID(c, at, "a", "d", "five"), true)
	c.SetAttributes(at, Map{"FifoThroughputLimit": "perQueue"})
	c.SetAttributes(at, Map{"DeduplicationScope": "queue"})
	duplicate(t, "after it became an ordinary one again", after, sendID(c, at, "a", "e", "six"), true)
	c.Advance(5 * minute)
	duplicate(t, "after 5 minutes", before, sendID(c, at, "a", "d", "seven"), false)
}

func oldHandles(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(at, "x")
	old := c.ReceiveOne(at).Receipt
	c.Advance(10 * second)
	c.ReceiveOne(at)
	c.Delete(at, old)
	same(t, "while somebody holds it", c.Counts(at), "0 visible, 1 in flight, 0 delayed")
	c.Advance(10 * second)
	c.Delete(at, old)
	same(t, "while nobody does", c.Counts(at), "0 visible, 0 in flight, 0 delayed")
	c.Advance(minute)
	same(t, "later", len(c.Receive(at)), 0)
}

func handlesExpire(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", Map{"VisibilityTimeout": "10"})
	c.Send(at, "x")
	first := c.ReceiveOne(at).Receipt
	c.Advance(minute)
	newest := c.ReceiveOne(at).Receipt
	c.Advance(12*time.Hour - second)
	c.Change(at, newest, 1)
	c.Advance(second)
	for what, handle := range map[string]string{"first": first, "newest": newest} {
		text := "Value " + handle + " for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
		c.Refused("DeleteMessage", Map{"QueueUrl": at, "ReceiptHandle": handle}, badParameter, text)
		c.Refused("ChangeMessageVisibility", Map{"QueueUrl": at, "ReceiptHandle": handle, "VisibilityTimeout": 0}, badParameter, text)
		same(t, what, c.Counts(at), "1 visible, 0 in flight, 0 delayed")
	}
	c.Delete(at, c.ReceiveOne(at).Receipt)
	same(t, "by a new handle", c.Counts(at), "0 visible, 0 in flight, 0 delayed")
}

func unnumberedLists(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", Map{"VisibilityTimeout": "0"})
	attributes := func(parameters string) Map {
		t.Helper()
		out, _ := query(t, c, "GetQueueAttributes", "QueueUrl=q&"+parameters)["Attributes"].(Map)
		return out
	}
	for _, parameters := range []string{"AttributeName=All", "AttributeNames=All", "AttributeName=QueueArn&AttributeName=All", "AttributeName=QueueArn&AttributeName.1=All"} {
		if got := attributes(parameters); len(got) < 10 {
			t.Errorf("%s: got %v, want all", parameters, got)
		}
	}
	same(t, "two names", len(attributes("AttributeName=QueueArn&AttributeName=DelaySeconds")), 2)
	same(t, "one of each", len(attributes("AttributeName=QueueArn&AttributeName.7=DelaySeconds")), 2)

	query(t, c, "SendMessageBatch", "QueueUrl=q&SendMessageBatchRequestEntry.Id=one&SendMessageBatchRequestEntry.MessageBody=first"+
		"&SendMessageBatchRequestEntry.MessageAttribute.Name=s&SendMessageBatchRequestEntry.MessageAttribute.Value.DataType=String"+
		"&SendMessageBatchRequestEntry.MessageAttribute.Value.StringValue=v")
	for _, name := range []string{"MessageAttributeName=s", "MessageAttributeNames=s", "MessageAttributeName=All"} {
		got := list(query(t, c, "ReceiveMessage", "QueueUrl=q&AttributeName=SenderId&"+name), "Messages")[0]
		same(t, name, got["MessageAttributes"], any(Map{"s": Map{"DataType": "String", "StringValue": "v"}}))
		if sender, _ := got["Attributes"].(Map); len(sender) != 1 {
			t.Errorf("%s: got the attributes %v, want the sender's id alone", name, sender)
		}
	}
	handle := url.QueryEscape(c.ReceiveOne("q").Receipt)
	query(t, c, "DeleteMessageBatch", "QueueUrl=q&DeleteMessageBatchRequestEntry.Id=a&DeleteMessageBatchRequestEntry.ReceiptHandle="+handle)
	same(t, "deleted", c.Counts("q"), "0 visible, 0 in flight, 0 delayed")

	query(t, c, "TagQueue", "QueueUrl=q&Tag.Key=a&Tag.Value=1")
	query(t, c, "TagQueue", "QueueUrl=q&Tag.1.Key=b&Tag.1.Value=1")
	query(t, c, "UntagQueue", "QueueUrl=q&TagKey=a&TagKey=none")
	same(t, "tags", testkit.Texts(c.OK("ListQueueTags", Map{"QueueUrl": "q"})["Tags"]), map[string]string{"b": "1"})
	query(t, c, "AddPermission", "QueueUrl=q&Label=l&AWSAccountId=111111111111&ActionName=SendMessage")
	contains(t, "policy", c.Attributes("q")["Policy"], `"SQS:SendMessage"`)

	for parameters, code := range map[string]string{
		"Action=GetQueueAttributes&AttributeName=Nonsense":                            badAttribute,
		"Action=GetQueueAttributes&AttributeName.1=Nonsense":                          badAttribute,
		"Action=GetQueueAttributes&AttributeName.x=All":                               "MalformedInput",
		"Action=GetQueueAttributes&AttributeName.member.1=All":                        "MalformedInput",
		"Action=ReceiveMessage&MessageAttributeName.-1=All":                           "MalformedInput",
		"Action=SetQueueAttributes&Attribute.x.Name=DelaySeconds&Attribute.x.Value=1": "MalformedInput",
		"Action=TagQueue&Tag.Value=1":                                                 "MalformedInput",
		"Action=UntagQueue&TagKey.first=a":                                            "MalformedInput",
		"Action=SendMessageBatch&SendMessageBatchRequestEntry.first.Id=a":             missing,
	} {
		same(t, parameters, c.RawCall("Refused", form("/", parameters+"&QueueUrl=q")).Code, code)
	}
}

func slashAtTheEnd(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", nil)
	for _, end := range []string{"/", "//"} {
		c.Send(at+end, "x")
		c.Delete(at+end, c.ReceiveOne(at+end).Receipt)
	}
	same(t, "left", c.Counts(at), "0 visible, 0 in flight, 0 delayed")
	dead := c.CreateQueue("dead", nil)
	c.SetAttributes(at+"/", Map{"RedrivePolicy": `{"deadLetterTargetArn":"` + testkit.ARN("dead") + `","maxReceiveCount":1}`})
	same(t, "sources", len(c.OK("ListDeadLetterSourceQueues", Map{"QueueUrl": dead + "/"})), 1)
	for _, path := range []string{"/000000000000/q/", "//000000000000//q", "/x/../000000000000/./q"} {
		status, _, body := c.Raw(form(path, "Action=SendMessage&MessageBody=x"))
		if status != 200 {
			t.Errorf("posted to %s: got %d %s", path, status, body)
		}
	}
	same(t, "sent", c.Counts(at), "3 visible, 0 in flight, 0 delayed")
}

// pollOfDeletedQueue holds that a poll ends, and later than the deletion that ended it was answered: the client of
// Amazon's temporary queues makes a queue again that it finds gone before it knows that it has deleted it.
func pollOfDeletedQueue(t *testing.T, c *testkit.Client) {
	at := c.CreateQueue("q", nil)
	poll := c.Poll(at)
	c.OK("DeleteQueue", Map{"QueueUrl": at})
	same(t, "ended with the deletion", poll.Ended(), false)
	r, took := poll.Wait()
	same(t, "code", r.Code, prefix+"NonExistentQueue")
	if took > 2*second {
		t.Errorf("the poll ended %v after the deletion", took)
	}
	c.NoQueue("ReceiveMessage", Map{"QueueUrl": at, "WaitTimeSeconds": 20})
}
