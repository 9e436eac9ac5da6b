package sqs

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/queue"
)

// actionCase is one action in both forms: two requests that mean the same, and one result written twice.
type actionCase struct {
	name   string // the action, and behind a blank what is special
	json   string // request
	query  []string
	asked  any // of the service
	answer any // of the service; nil for an action without result

	wantJSON string
	wantXML  string // of the Result element; empty for an action without result
}

func (c actionCase) action() string {
	action, _, _ := strings.Cut(c.name, " ")
	return action
}

// form returns the parameters of the Query request, escaped.
func (c actionCase) form() string {
	form := "Action=" + c.action() + "&Version=2012-11-05"
	for _, pair := range c.query {
		key, value, _ := strings.Cut(pair, "=")
		form += "&" + url.QueryEscape(key) + "=" + url.QueryEscape(value)
	}
	return form
}

func actionCases() []actionCase {
	cases := append(queueCases(), settingCases()...)
	cases = append(cases, sendCases()...)
	cases = append(cases, receiveCases()...)
	return append(cases, moveCases()...)
}

func TestActions(t *testing.T) {
	tested := make(map[string]bool)
	for _, c := range actionCases() {
		tested[c.action()] = true
		t.Run(c.name+" in JSON", func(t *testing.T) {
			f := &fake{out: c.answer}
			got := sendJSON(newFront(f), c.action(), c.json)
			checkAsked(t, f, c, got)
			if got.body != c.wantJSON {
				t.Errorf("answer = %s\nwant     %s", got.body, c.wantJSON)
			}
		})
		t.Run(c.name+" in Query", func(t *testing.T) {
			f := &fake{out: c.answer}
			got := sendQuery(newFront(f), "/", c.form())
			checkAsked(t, f, c, got)
			want := `<?xml version="1.0"?><` + c.action() + `Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">`
			if c.wantXML != "" {
				want += c.wantXML
			}
			id := got.header.Get("X-Amzn-Requestid")
			want += "<ResponseMetadata><RequestId>" + id + "</RequestId></ResponseMetadata></" + c.action() + "Response>"
			if got.body != want {
				t.Errorf("answer = %s\nwant     %s", got.body, want)
			}
		})
	}
	for name := range actions {
		if !tested[name] {
			t.Errorf("%s has no case", name)
		}
	}
}

// checkAsked checks what the service was asked, and the answer's head.
func checkAsked(t *testing.T, f *fake, c actionCase, got answered) {
	t.Helper()
	if got.status != 200 {
		t.Fatalf("status = %d, body %s", got.status, got.body)
	}
	if diff := cmp.Diff(c.asked, f.in); diff != "" {
		t.Errorf("the service was asked (-want +got):\n%s", diff)
	}
}

// orders is the queue of these tests, and ordersURL how it is named in requests.
var orders = queue.Ref{Account: account, Name: "orders"}

const (
	ordersURL   = `"QueueUrl":"http://localhost:4566/000000000000/orders"`
	ordersParam = "QueueUrl=http://localhost:4566/000000000000/orders"
)

