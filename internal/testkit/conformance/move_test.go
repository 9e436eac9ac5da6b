package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// moveRows are the rows about move tasks.
func moveRows() []row {
	return []row{
		{id: "SQS-MOVE-01", test: movesEverything},
		{id: "SQS-MOVE-02", test: movedIsNew},
		{id: "SQS-MOVE-03", test: badMoves},
		{id: "SQS-MOVE-04", test: unknownMoveQueues},
		{id: "SQS-MOVE-05", test: listMoves},
		{id: "SQS-MOVE-06", test: moveRate},
		{id: "SQS-MOVE-07", test: cancelMove},
		{id: "SQS-MOVE-08", test: moveLosesDestination},
		{id: "SQS-MOVE-09", test: moveWithoutSource},
	}
}

// newestMove returns the newest move task of a source.
func newestMove(c *testkit.Client, arn string) Map {
	tasks := list(c.OK("ListMessageMoveTasks", Map{"SourceArn": arn}), "Results")
	if len(tasks) == 0 {
		return Map{}
	}
	return tasks[0]
}

// number returns a numeric member; -1 when it is absent or no number.
func number(m Map, member string) int {
	n, ok := m[member].(json.Number)
	if !ok {
		return -1
	}
	i, err := strconv.Atoi(n.String())
	if err != nil {
		return -1
	}
	return i
}

func movesEverything(t *testing.T, c *testkit.Client) {
	arn, dead, source := deadLetters(c, "1", "2", "3")
	second := c.CreateQueue("second", redrive("dead", 1))
	c.Send(second, "4")
	bury(c, second)
	same(t, "dead", c.Counts(dead), "4 visible, 0 in flight, 0 delayed")
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn})
	c.Advance(10 * time.Second)
	task := newestMove(c, arn)
	same(t, "status", text(task, "Status"), "COMPLETED")
	same(t, "moved", number(task, "ApproximateNumberOfMessagesMoved"), 4)
	bodies(t, "to the first source", c.Receive(source), "1", "2", "3")
	bodies(t, "to the second source", c.Receive(second), "4")
	same(t, "dead after", c.Counts(dead), "0 visible, 0 in flight, 0 delayed")

	bury(c, source)
	c.Advance(minute)
	bury(c, source)
	other := c.CreateQueue("other", nil)
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn, "DestinationArn": testkit.ARN("other")})
	c.Advance(10 * time.Second)
	bodies(t, "to a given destination", c.Receive(other), "1", "2", "3")
}

func movedIsNew(t *testing.T, c *testkit.Client) {
	c.CreateQueue("dead", nil)
	source := c.CreateQueue("source", redrive("dead", 1))
	sent := c.Send(source, "x", Map{"MessageGroupId": "g", "MessageAttributes": Map{"Hello": str("There")}})
	before := c.ReceiveOne(source)
	c.Advance(minute)
	bury(c, source)
	c.Advance(minute)
	c.OK("StartMessageMoveTask", Map{"SourceArn": testkit.ARN("dead")})
	poll := c.Poll(source)
	r, _ := poll.Wait()
	got := list(r.Result, "Messages")
	if len(got) != 1 {
		t.Fatalf("redriven: got %v, want one message", r.Result)
	}
	same(t, "body", text(got[0], "Body"), "x")
	same(t, "digest", text(got[0], "MD5OfMessageAttributes"), "a311262e065454b75da111d535b8dacd")
	system := testkit.Texts(got[0]["Attributes"])
	same(t, "group", system["MessageGroupId"], "g")
	same(t, "count", system["ApproximateReceiveCount"], "1")
	if text(got[0], "MessageId") == text(sent, "MessageId") || system["SentTimestamp"] <= before.System["SentTimestamp"] {
		t.Errorf("redriven: got %v, want a new id and a later time than %v", got[0], before)
	}
}

