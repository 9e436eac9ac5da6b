package conformance

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// deadLetterRows are the rows about dead-letter queues.
func deadLetterRows() []row {
	return []row{
		{id: "SQS-DLQ-01", test: deliveredExactly},
		{id: "SQS-DLQ-02", test: movedAtReceive},
		{id: "SQS-DLQ-03", test: movedIsTheSame},
		{id: "SQS-DLQ-04", test: movedCountGoesOn},
		{id: "SQS-DLQ-05", test: movedTimes},
		{id: "SQS-DLQ-06", test: movedFIFO},
		{id: "SQS-DLQ-07", test: moveWakes},
		{id: "SQS-DLQ-08", test: maxReceiveCount},
		{id: "SQS-DLQ-09", test: badRedrivePolicies},
		{id: "SQS-DLQ-10", test: redriveNotJSON},
		{id: "SQS-DLQ-11", test: redriveCycles},
		{id: "SQS-DLQ-12", test: allowPolicy},
		{id: "SQS-DLQ-13", test: badAllowPolicies},
		{id: "SQS-DLQ-14", test: listSources},
		{id: "SQS-DLQ-15", test: deletedTarget},
	}
}

// redrive returns attributes with a RedrivePolicy, in the form in which it reads back.
func redrive(target string, maxReceives int) Map {
	return Map{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, testkit.ARN(target), maxReceives)}
}

// bury receives from a queue whose maxReceiveCount is 1 until all its messages have been moved.
func bury(c *testkit.Client, url string) {
	for range 100 {
		if len(c.Receive(url, Map{"VisibilityTimeout": 0})) == 0 {
			return
		}
	}
}

// deadLetters makes a dead-letter queue and fills it from a source with these bodies. It returns the ARN and the
// URL of the dead-letter queue, and the URL of the source.
func deadLetters(c *testkit.Client, bodies ...string) (arn, dead, source string) {
	dead = c.CreateQueue("dead", nil)
	source = c.CreateQueue("source", redrive("dead", 1))
	for _, body := range bodies {
		c.Send(source, body)
	}
	bury(c, source)
	return testkit.ARN("dead"), dead, source
}

func deliveredExactly(t *testing.T, c *testkit.Client) {
	dead := c.CreateQueue("dead", nil)
	for _, limit := range []int{1, 3} {
		url := c.CreateQueue(fmt.Sprintf("q%d", limit), redrive("dead", limit))
		c.Send(url, "x")
		for n := range limit {
			same(t, "count", c.ReceiveOne(url).System["ApproximateReceiveCount"], fmt.Sprint(n+1))
			c.Advance(30 * second)
			if n == 0 {
				c.Restart()
			}
		}
		bodies(t, "once more", c.Receive(url))
		same(t, "source", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
		got := c.ReceiveOne(dead)
		same(t, "moved", got.Body, "x")
		c.Delete(dead, got.Receipt)
	}
}

func movedAtReceive(t *testing.T, c *testkit.Client) {
	dead := c.CreateQueue("dead", nil)
	url := c.CreateQueue("q", redrive("dead", 1))
	c.Send(url, "x")
	c.ReceiveOne(url)
	c.Advance(60 * minute)
	same(t, "before: source", c.Counts(url), "1 visible, 0 in flight, 0 delayed")
	same(t, "before: target", c.Counts(dead), "0 visible, 0 in flight, 0 delayed")
	c.Send(url, "other")
	bodies(t, "the receive", c.Receive(url), "other")
	same(t, "after: source", c.Counts(url), "0 visible, 1 in flight, 0 delayed")
	same(t, "after: target", c.Counts(dead), "1 visible, 0 in flight, 0 delayed")
	c.Crash()
	same(t, "after a crash: source", c.Counts(url), "0 visible, 1 in flight, 0 delayed")
	same(t, "after a crash: target", c.Counts(dead), "1 visible, 0 in flight, 0 delayed")
}

func movedIsTheSame(t *testing.T, c *testkit.Client) {
	dead := c.CreateQueue("dead", Map{"DelaySeconds": "900"})
	url := c.CreateQueue("q", redrive("dead", 1))
	sent := c.Send(url, "a\r\nb", Map{
		"MessageAttributes":       Map{"Hello": str("There")},
		"MessageSystemAttributes": Map{"AWSTraceHeader": str("trace")},
	})
	before := c.ReceiveOne(url)
	c.Advance(30 * second)
	bury(c, url)
	after := c.ReceiveOne(dead)
	same(t, "id", after.ID, text(sent, "MessageId"))
	same(t, "body", after.Body, before.Body)
	same(t, "attributes", after.Attributes, before.Attributes)
	same(t, "digest", after.AttributesMD5, before.AttributesMD5)
	for _, name := range []string{"AWSTraceHeader", "SenderId", "ApproximateFirstReceiveTimestamp"} {
		same(t, name, after.System[name], before.System[name])
	}
	same(t, "source", after.System["DeadLetterQueueSourceArn"], testkit.ARN("q"))
	c.Delete(url, before.Receipt)
	same(t, "the old handle has no effect", c.Counts(dead), "0 visible, 1 in flight, 0 delayed")
	c.Refused("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": before.Receipt, "VisibilityTimeout": 0},
		badParameter, goneText(before.Receipt))
}