func queueCases() []actionCase {
	url := "http://localhost:4566/000000000000/orders"
	return []actionCase{{
		name:     "CreateQueue",
		json:     `{"QueueName":"orders","Attributes":{"DelaySeconds":"5","VisibilityTimeout":30},"tags":{"team":"a b"}}`,
		query:    []string{"QueueName=orders", "Attribute.2.Name=VisibilityTimeout", "Attribute.2.Value=30", "Attribute.1.Name=DelaySeconds", "Attribute.1.Value=5", "Tag.1.Key=team", "Tag.1.Value=a b"},
		asked:    &queue.CreateQueueInput{Name: "orders", Attributes: map[string]string{"DelaySeconds": "5", "VisibilityTimeout": "30"}, Tags: map[string]string{"team": "a b"}},
		answer:   &queue.CreateQueueOutput{Queue: orders},
		wantJSON: `{"QueueUrl":"` + url + `"}`,
		wantXML:  "<CreateQueueResult><QueueUrl>" + url + "</QueueUrl></CreateQueueResult>",
	}, {
		name:     "GetQueueUrl",
		json:     `{"QueueName":"orders","QueueOwnerAWSAccountId":"000000000000"}`,
		query:    []string{"QueueName=orders", "QueueOwnerAWSAccountId=000000000000"},
		asked:    &queue.GetQueueURLInput{Name: "orders", OwnerAccount: account},
		answer:   &queue.GetQueueURLOutput{Queue: queue.Ref{Name: "orders"}},
		wantJSON: `{"QueueUrl":"` + url + `"}`,
		wantXML:  "<GetQueueUrlResult><QueueUrl>" + url + "</QueueUrl></GetQueueUrlResult>",
	}, {
		name:  "DeleteQueue",
		json:  `{` + ordersURL + `}`,
		query: []string{ordersParam},
		asked: &queue.DeleteQueueInput{Queue: orders},
	}, {
		name:  "PurgeQueue",
		json:  `{` + ordersURL + `}`,
		query: []string{ordersParam},
		asked: &queue.PurgeQueueInput{Queue: orders},
	}, {
		name:     "ListQueues a page",
		json:     `{"QueueNamePrefix":"o","MaxResults":2,"NextToken":"t1"}`,
		query:    []string{"QueueNamePrefix=o", "MaxResults=2", "NextToken=t1"},
		asked:    &queue.ListQueuesInput{Prefix: "o", MaxResults: queue.IntOf(2), NextToken: "t1"},
		answer:   &queue.ListQueuesOutput{Queues: []queue.Ref{orders, {Name: "others"}}, NextToken: "t2"},
		wantJSON: `{"QueueUrls":["` + url + `","http://localhost:4566/000000000000/others"],"NextToken":"t2"}`,
		wantXML:  "<ListQueuesResult><QueueUrl>" + url + "</QueueUrl><QueueUrl>http://localhost:4566/000000000000/others</QueueUrl><NextToken>t2</NextToken></ListQueuesResult>",
	}, {
		name:     "ListQueues without any",
		json:     `{}`,
		asked:    &queue.ListQueuesInput{},
		answer:   &queue.ListQueuesOutput{},
		wantJSON: `{}`,
		wantXML:  "<ListQueuesResult/>",
	}, {
		name:     "ListDeadLetterSourceQueues",
		json:     `{` + ordersURL + `,"MaxResults":"10","NextToken":"t"}`,
		query:    []string{ordersParam, "MaxResults=10", "NextToken=t"},
		asked:    &queue.ListDeadLetterSourceQueuesInput{Queue: orders, MaxResults: queue.IntOf(10), NextToken: "t"},
		answer:   &queue.ListQueuesOutput{Queues: []queue.Ref{orders}},
		wantJSON: `{"queueUrls":["` + url + `"]}`,
		wantXML:  "<ListDeadLetterSourceQueuesResult><QueueUrl>" + url + "</QueueUrl></ListDeadLetterSourceQueuesResult>",
	}}
}