func badMoves(t *testing.T, c *testkit.Client) {
	arn, _, _ := deadLetters(c, "1", "2", "3")
	c.CreateQueue("plain", nil)
	c.CreateFIFO("other.fifo", nil)
	for _, row := range []struct {
		in   Map
		want string
	}{
		{Map{"SourceArn": testkit.ARN("plain")}, "Source queue must be configured as a Dead Letter Queue."},
		{Map{"SourceArn": arn, "DestinationArn": arn}, "Source queue arn and destination queue arn cannot be the same."},
		{Map{"SourceArn": arn, "DestinationArn": testkit.ARN("other.fifo")}, "The source queue and destination queue must be of the same queue type."},
		{Map{"SourceArn": "dead"}, "You must use this format to specify the SourceArn: " +
			"arn:<partition>:<service>:<region>:<account-id>:<resource-id>"},
	} {
		c.Refused("StartMessageMoveTask", row.in, badParameter, row.want)
	}
	for _, rate := range []int{0, 501, -1} {
		c.Refused("StartMessageMoveTask", Map{"SourceArn": arn, "MaxNumberOfMessagesPerSecond": rate}, badParameter,
			"Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number that's between 1 and 500.")
	}
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn, "MaxNumberOfMessagesPerSecond": 1})
	c.Refused("StartMessageMoveTask", Map{"SourceArn": arn}, badParameter,
		"There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	c.Advance(minute)
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn})
}

func unknownMoveQueues(t *testing.T, c *testkit.Client) {
	const source = "The resource that you specified for the SourceArn parameter doesn't exist."
	const destination = "The resource that you specified for the DestinationArn parameter doesn't exist."
	arn, _, _ := deadLetters(c, "x")
	c.Refused("StartMessageMoveTask", Map{"SourceArn": testkit.ARN("none")}, notFound, source)
	c.Refused("StartMessageMoveTask", Map{"SourceArn": arn, "DestinationArn": testkit.ARN("none")}, notFound, destination)
	c.Refused("ListMessageMoveTasks", Map{"SourceArn": testkit.ARN("none")}, notFound, source)
}

func listMoves(t *testing.T, c *testkit.Client) {
	arn, _, source := deadLetters(c, "1")
	same(t, "none yet", c.OK("ListMessageMoveTasks", Map{"SourceArn": arn}), Map{})
	start := int(time.Now().UnixMilli())
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn})
	c.Advance(5 * second)
	same(t, "a finished task", newestMove(c, arn), Map{
		"Status": "COMPLETED", "SourceArn": arn, "StartedTimestamp": json.Number(fmt.Sprint(start)),
		"ApproximateNumberOfMessagesMoved": json.Number("1"), "ApproximateNumberOfMessagesToMove": json.Number("1"),
	})
	c.CreateQueue("other", nil)
	for _, body := range []string{"2", "3", "4"} {
		c.Send(source, body)
	}
	bury(c, source)
	started := c.OK("StartMessageMoveTask", Map{"SourceArn": arn, "DestinationArn": testkit.ARN("other"), "MaxNumberOfMessagesPerSecond": 1})
	tasks := list(c.OK("ListMessageMoveTasks", Map{"SourceArn": arn, "MaxResults": 10}), "Results")
	same(t, "newest first", texts(tasks, "Status"), []string{"RUNNING", "COMPLETED"})
	same(t, "handle while running", text(tasks[0], "TaskHandle"), text(started, "TaskHandle"))
	same(t, "destination", texts(tasks, "DestinationArn"), []string{testkit.ARN("other"), ""})
	same(t, "rate", number(tasks[0], "MaxNumberOfMessagesPerSecond"), 1)
	same(t, "default number", len(list(c.OK("ListMessageMoveTasks", Map{"SourceArn": arn}), "Results")), 1)
	c.Advance(minute)
	same(t, "no handle once finished", has(newestMove(c, arn), "TaskHandle"), false)
	for _, n := range []int{0, 11} {
		c.Refused("ListMessageMoveTasks", Map{"SourceArn": arn, "MaxResults": n}, badParameter, "")
	}
}

