package conformance

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// permissionRows are the rows about policies and permissions.
func permissionRows() []row {
	return []row{
		{id: "SQS-PERM-01", test: addPermission},
		{id: "SQS-PERM-02", test: permissionLabels},
		{id: "SQS-PERM-03", test: permissionLimits},
		{id: "SQS-PERM-04", test: permissionActions},
		{id: "SQS-PERM-05", test: lastPermission},
		{id: "SQS-PERM-06", test: policyAttribute},
	}
}

// permit calls AddPermission.
func permit(c *testkit.Client, url, label string, accounts, actions List) testkit.Response {
	return c.Call("AddPermission", Map{"QueueUrl": url, "Label": label, "AWSAccountIds": accounts, "Actions": actions})
}

func addPermission(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	permit(c, url, "one", List{"111111111111"}, List{"ReceiveMessage"})
	permit(c, url, "many", List{"111111111111", "222222222222"}, List{"SendMessage", "*"})
	var got any
	if err := json.Unmarshal([]byte(c.Attributes(url)["Policy"]), &got); err != nil {
		t.Fatalf("the policy is no JSON: %v", err)
	}
	same(t, "policy", got, any(Map{
		"Version": "2008-10-17",
		"Id":      testkit.ARN("q") + "/SQSDefaultPolicy",
		"Statement": List{
			Map{"Sid": "one", "Effect": "Allow", "Principal": Map{"AWS": "arn:aws:iam::111111111111:root"},
				"Action": "SQS:ReceiveMessage", "Resource": testkit.ARN("q")},
			Map{"Sid": "many", "Effect": "Allow", "Principal": Map{"AWS": List{"arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"}},
				"Action": List{"SQS:SendMessage", "SQS:*"}, "Resource": testkit.ARN("q")},
		},
	}))
}

func permissionLabels(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	in := Map{"QueueUrl": url, "Label": "l", "AWSAccountIds": List{"111111111111"}, "Actions": List{"SendMessage"}}
	c.OK("AddPermission", in)
	c.Refused("AddPermission", in, badParameter, "Value l for parameter Label is invalid. Reason: Already exists.")
	c.Refused("RemovePermission", Map{"QueueUrl": url, "Label": "x"}, badParameter, "Value x for parameter Label is invalid. Reason: can't find label.")
	for _, label := range []string{"a b", repeat("l", 81), "a.b"} {
		in["Label"] = label
		c.Refused("AddPermission", in, badParameter, "")
	}
	in["Label"], in["AWSAccountIds"] = "m", List{}
	c.Refused("AddPermission", in, badParameter, "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.")
}

func permissionLimits(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	eight := List{"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl", "PurgeQueue", "ListDeadLetterSourceQueues"}
	in := Map{"QueueUrl": url, "Label": "l", "AWSAccountIds": List{"111111111111"}, "Actions": eight}
	c.Refused("AddPermission", in, overLimit, "8 Actions were found, maximum allowed is 7.")
	for n := range 20 {
		in["Label"], in["Actions"] = fmt.Sprint("l", n), List{"SendMessage"}
		c.OK("AddPermission", in)
	}
	in["Label"] = "more"
	c.Refused("AddPermission", in, overLimit, "21 Statements were found, maximum allowed is 20.")
}

func permissionActions(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	in := Map{"QueueUrl": url, "Label": "l", "AWSAccountIds": List{"111111111111"}}
	for _, action := range []string{"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "Nonsense"} {
		in["Actions"] = List{action}
		c.Refused("AddPermission", in, badParameter, "Value SQS:"+action+" for parameter ActionName is invalid. "+
			"Reason: Please refer to the appropriate WSDL for a list of valid actions.")
	}
	for _, action := range []string{"CreateQueue", "DeleteQueue", "AddPermission", "RemovePermission", "SetQueueAttributes", "ListQueues", "TagQueue"} {
		in["Actions"] = List{"SendMessage", action}
		c.Refused("AddPermission", in, badParameter, "Value SQS:"+action+" for parameter ActionName is invalid. "+
			"Reason: Only the queue owner is allowed to invoke this action.")
	}
	same(t, "nothing was added", c.Attributes(url)["Policy"], "")
}

func lastPermission(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	for _, label := range []string{"a", "b"} {
		permit(c, url, label, List{"111111111111"}, List{"SendMessage"})
	}
	c.OK("RemovePermission", Map{"QueueUrl": url, "Label": "a"})
	contains(t, "one left", c.Attributes(url)["Policy"], `"Sid":"b"`)
	c.OK("RemovePermission", Map{"QueueUrl": url, "Label": "b"})
	_, has := c.Attributes(url)["Policy"]
	same(t, "a policy is left", has, false)
}

func policyAttribute(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	const given = `{ "Version": "2012-10-17",
		"Statement": [ {"Effect":"Allow", "Principal":"*", "Action":["sqs:SendMessage"], "Resource":"*"} ] }`
	c.SetAttributes(url, Map{"Policy": given})
	same(t, "read back", c.Attributes(url)["Policy"], given)
	for _, bad := range []string{"nonsense", "[]", `{"Version":"1999-01-01","Statement":[]}`, `{"Version":"2012-10-17"`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Principal":"*","Action":"sqs:*","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Id":"` + repeat("x", 8192) + `","Statement":[]}`} {
		r := c.Call("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": Map{"Policy": bad}})
		if r.Code != badValue {
			t.Errorf("%.60s: got %d %s %q, want %s", bad, r.Status, r.Code, r.Message, badValue)
		}
	}
	same(t, "kept", c.Attributes(url)["Policy"], given)
}
