package conformance

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// attributeRows are the rows about queue attributes.
func attributeRows() []row {
	return []row{
		{id: "SQS-ATTR-01", test: freshStandard},
		{id: "SQS-ATTR-02", test: freshFIFO},
		{id: "SQS-ATTR-03", test: attributeDefaults},
		{id: "SQS-ATTR-04", test: noAttributeNames},
		{id: "SQS-ATTR-05", test: unknownAttributes},
		{id: "SQS-ATTR-06", test: attributeRanges},
		{id: "SQS-ATTR-07", test: attributeSyntax},
		{id: "SQS-ATTR-08", test: setAllOrNothing},
		{id: "SQS-ATTR-09", test: modifiedTimestamp},
		{id: "SQS-ATTR-10", test: retentionIsRetroactive},
		{id: "SQS-ATTR-11", test: delayChange},
		{id: "SQS-ATTR-12", test: visibilityChange},
		{id: "SQS-ATTR-13", test: emptyTextRemoves},
		{id: "SQS-ATTR-14", test: fifoStaysFIFO},
		{id: "SQS-ATTR-15", test: setNothing},
		{id: "SQS-ATTR-16", test: booleansInLowerCase},
		{id: "SQS-ATTR-17", test: encryptionAttributes},
	}
}

// standardNames are the attributes of a fresh standard queue, sorted.
func standardNames() []string {
	return []string{
		"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
		"CreatedTimestamp", "DelaySeconds", "LastModifiedTimestamp", "MaximumMessageSize", "MessageRetentionPeriod",
		"QueueArn", "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled", "VisibilityTimeout",
	}
}

func freshStandard(t *testing.T, c *testkit.Client) {
	got := c.Attributes(c.CreateQueue("q", nil))
	same(t, "names", slices.Sorted(maps.Keys(got)), standardNames())
	same(t, "ARN", got["QueueArn"], "arn:aws:sqs:us-east-1:000000000000:q")
}

func freshFIFO(t *testing.T, c *testkit.Client) {
	got := c.Attributes(c.CreateQueue("q.fifo", Map{"FifoQueue": "true"}))
	want := append(standardNames(), "ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit")
	same(t, "names", slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(want)))
	same(t, "FifoQueue", got["FifoQueue"], "true")
	same(t, "ContentBasedDeduplication", got["ContentBasedDeduplication"], "false")
	same(t, "DeduplicationScope", got["DeduplicationScope"], "queue")
	same(t, "FifoThroughputLimit", got["FifoThroughputLimit"], "perQueue")
}

func attributeDefaults(t *testing.T, c *testkit.Client) {
	got := c.Attributes(c.CreateQueue("q", nil))
	for name, want := range map[string]string{
		"VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
		"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "ApproximateNumberOfMessages": "0",
		"ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
	} {
		same(t, name, got[name], want)
	}
}

func noAttributeNames(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	same(t, "absent", c.OK("GetQueueAttributes", Map{"QueueUrl": url}), Map{})
	same(t, "empty", c.OK("GetQueueAttributes", Map{"QueueUrl": url, "AttributeNames": List{}}), Map{})
	same(t, "without a value", c.OK("GetQueueAttributes", Map{"QueueUrl": url, "AttributeNames": List{"Policy", "RedrivePolicy"}}), Map{})
	same(t, "by name", c.Attributes(url, "DelaySeconds", "Policy", "VisibilityTimeout"),
		map[string]string{"DelaySeconds": "0", "VisibilityTimeout": "30"})
}

func unknownAttributes(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const text = "Unknown Attribute Color."
	c.Refused("GetQueueAttributes", Map{"QueueUrl": url, "AttributeNames": List{"DelaySeconds", "Color"}}, badAttribute, text)
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"Color": "red"}}, badAttribute, text)
	c.Refused("CreateQueue", Map{"QueueName": "x", "Attributes": Map{"Color": "red"}}, badAttribute, text)
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"delaySeconds": "1"}}, badAttribute, "Unknown Attribute delaySeconds.")
	for _, name := range []string{"QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages"} {
		c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{name: "1"}}, badAttribute, "Unknown Attribute "+name+".")
	}
}

func attributeRanges(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"KmsMasterKeyId": "alias/k"})
	for name, ends := range map[string][2]int{
		"VisibilityTimeout": {0, 43200}, "MaximumMessageSize": {1024, 1048576}, "MessageRetentionPeriod": {60, 1209600},
		"DelaySeconds": {0, 900}, "ReceiveMessageWaitTimeSeconds": {0, 20}, "KmsDataKeyReusePeriodSeconds": {60, 86400},
	} {
		for _, n := range ends {
			c.SetAttributes(url, Map{name: strconv.Itoa(n)})
			same(t, name, c.Attributes(url)[name], strconv.Itoa(n))
		}
		for _, n := range []int{ends[0] - 1, ends[1] + 1} {
			attributes := Map{name: strconv.Itoa(n)}
			c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": attributes}, badValue, "Invalid value for the parameter "+name+".")
			c.Refused("CreateQueue", Map{"QueueName": "x", "Attributes": attributes}, badValue, "Invalid value for the parameter "+name+".")
		}
	}
}

func attributeSyntax(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, value := range []string{"x", "1.5", " 1", "1 ", "+1", "-0", "0x1", "1e1", "99999999999999999999", "١"} {
		c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"DelaySeconds": value}}, badValue, "")
	}
	for _, value := range []string{"yes", "1", " true"} {
		c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"SqsManagedSseEnabled": value}}, badValue, "")
	}
}