func movedCountGoesOn(t *testing.T, c *testkit.Client) {
	_, dead, _ := deadLetters(c, "x")
	same(t, "first receive", c.ReceiveOne(dead, Map{"VisibilityTimeout": 0}).System["ApproximateReceiveCount"], "2")
	same(t, "second receive", c.ReceiveOne(dead).System["ApproximateReceiveCount"], "3")
}

func movedTimes(t *testing.T, c *testkit.Client) {
	for name, create := range map[string]func(string, Map) string{"": c.CreateQueue, ".fifo": c.CreateFIFO} {
		dead := create("dead"+name, Map{"MessageRetentionPeriod": "3600"})
		url := create("q"+name, redrive("dead"+name, 1))
		c.Send(url, "x", Map{"MessageGroupId": "g"})
		before := c.ReceiveOne(url)
		c.Advance(45 * minute)
		bury(c, url)
		after := c.ReceiveOne(dead, Map{"VisibilityTimeout": 0})
		kept := name == ""
		same(t, name+" SentTimestamp is kept", after.System["SentTimestamp"] == before.System["SentTimestamp"], kept)
		c.Advance(30 * minute)
		want := "1 visible, 0 in flight, 0 delayed"
		if kept {
			want = "0 visible, 0 in flight, 0 delayed"
		}
		same(t, name+" 75 minutes after the send", c.Counts(dead), want)
	}
}

func movedFIFO(t *testing.T, c *testkit.Client) {
	dead := c.CreateFIFO("dead.fifo", nil)
	url := c.CreateFIFO("q.fifo", redrive("dead.fifo", 1))
	sent := sendID(c, url, "g", "d", "1")
	c.SendGroup(url, "g", "2")
	c.ReceiveOne(url, Map{"VisibilityTimeout": 0})
	bodies(t, "the group goes on in the same receive", c.Receive(url), "2")
	moved := c.ReceiveOne(dead)
	same(t, "body", moved.Body, "1")
	same(t, "id", moved.ID, text(sent, "MessageId"))
	same(t, "group", moved.System["MessageGroupId"], "g")
	same(t, "dedup id", moved.System["MessageDeduplicationId"], text(sent, "MessageId"))
	if moved.System["SequenceNumber"] == "" {
		t.Errorf("the moved message has no sequence number: %v", moved.System)
	}
}

func moveWakes(t *testing.T, c *testkit.Client) {
	dead := c.CreateQueue("dead", nil)
	url := c.CreateQueue("q", redrive("dead", 1))
	c.Send(url, "x")
	c.ReceiveOne(url, Map{"VisibilityTimeout": 0})
	poll := c.Poll(dead)
	c.Advance(3 * second)
	same(t, "waits", poll.Ended(), false)
	c.Receive(url)
	_, took := poll.Wait()
	same(t, "took", took, 3*second)
	same(t, "bodies", poll.Bodies(), []string{"x"})
}

// refusedPolicy reports unless a RedrivePolicy is refused, at create and at set, with this reason.
func refusedPolicy(c *testkit.Client, policy, reason string) {
	want := ""
	if reason != "" {
		want = "Value " + policy + " for parameter RedrivePolicy is invalid. Reason: " + reason
	}
	c.Refused("CreateQueue", Map{"QueueName": "new", "Attributes": Map{"RedrivePolicy": policy}}, badParameter, want)
	c.Refused("SetQueueAttributes", Map{"QueueUrl": "q", "Attributes": Map{"RedrivePolicy": policy}}, badParameter, want)
}

