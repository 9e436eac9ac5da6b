package sqs

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// The members of all requests, by kind. A kind says how the member is written in each form.
var requestMembers = map[string]string{
	"CreateQueue":                  "QueueName:text Attributes:map/Attribute/Name tags:map/Tag/Key",
	"DeleteQueue":                  "QueueUrl:text",
	"ListQueues":                   "QueueNamePrefix:text MaxResults:int NextToken:text",
	"GetQueueUrl":                  "QueueName:text QueueOwnerAWSAccountId:text",
	"GetQueueAttributes":           "QueueUrl:text AttributeNames:list/AttributeName",
	"SetQueueAttributes":           "QueueUrl:text Attributes:map/Attribute/Name",
	"PurgeQueue":                   "QueueUrl:text",
	"TagQueue":                     "QueueUrl:text Tags:map/Tag/Key",
	"UntagQueue":                   "QueueUrl:text TagKeys:list/TagKey",
	"ListQueueTags":                "QueueUrl:text",
	"ListDeadLetterSourceQueues":   "QueueUrl:text MaxResults:int NextToken:text",
	"AddPermission":                "QueueUrl:text Label:text AWSAccountIds:list/AWSAccountId Actions:list/ActionName",
	"RemovePermission":             "QueueUrl:text Label:text",
	"SendMessage":                  "QueueUrl:text " + draftMembers,
	"SendMessageBatch":             "QueueUrl:text Entries:entries/SendMessageBatchRequestEntry",
	"ReceiveMessage":               "QueueUrl:text AttributeNames:list/AttributeName MessageSystemAttributeNames:list/MessageSystemAttributeName MessageAttributeNames:list/MessageAttributeName MaxNumberOfMessages:int VisibilityTimeout:int WaitTimeSeconds:int ReceiveRequestAttemptId:text",
	"DeleteMessage":                "QueueUrl:text ReceiptHandle:text",
	"DeleteMessageBatch":           "QueueUrl:text Entries:entries/DeleteMessageBatchRequestEntry",
	"ChangeMessageVisibility":      "QueueUrl:text ReceiptHandle:text VisibilityTimeout:int",
	"ChangeMessageVisibilityBatch": "QueueUrl:text Entries:entries/ChangeMessageVisibilityBatchRequestEntry",
	"StartMessageMoveTask":         "SourceArn:text DestinationArn:text MaxNumberOfMessagesPerSecond:int",
	"CancelMessageMoveTask":        "TaskHandle:text",
	"ListMessageMoveTasks":         "SourceArn:text MaxResults:int",
}

const draftMembers = "MessageBody:text DelaySeconds:int MessageAttributes:attributes/MessageAttribute MessageSystemAttributes:attributes/MessageSystemAttribute MessageGroupId:text MessageDeduplicationId:text"

var entryMembers = map[string]string{
	"SendMessageBatchRequestEntry":             "Id:text " + draftMembers,
	"DeleteMessageBatchRequestEntry":           "Id:text ReceiptHandle:text",
	"ChangeMessageVisibilityBatchRequestEntry": "Id:text ReceiptHandle:text VisibilityTimeout:int",
}

// twin writes one request in both forms.
type twin struct {
	t    *rapid.T
	json awsjson.Writer
	form strings.Builder
}

func (w *twin) param(name, value string) {
	w.form.WriteString("&" + url.QueryEscape(name) + "=" + url.QueryEscape(value))
}

// structure writes members, each of them perhaps, under a prefix of the form.
func (w *twin) structure(prefix, members string) {
	w.json.Open('{')
	for _, m := range rapid.Permutation(strings.Fields(members)).Draw(w.t, "order") {
		if rapid.Bool().Draw(w.t, "given") {
			name, kind, _ := strings.Cut(m, ":")
			w.member(prefix, name, strings.Split(kind, "/"))
		}
	}
	w.json.Close('}')
}

func (w *twin) member(prefix, name string, kind []string) {
	w.json.Key(name)
	switch kind[0] {
	case "text":
		w.text(prefix + name)
	case "int":
		n := rapid.Int64().Draw(w.t, name)
		w.json.Int(n)
		w.param(prefix+name, fmt.Sprint(n))
	case "list":
		w.json.Open('[')
		for i := range rapid.IntRange(0, 12).Draw(w.t, "length") {
			w.text(fmt.Sprintf("%s%s.%d", prefix, kind[1], i+1))
		}
		w.json.Close(']')
	case "map":
		w.json.Open('{')
		w.keys(prefix+kind[1], kind[2], func(path string) { w.text(path + ".Value") })
		w.json.Close('}')
	case "attributes":
		w.json.Open('{')
		w.keys(prefix+kind[1], "Name", func(path string) {
			w.structure(path+".Value.", "DataType:text StringValue:text BinaryValue:blob StringListValues:list/StringListValue")
		})
		w.json.Close('}')
	case "entries":
		w.json.Open('[')
		for i := range rapid.IntRange(0, 3).Draw(w.t, "length") {
			path := fmt.Sprintf("%s%s.%d.", prefix, kind[1], i+1)
			w.param(path+"Unknown", "") // else an entry without members leaves no trace in a form
			w.structure(path, entryMembers[kind[1]])
		}
		w.json.Close(']')
	case "blob":
		b := rapid.SliceOf(rapid.Byte()).Draw(w.t, name)
		w.json.Blob(b)
		w.param(prefix+name, base64.StdEncoding.EncodeToString(b))
	}
}

// keys writes the keys of a map, and has the values written.
func (w *twin) keys(path, key string, value func(path string)) {
	for i, k := range rapid.SliceOfNDistinct(rapid.String(), 0, 4, rapid.ID).Draw(w.t, "keys") {
		entry := fmt.Sprintf("%s.%d", path, i+1)
		w.json.Key(k)
		w.param(entry+"."+key, k)
		value(entry)
	}
}

func (w *twin) text(param string) {
	s := rapid.String().Draw(w.t, param)
	w.json.Text(s)
	w.param(param, s)
}

// TestBothFormsDecodeAlike sends random requests in both forms: the service must be asked the same, or both
// must be refused with the same code.
func TestBothFormsDecodeAlike(t *testing.T) {
	if len(requestMembers) != len(actions) {
		t.Fatalf("%d requests are described, there are %d actions", len(requestMembers), len(actions))
	}
	names := slices.Sorted(maps.Keys(actions))
	rapid.Check(t, func(t *rapid.T) {
		action := rapid.SampledFrom(names).Draw(t, "action")
		w := &twin{t: t}
		w.structure("", requestMembers[action])
		form := "Action=" + action + w.form.String()

		inJSON, inQuery := &fake{}, &fake{}
		a := sendJSON(newFront(inJSON), action, string(w.json.Buf))
		b := sendQuery(newFront(inQuery), "/", form)
		const code = "X-Amzn-Query-Error"
		if a.status != b.status || a.header.Get(code) != b.header.Get(code) {
			t.Fatalf("JSON %s is answered %d %s\nQuery %s is answered %d %s", w.json.Buf, a.status, a.body, form, b.status, b.body)
		}
		if diff := cmp.Diff(inJSON.in, inQuery.in); diff != "" {
			t.Fatalf("%s\n%s\n(-JSON +Query):\n%s", w.json.Buf, form, diff)
		}
	})
}