func settingCases() []actionCase {
	return []actionCase{{
		name:     "GetQueueAttributes",
		json:     `{` + ordersURL + `,"AttributeNames":["All","Policy"]}`,
		query:    []string{ordersParam, "AttributeName.10=Policy", "AttributeName.2=All"},
		asked:    &queue.GetQueueAttributesInput{Queue: orders, Names: []string{"All", "Policy"}},
		answer:   &queue.GetQueueAttributesOutput{Attributes: map[string]string{"Policy": `{"a":"<b>"}`, "DelaySeconds": "0"}},
		wantJSON: `{"Attributes":{"DelaySeconds":"0","Policy":"{\"a\":\"<b>\"}"}}`,
		wantXML: "<GetQueueAttributesResult><Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>" +
			"<Attribute><Name>Policy</Name><Value>{&quot;a&quot;:&quot;&lt;b&gt;&quot;}</Value></Attribute></GetQueueAttributesResult>",
	}, {
		name:  "SetQueueAttributes",
		json:  `{` + ordersURL + `,"Attributes":{"Policy":"","KmsMasterKeyId":null,"SqsManagedSseEnabled":true}}`,
		query: []string{ordersParam, "Attribute.1.Name=Policy", "Attribute.1.Value=", "Attribute.3.Name=SqsManagedSseEnabled", "Attribute.3.Value=true"},
		asked: &queue.SetQueueAttributesInput{Queue: orders, Attributes: map[string]string{"Policy": "", "SqsManagedSseEnabled": "true"}},
	}, {
		name:  "SetQueueAttributes with one that is not numbered",
		json:  `{` + ordersURL + `,"Attributes":{"DelaySeconds":"1"}}`,
		query: []string{ordersParam, "Attribute.Name=DelaySeconds", "Attribute.Value=1"},
		asked: &queue.SetQueueAttributesInput{Queue: orders, Attributes: map[string]string{"DelaySeconds": "1"}},
	}, {
		name:  "TagQueue",
		json:  `{` + ordersURL + `,"Tags":{"k":"","é":"v"}}`,
		query: []string{ordersParam, "Tag.1.Key=k", "Tag.1.Value=", "Tag.2.Key=é", "Tag.2.Value=v"},
		asked: &queue.TagQueueInput{Queue: orders, Tags: map[string]string{"k": "", "é": "v"}},
	}, {
		name:  "TagQueue with the plural",
		json:  `{` + ordersURL + `,"Tags":{"k":"v"}}`,
		query: []string{ordersParam, "Tags.1.Key=k", "Tags.1.Value=v"},
		asked: &queue.TagQueueInput{Queue: orders, Tags: map[string]string{"k": "v"}},
	}, {
		name:  "UntagQueue",
		json:  `{` + ordersURL + `,"TagKeys":["k","l"]}`,
		query: []string{ordersParam, "TagKey.1=k", "TagKey.2=l"},
		asked: &queue.UntagQueueInput{Queue: orders, Keys: []string{"k", "l"}},
	}, {
		name:     "ListQueueTags",
		json:     `{` + ordersURL + `}`,
		query:    []string{ordersParam},
		asked:    &queue.ListQueueTagsInput{Queue: orders},
		answer:   &queue.ListQueueTagsOutput{Tags: map[string]string{"k": ""}},
		wantJSON: `{"Tags":{"k":""}}`,
		wantXML:  "<ListQueueTagsResult><Tag><Key>k</Key><Value/></Tag></ListQueueTagsResult>",
	}, {
		name:     "ListQueueTags without any",
		json:     `{` + ordersURL + `}`,
		query:    []string{ordersParam},
		asked:    &queue.ListQueueTagsInput{Queue: orders},
		answer:   &queue.ListQueueTagsOutput{},
		wantJSON: `{}`,
		wantXML:  "<ListQueueTagsResult/>",
	}, {
		name:  "AddPermission",
		json:  `{` + ordersURL + `,"Label":"l","AWSAccountIds":["111122223333"],"Actions":["SendMessage","ReceiveMessage"]}`,
		query: []string{ordersParam, "Label=l", "AWSAccountId.1=111122223333", "ActionName.1=SendMessage", "ActionName.2=ReceiveMessage"},
		asked: &queue.AddPermissionInput{Queue: orders, Label: "l", Accounts: []string{"111122223333"}, Actions: []string{"SendMessage", "ReceiveMessage"}},
	}, {
		name:  "RemovePermission",
		json:  `{` + ordersURL + `,"Label":"l"}`,
		query: []string{ordersParam, "Label=l"},
		asked: &queue.RemovePermissionInput{Queue: orders, Label: "l"},
	}}
}