func maxReceiveCount(t *testing.T, c *testkit.Client) {
	c.CreateQueue("dead", nil)
	url := c.CreateQueue("q", nil)
	for _, count := range []string{`5`, `"5"`, `1`, `1000`} {
		c.SetAttributes(url, Map{"RedrivePolicy": fmt.Sprintf(`{ "maxReceiveCount": %s, "deadLetterTargetArn": %q }`, count, testkit.ARN("dead"))})
		var want int
		if json.Unmarshal([]byte(count), &want) != nil {
			want = 5
		}
		same(t, "read back", c.Attributes(url)["RedrivePolicy"], redrive("dead", want)["RedrivePolicy"].(string))
	}
	for _, n := range []int{0, 1001, -1} {
		refusedPolicy(c, redrive("dead", n)["RedrivePolicy"].(string),
			fmt.Sprintf("Invalid value for maxReceiveCount: %d, valid values are from 1 to 1000 both inclusive.", n))
	}
	same(t, "the text form is the same policy", c.CreateQueue("q",
		Map{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"1000"}`, testkit.ARN("dead"))}), url)
}

func badRedrivePolicies(t *testing.T, c *testkit.Client) {
	c.CreateQueue("dead", nil)
	c.CreateQueue("q", nil)
	c.CreateFIFO("dead.fifo", nil)
	policy := func(arn string) string { return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3}`, arn) }
	for _, row := range []struct{ policy, reason string }{
		{policy(testkit.ARN("none")), "Dead letter target does not exist."},
		{policy(testkit.ARN("dead.fifo")), "Dead-letter queue must be same type of queue as the source.."},
		{policy("arn:aws:sqs:us-east-1:999999999999:dead"), "Dead-letter target owner should be same as the source."},
		{policy("arn:aws:sns:us-east-1:000000000000:dead"), "Only SQS queues are valid resources for deadLetterTargetArn."},
		{policy("dead"), "Dead-letter target ARN should be fully qualified ARN."},
		{`{"deadLetterTargetArn":"` + testkit.ARN("dead") + `"}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		{`{"maxReceiveCount":3}`, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."},
		{`{"deadLetterTargetArn":"` + testkit.ARN("dead") + `","maxReceiveCount":3,"color":"red"}`,
			"Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn]."},
	} {
		refusedPolicy(c, row.policy, row.reason)
	}
}

func redriveNotJSON(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const refusal = "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map."
	for _, policy := range []string{"nonsense", "[]", `"text"`, "{", "17"} {
		c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"RedrivePolicy": policy}}, badValue, refusal)
		c.Refused("CreateQueue", Map{"QueueName": "x", "Attributes": Map{"RedrivePolicy": policy}}, badValue, refusal)
	}
}

func redriveCycles(t *testing.T, c *testkit.Client) {
	for _, pair := range [][2]string{{"self", "self"}, {"a", "b"}} {
		c.CreateQueue(pair[0], nil)
		c.CreateQueue(pair[1], nil)
		c.SetAttributes(pair[0], redrive(pair[1], 1))
		c.SetAttributes(pair[1], redrive(pair[0], 1))
		c.Send(pair[0], "x")
		for range 20 {
			c.Receive(pair[0], Map{"VisibilityTimeout": 0})
			c.Receive(pair[1], Map{"VisibilityTimeout": 0})
		}
		c.Advance(minute)
		total := 0
		for _, url := range pair {
			if c.Counts(url) == "1 visible, 0 in flight, 0 delayed" {
				total++
			}
		}
		if total == 0 {
			t.Errorf("%v: the message is gone: %s and %s", pair, c.Counts(pair[0]), c.Counts(pair[1]))
		}
	}
}

func allowPolicy(t *testing.T, c *testkit.Client) {
	c.CreateQueue("q", nil)
	early := c.CreateQueue("early", nil)
	dead := c.CreateQueue("dead", nil)
	c.SetAttributes(early, redrive("dead", 1))
	byQueue := fmt.Sprintf(`{"redrivePermission":"byQueue","sourceQueueArns":[%q,%q]}`, testkit.ARN("listed"), testkit.ARN("other"))
	for _, policy := range []string{`{"redrivePermission":"denyAll"}`, byQueue} {
		c.SetAttributes(dead, Map{"RedriveAllowPolicy": policy})
		same(t, "read back", c.Attributes(dead)["RedriveAllowPolicy"], policy)
		refusedPolicy(c, redrive("dead", 1)["RedrivePolicy"].(string), "")
	}
	c.CreateQueue("listed", redrive("dead", 1))
	c.SetAttributes(dead, Map{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
	c.Send(early, "x")
	bury(c, early)
	bodies(t, "an existing source still moves", c.Receive(dead), "x")
	c.SetAttributes(dead, Map{"RedriveAllowPolicy": `{"redrivePermission":"allowAll"}`})
	c.SetAttributes("q", redrive("dead", 1))
}

func badAllowPolicies(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("dead", nil)
	var eleven []string
	for n := range 11 {
		eleven = append(eleven, testkit.ARN(fmt.Sprint("q", n)))
	}
	long, _ := json.Marshal(map[string]any{"redrivePermission": "byQueue", "sourceQueueArns": eleven})
	for _, row := range []struct{ policy, part string }{
		{`{"redrivePermission":"byQueue"}`, "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values."},
		{`{"redrivePermission":"byQueue","sourceQueueArns":[]}`, "you must also specify one or more sourceQueueArns values."},
		{`{"redrivePermission":"allowAll","sourceQueueArns":["` + testkit.ARN("q") + `"]}`,
			"To specify one or more source queue ARNs, you must set redrivePermission to byQueue."},
		{`{"redrivePermission":"denyAll","sourceQueueArns":["` + testkit.ARN("q") + `"]}`, "you must set redrivePermission to byQueue."},
		{string(long), "The maximum number of source queue ARNs you can specify is 10."},
		{`{"redrivePermission":"maybe"}`, ""},
		{`{}`, ""},
	} {
		r := c.Call("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"RedriveAllowPolicy": row.policy}})
		same(t, row.policy, r.Code, badParameter)
		contains(t, row.policy, r.Message, row.part)
	}
	_, kept := c.Attributes(url)["RedriveAllowPolicy"]
	same(t, "kept", kept, false)
}

func listSources(t *testing.T, c *testkit.Client) {
	dead := c.CreateQueue("dead", nil)
	same(t, "none", c.OK("ListDeadLetterSourceQueues", Map{"QueueUrl": dead}), Map{})
	var want List
	for n := range 5 {
		want = append(want, c.CreateQueue(fmt.Sprint("q", n), redrive("dead", 1)))
	}
	same(t, "all", c.OK("ListDeadLetterSourceQueues", Map{"QueueUrl": dead}), Map{"queueUrls": want})
	var got List
	in := Map{"QueueUrl": dead, "MaxResults": 2}
	for page := range 3 {
		out := c.OK("ListDeadLetterSourceQueues", in)
		urls, _ := out["queueUrls"].(List)
		got = append(got, urls...)
		same(t, "more", has(out, "NextToken"), page < 2)
		in["NextToken"] = out["NextToken"]
	}
	same(t, "pages", got, want)
	c.SetAttributes("q0", Map{"RedrivePolicy": ""})
	c.OK("DeleteQueue", Map{"QueueUrl": "q1"})
	same(t, "after changes", c.OK("ListDeadLetterSourceQueues", Map{"QueueUrl": dead}), Map{"queueUrls": want[2:]})
	c.Refused("ListDeadLetterSourceQueues", Map{"QueueUrl": dead, "MaxResults": 0}, badParameter,
		"Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
}

func deletedTarget(t *testing.T, c *testkit.Client) {
	dead := c.CreateQueue("dead", nil)
	url := c.CreateQueue("q", redrive("dead", 1))
	c.Send(url, "x")
	c.OK("DeleteQueue", Map{"QueueUrl": dead})
	for n := range 4 {
		same(t, "count", c.ReceiveOne(url).System["ApproximateReceiveCount"], fmt.Sprint(n+1))
		c.Advance(30 * second)
	}
	same(t, "the policy stays", c.Attributes(url)["RedrivePolicy"], redrive("dead", 1)["RedrivePolicy"].(string))
}
