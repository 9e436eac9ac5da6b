package conformance

import (
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// queueRows are the rows about making, finding and removing queues.
func queueRows() []row {
	return []row{
		{id: "SQS-QUE-01", test: queueURL},
		{id: "SQS-QUE-02", test: queueNames},
		{id: "SQS-QUE-03", test: createAgain},
		{id: "SQS-QUE-04", test: createDifferent},
		{id: "SQS-QUE-05", test: createWithDefault},
		{id: "SQS-QUE-06", test: createAfterDelete},
		{id: "SQS-QUE-07", test: fifoNames},
		{id: "SQS-QUE-08", test: fifoOnStandard},
		{id: "SQS-QUE-09", test: throughputOnStandard},
		{id: "SQS-QUE-10", test: findQueue},
		{id: "SQS-QUE-11", test: foreignOwner},
		{id: "SQS-QUE-12", test: deleteQueue},
		{id: "SQS-QUE-13", test: listByPrefix},
		{id: "SQS-QUE-14", test: listByPage},
		{id: "SQS-QUE-15", test: listBadly},
	}
}

func queueURL(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("My-queue_1", nil)
	same(t, "created", url, testkit.Base+"/000000000000/My-queue_1")
	same(t, "found", text(c.OK("GetQueueUrl", Map{"QueueName": "My-queue_1"}), "QueueUrl"), url)
}

func queueNames(t *testing.T, c *testkit.Client) {
	long := repeat("a", 80)
	same(t, "80 characters", c.CreateQueue(long, nil), testkit.Base+"/000000000000/"+long)
	const text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
	for _, name := range []string{long + "a", "a b", "a.b", "a/b", "é", "..", "a.fifo.x", "a\x00b"} {
		c.Refused("CreateQueue", Map{"QueueName": name}, badParameter, text)
	}
	c.Refused("CreateQueue", Map{"QueueName": ""}, badParameter, "")
	c.Refused("CreateQueue", Map{}, badParameter, "Value for parameter QueueName is invalid. Reason: Must specify a queue name.")
	fifo := repeat("a", 75) + ".fifo"
	same(t, "FIFO of 80", c.CreateFIFO(fifo, nil), testkit.Base+"/000000000000/"+fifo)
	c.Refused("CreateQueue", Map{"QueueName": "a" + fifo, "Attributes": Map{"FifoQueue": "true"}}, badParameter, "")
}

func createAgain(t *testing.T, c *testkit.Client) {
	attributes := Map{"DelaySeconds": "5", "VisibilityTimeout": "60"}
	url := c.CreateQueue("q", attributes)
	for _, again := range []Map{nil, attributes, {"DelaySeconds": "5"}} {
		same(t, fmt.Sprint(again), c.CreateQueue("q", again), url)
	}
	c.OK("CreateQueue", Map{"QueueName": "q", "tags": Map{"a": "b"}})
	same(t, "tags stay", c.OK("ListQueueTags", Map{"QueueUrl": url}), Map{})
}

func createDifferent(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", Map{"DelaySeconds": "5", "VisibilityTimeout": "60"})
	const text = "A queue already exists with the same name and a different value for attribute "
	c.Refused("CreateQueue", Map{"QueueName": "q", "Attributes": Map{"DelaySeconds": "5", "VisibilityTimeout": "61"}},
		"QueueAlreadyExists", text+"VisibilityTimeout")
	c.Refused("CreateQueue", Map{"QueueName": "q", "Attributes": Map{"MaximumMessageSize": "1024"}},
		"QueueAlreadyExists", text+"MaximumMessageSize")
	same(t, "nothing changes", c.Attributes("q")["VisibilityTimeout"], "60")
}

func createWithDefault(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	same(t, "again", c.CreateQueue("q", Map{"VisibilityTimeout": "30", "SqsManagedSseEnabled": "TRUE", "DelaySeconds": "0"}), url)
}

func createAfterDelete(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.OK("DeleteQueue", Map{"QueueUrl": url})
	const text = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
	c.Refused("CreateQueue", Map{"QueueName": "q"}, prefix+"QueueDeletedRecently", text)
	c.CreateQueue("other", nil)
	c.Advance(59 * second)
	c.Refused("CreateQueue", Map{"QueueName": "q"}, prefix+"QueueDeletedRecently", text)
	c.Restart()
	c.Refused("CreateQueue", Map{"QueueName": "q"}, prefix+"QueueDeletedRecently", text)
	c.Advance(second)
	same(t, "after 60 s", c.CreateQueue("q", nil), url)
}

func fifoNames(t *testing.T, c *testkit.Client) {
	c.Refused("CreateQueue", Map{"QueueName": "q.fifo"}, badParameter, "")
	c.Refused("CreateQueue", Map{"QueueName": "q", "Attributes": Map{"FifoQueue": "true"}}, badParameter,
		"The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	same(t, "queues", c.OK("ListQueues", nil), Map{})
}

func fifoOnStandard(t *testing.T, c *testkit.Client) {
	c.CreateQueue("s", nil)
	for name, values := range map[string][]string{
		"FifoQueue":                 {"false"},
		"ContentBasedDeduplication": {"true", "false"},
	} {
		for _, value := range values {
			c.Refused("CreateQueue", Map{"QueueName": "q", "Attributes": Map{name: value}}, badAttribute, "Unknown Attribute "+name+".")
			c.Refused("SetQueueAttributes", Map{"QueueUrl": "s", "Attributes": Map{name: value}}, badAttribute, "Unknown Attribute "+name+".")
		}
	}
	c.Refused("SetQueueAttributes", Map{"QueueUrl": "s", "Attributes": Map{"FifoQueue": "true"}}, badAttribute, "Unknown Attribute FifoQueue.")
}

func throughputOnStandard(t *testing.T, c *testkit.Client) {
	c.CreateQueue("s", nil)
	for name, value := range map[string]string{"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"} {
		want := "You can specify the " + name + " only when FifoQueue is set to true."
		c.Refused("CreateQueue", Map{"QueueName": "q", "Attributes": Map{name: value}}, badAttribute, want)
		c.Refused("SetQueueAttributes", Map{"QueueUrl": "s", "Attributes": Map{name: value}}, badAttribute, want)
	}
}

func findQueue(t *testing.T, c *testkit.Client) {
	c.Refused("GetQueueUrl", Map{}, badParameter, "Value for parameter QueueName is invalid. Reason: Must specify a queue name.")
	c.NoQueue("GetQueueUrl", Map{"QueueName": "none"})
	c.CreateQueue("q", nil)
	c.NoQueue("GetQueueUrl", Map{"QueueName": "Q"})
}

func foreignOwner(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	r := c.Call("GetQueueUrl", Map{"QueueName": "q", "QueueOwnerAWSAccountId": "999999999999"})
	same(t, "foreign", r.Code, prefix+"NonExistentQueue")
	own := c.OK("GetQueueUrl", Map{"QueueName": "q", "QueueOwnerAWSAccountId": testkit.Account})
	same(t, "own", text(own, "QueueUrl"), url)
}

func deleteQueue(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "old")
	c.Send(url, "old")
	handle := c.ReceiveOne(url).Receipt
	c.OK("DeleteQueue", Map{"QueueUrl": url})
	c.NoQueue("SendMessage", Map{"QueueUrl": url, "MessageBody": "x"})
	c.NoQueue("ReceiveMessage", Map{"QueueUrl": url})
	c.NoQueue("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": handle})
	c.NoQueue("GetQueueAttributes", Map{"QueueUrl": url, "AttributeNames": List{"All"}})
	c.NoQueue("DeleteQueue", Map{"QueueUrl": url})
	c.NoQueue("GetQueueUrl", Map{"QueueName": "q"})
	c.Advance(minute)
	c.CreateQueue("q", nil)
	same(t, "messages of the new queue", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
	c.Refused("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": handle}, badHandle, "")
}