func moveCases() []actionCase {
	const arn = "arn:aws:sqs:us-east-1:000000000000:dead"
	return []actionCase{{
		name:     "StartMessageMoveTask",
		json:     `{"SourceArn":"` + arn + `","DestinationArn":"d","MaxNumberOfMessagesPerSecond":50}`,
		query:    []string{"SourceArn=" + arn, "DestinationArn=d", "MaxNumberOfMessagesPerSecond=50"},
		asked:    &queue.StartMessageMoveTaskInput{SourceARN: arn, DestinationARN: "d", Rate: queue.IntOf(50)},
		answer:   &queue.StartMessageMoveTaskOutput{TaskHandle: "h"},
		wantJSON: `{"TaskHandle":"h"}`,
		wantXML:  "<StartMessageMoveTaskResult><TaskHandle>h</TaskHandle></StartMessageMoveTaskResult>",
	}, {
		name:     "CancelMessageMoveTask",
		json:     `{"TaskHandle":"h"}`,
		query:    []string{"TaskHandle=h"},
		asked:    &queue.CancelMessageMoveTaskInput{TaskHandle: "h"},
		answer:   &queue.CancelMessageMoveTaskOutput{},
		wantJSON: `{"ApproximateNumberOfMessagesMoved":0}`,
		wantXML:  "<CancelMessageMoveTaskResult><ApproximateNumberOfMessagesMoved>0</ApproximateNumberOfMessagesMoved></CancelMessageMoveTaskResult>",
	}, {
		name:  "ListMessageMoveTasks",
		json:  `{"SourceArn":"` + arn + `","MaxResults":2}`,
		query: []string{"SourceArn=" + arn, "MaxResults=2"},
		asked: &queue.ListMessageMoveTasksInput{SourceARN: arn, MaxResults: queue.IntOf(2)},
		answer: &queue.ListMessageMoveTasksOutput{Tasks: []queue.MoveTask{
			{Handle: "h", Status: queue.MoveRunning, SourceARN: arn, Moved: 1, ToMove: 3, Started: 1700000000123},
			{Status: queue.MoveFailed, SourceARN: arn, DestinationARN: "d", Rate: 5, FailureReason: "gone", Started: 1},
		}},
		wantJSON: `{"Results":[{"TaskHandle":"h","Status":"RUNNING","SourceArn":"` + arn + `","ApproximateNumberOfMessagesMoved":1,` +
			`"ApproximateNumberOfMessagesToMove":3,"StartedTimestamp":1700000000123},{"Status":"FAILED","SourceArn":"` + arn + `",` +
			`"DestinationArn":"d","MaxNumberOfMessagesPerSecond":5,"ApproximateNumberOfMessagesMoved":0,"ApproximateNumberOfMessagesToMove":0,` +
			`"FailureReason":"gone","StartedTimestamp":1}]}`,
		wantXML: "<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry><TaskHandle>h</TaskHandle><Status>RUNNING</Status>" +
			"<SourceArn>" + arn + "</SourceArn><ApproximateNumberOfMessagesMoved>1</ApproximateNumberOfMessagesMoved>" +
			"<ApproximateNumberOfMessagesToMove>3</ApproximateNumberOfMessagesToMove><StartedTimestamp>1700000000123</StartedTimestamp>" +
			"</ListMessageMoveTasksResultEntry><ListMessageMoveTasksResultEntry><Status>FAILED</Status><SourceArn>" + arn + "</SourceArn>" +
			"<DestinationArn>d</DestinationArn><MaxNumberOfMessagesPerSecond>5</MaxNumberOfMessagesPerSecond>" +
			"<ApproximateNumberOfMessagesMoved>0</ApproximateNumberOfMessagesMoved><ApproximateNumberOfMessagesToMove>0</ApproximateNumberOfMessagesToMove>" +
			"<FailureReason>gone</FailureReason><StartedTimestamp>1</StartedTimestamp></ListMessageMoveTasksResultEntry></ListMessageMoveTasksResult>",
	}}
}