func moveRate(t *testing.T, c *testkit.Client) {
	var all []string
	for n := range 20 {
		all = append(all, fmt.Sprint(n))
	}
	arn, _, _ := deadLetters(c, all...)
	other := c.CreateQueue("other", nil)
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn, "DestinationArn": testkit.ARN("other"), "MaxNumberOfMessagesPerSecond": 2})
	for s := range 15 {
		var moved int
		fmt.Sscanf(c.Counts(other), "%d visible", &moved)
		if low, high := min(2*s-2, 20), 2*s+2; moved < low || moved > high {
			t.Errorf("after %d s: %d moved, want %d to %d", s, moved, low, high)
		}
		if s == 4 {
			c.Restart() // a task goes on where it was
		}
		c.Advance(second)
	}
	got := append(testkit.Bodies(c.Receive(other)), testkit.Bodies(c.Receive(other))...)
	slices.Sort(got)
	slices.Sort(all)
	same(t, "all moved", got, all)
}

func cancelMove(t *testing.T, c *testkit.Client) {
	arn, dead, source := deadLetters(c, "1", "2", "3", "4", "5", "6", "7", "8")
	handle := text(c.OK("StartMessageMoveTask", Map{"SourceArn": arn, "MaxNumberOfMessagesPerSecond": 1}), "TaskHandle")
	c.Advance(3500 * time.Millisecond)
	moved := number(c.OK("CancelMessageMoveTask", Map{"TaskHandle": handle}), "ApproximateNumberOfMessagesMoved")
	if moved < 3 || moved > 4 {
		t.Errorf("cancel after 3.5 s at one a second: %d moved, want 3 or 4", moved)
	}
	c.Advance(minute)
	task := newestMove(c, arn)
	same(t, "status", text(task, "Status"), "CANCELLED")
	same(t, "moved messages stay", c.Counts(source), fmt.Sprintf("%d visible, 0 in flight, 0 delayed", moved))
	same(t, "the rest stays", c.Counts(dead), fmt.Sprintf("%d visible, 0 in flight, 0 delayed", 8-moved))
	c.Refused("CancelMessageMoveTask", Map{"TaskHandle": handle}, notFound, "Task does not exist.")

	forge := func(arn string) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"taskId":"6f9619ff-8b86-4011-b42d-00cf4fc964ff","sourceArn":"` + arn + `"}`))
	}
	for _, bad := range []string{"garbage", "AAAA", "!", base64.StdEncoding.EncodeToString([]byte("{}"))} {
		c.Refused("CancelMessageMoveTask", Map{"TaskHandle": bad}, badParameter, "Value for parameter TaskHandle is invalid.")
	}
	c.Refused("CancelMessageMoveTask", Map{"TaskHandle": forge(arn)}, notFound, "Task does not exist.")
	c.Refused("CancelMessageMoveTask", Map{"TaskHandle": forge(testkit.ARN("none"))}, notFound,
		"The resource that you specified for the SourceArn parameter doesn't exist.")
}

func moveLosesDestination(t *testing.T, c *testkit.Client) {
	arn, dead, _ := deadLetters(c, "1", "2", "3", "4")
	other := c.CreateQueue("other", nil)
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn, "DestinationArn": testkit.ARN("other"), "MaxNumberOfMessagesPerSecond": 1})
	c.Advance(1500 * time.Millisecond)
	c.OK("DeleteQueue", Map{"QueueUrl": other})
	c.Advance(10 * second)
	task := newestMove(c, arn)
	same(t, "status", text(task, "Status"), "FAILED")
	same(t, "reason", text(task, "FailureReason"), "AWS.SimpleQueueService.NonExistentQueue")
	left := 4 - number(task, "ApproximateNumberOfMessagesMoved")
	same(t, "the rest is where it was", c.Counts(dead), fmt.Sprintf("%d visible, 0 in flight, 0 delayed", left))
}

func moveWithoutSource(t *testing.T, c *testkit.Client) {
	arn, dead, _ := deadLetters(c)
	c.Send(dead, "straight")
	c.OK("StartMessageMoveTask", Map{"SourceArn": arn})
	c.Advance(10 * second)
	task := newestMove(c, arn)
	same(t, "status", text(task, "Status"), "FAILED")
	same(t, "reason", text(task, "FailureReason"), "CouldNotDetermineMessageSource")
	bodies(t, "the message stays", c.Receive(dead), "straight")
}