func listByPrefix(t *testing.T, c *testkit.Client) {
	for _, name := range []string{"app-b", "App-c", "app-a", "other"} {
		c.CreateQueue(name, nil)
	}
	at := testkit.Base + "/000000000000/"
	same(t, "app", c.OK("ListQueues", Map{"QueueNamePrefix": "app"}), Map{"QueueUrls": List{at + "app-a", at + "app-b"}})
	same(t, "App", c.OK("ListQueues", Map{"QueueNamePrefix": "App"}), Map{"QueueUrls": List{at + "App-c"}})
	same(t, "none", c.OK("ListQueues", Map{"QueueNamePrefix": "x"}), Map{})
	same(t, "all", len(c.OK("ListQueues", nil)["QueueUrls"].(List)), 4)
}

func listByPage(t *testing.T, c *testkit.Client) {
	var want List
	for n := range 7 {
		want = append(want, c.CreateQueue(fmt.Sprintf("q%d", n), nil))
	}
	c.CreateQueue("x", nil)
	var got List
	in := Map{"QueueNamePrefix": "q", "MaxResults": 3}
	for page := range 3 {
		out := c.OK("ListQueues", in)
		urls, _ := out["QueueUrls"].(List)
		got = append(got, urls...)
		if has(out, "NextToken") != (page < 2) {
			t.Fatalf("page %d: got %v", page, out)
		}
		in["NextToken"] = out["NextToken"]
	}
	same(t, "pages", got, want)
	all := c.OK("ListQueues", nil)
	if has(all, "NextToken") || len(all["QueueUrls"].(List)) != 8 {
		t.Errorf("without MaxResults: got %v, want 8 URLs and no token", all)
	}
	first := c.OK("ListQueues", Map{"QueueNamePrefix": "q", "MaxResults": 3})
	c.Refused("ListQueues", Map{"QueueNamePrefix": "x", "MaxResults": 3, "NextToken": first["NextToken"]}, badParameter,
		"Invalid or expired next token.")
}

func listBadly(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	for _, n := range []int{0, 1001, -1} {
		c.Refused("ListQueues", Map{"MaxResults": n}, badParameter,
			"Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
	}
	c.OK("ListQueues", Map{"MaxResults": 1000})
	for _, token := range []string{"garbage", "!", "AAAA"} {
		c.Refused("ListQueues", Map{"MaxResults": 1, "NextToken": token}, badParameter, "Invalid or expired next token.")
	}
}