func setAllOrNothing(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	before := c.Attributes(url)
	for _, bad := range []Map{{"DelaySeconds": "901"}, {"Color": "red"}, {"RedrivePolicy": "{}"}} {
		attributes := Map{"VisibilityTimeout": "5", "ReceiveMessageWaitTimeSeconds": "5"}
		maps.Copy(attributes, bad)
		c.Advance(5 * second)
		if r := c.Call("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": attributes}); r.Status == 200 {
			t.Errorf("%v: accepted", attributes)
		}
		same(t, "attributes", c.Attributes(url), before)
	}
}

func modifiedTimestamp(t *testing.T, c *testkit.Client) {
	created := strconv.FormatInt(time.Now().Unix(), 10)
	url := c.CreateQueue("q", nil)
	c.Advance(90*second + 400*time.Millisecond)
	c.OK("TagQueue", Map{"QueueUrl": url, "Tags": Map{"a": "b"}})
	same(t, "modified, before Set", c.Attributes(url)["LastModifiedTimestamp"], created)
	modified := strconv.FormatInt(time.Now().Unix(), 10)
	c.SetAttributes(url, Map{"DelaySeconds": "1"})
	got := c.Attributes(url)
	same(t, "created", got["CreatedTimestamp"], created)
	same(t, "modified", got["LastModifiedTimestamp"], modified)
}

func retentionIsRetroactive(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.Send(url, "old")
	c.Advance(50 * second)
	c.Send(url, "young")
	c.SetAttributes(url, Map{"MessageRetentionPeriod": "60"})
	same(t, "before", c.Counts(url), "2 visible, 0 in flight, 0 delayed")
	c.Advance(15 * second)
	bodies(t, "after 65 s", c.Receive(url), "young")
}

func delayChange(t *testing.T, c *testkit.Client) {
	standard, fifo := c.CreateQueue("q", Map{"DelaySeconds": "100"}), c.CreateFIFO("q.fifo", Map{"DelaySeconds": "100"})
	c.Send(standard, "kept")
	c.SendGroup(fifo, "g", "changed")
	for _, url := range []string{standard, fifo} {
		c.SetAttributes(url, Map{"DelaySeconds": "10"})
	}
	c.Advance(11 * second)
	bodies(t, "standard after 11 s", c.Receive(standard))
	bodies(t, "FIFO after 11 s", c.Receive(fifo), "changed")
	c.Advance(90 * second)
	bodies(t, "standard after 101 s", c.Receive(standard), "kept")
}

func visibilityChange(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", Map{"VisibilityTimeout": "60"})
	c.Send(url, "x")
	c.ReceiveOne(url)
	c.SetAttributes(url, Map{"VisibilityTimeout": "10"})
	c.Advance(59 * second)
	bodies(t, "after 59 s", c.Receive(url))
	c.Advance(second)
	bodies(t, "after 60 s", c.Receive(url), "x")
	c.Advance(10 * second)
	bodies(t, "10 s later", c.Receive(url), "x")
}

func emptyTextRemoves(t *testing.T, c *testkit.Client) {
	c.CreateQueue("dead", nil)
	given := Map{
		"Policy":             `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}]}`,
		"RedrivePolicy":      redrive("dead", 3)["RedrivePolicy"],
		"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`,
		"KmsMasterKeyId":     "alias/k",
	}
	url := c.CreateQueue("q", given)
	got := c.Attributes(url)
	removal := Map{}
	for name, want := range given {
		same(t, name, any(got[name]), want)
		removal[name] = ""
	}
	c.SetAttributes(url, removal)
	got = c.Attributes(url)
	for name := range given {
		if value, ok := got[name]; ok {
			t.Errorf("%s after its removal: got %q", name, value)
		}
	}
	same(t, "SSE after the key's removal", got["SqsManagedSseEnabled"], "false")
}

func fifoStaysFIFO(t *testing.T, c *testkit.Client) {
	url := c.CreateFIFO("q.fifo", nil)
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"FifoQueue": "false"}}, badValue,
		"Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
	c.SetAttributes(url, Map{"FifoQueue": "true"})
}

func setNothing(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const text = "The request must contain the parameter Attribute.Name."
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{}}, missing, text)
}

func booleansInLowerCase(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q.fifo", Map{"FifoQueue": "True", "ContentBasedDeduplication": "TRUE", "SqsManagedSseEnabled": "False"})
	got := c.Attributes(url)
	same(t, "FifoQueue", got["FifoQueue"], "true")
	same(t, "ContentBasedDeduplication", got["ContentBasedDeduplication"], "true")
	same(t, "SqsManagedSseEnabled", got["SqsManagedSseEnabled"], "false")
}

func encryptionAttributes(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.SetAttributes(url, Map{"KmsMasterKeyId": "alias/k"})
	got := c.Attributes(url)
	same(t, "SSE with a key", got["SqsManagedSseEnabled"], "false")
	same(t, "reuse period with a key", got["KmsDataKeyReusePeriodSeconds"], "300")
	c.SetAttributes(url, Map{"SqsManagedSseEnabled": "true"})
	got = c.Attributes(url)
	same(t, "SSE", got["SqsManagedSseEnabled"], "true")
	for _, name := range []string{"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s with SSE-SQS: got %q, want none", name, value)
		}
	}
	both := Map{"KmsMasterKeyId": "alias/k", "SqsManagedSseEnabled": "true"}
	const text = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
	c.Refused("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": both}, badAttribute, text)
	c.Refused("CreateQueue", Map{"QueueName": "x", "Attributes": both}, badAttribute, text)
}
