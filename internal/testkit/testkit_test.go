package testkit

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFlatten(t *testing.T) {
	for _, row := range []struct {
		name, action string
		in           Map
		want         string
	}{
		{"scalars", "ReceiveMessage", Map{"QueueUrl": "q", "WaitTimeSeconds": 5}, "QueueUrl=q&WaitTimeSeconds=5"},
		{"absent members", "ListQueues", Map{"NextToken": nil}, ""},
		{"attributes in key order", "CreateQueue", Map{"Attributes": Map{"b": "2", "a": "1"}},
			"Attribute.1.Name=a&Attribute.1.Value=1&Attribute.2.Name=b&Attribute.2.Value=2"},
		{"tags", "TagQueue", Map{"Tags": Map{"k": "v"}}, "Tag.1.Key=k&Tag.1.Value=v"},
		{"lists", "AddPermission", Map{"AWSAccountIds": List{"1", "2"}, "Actions": List{"*"}},
			"AWSAccountId.1=1&AWSAccountId.2=2&ActionName.1=*"},
		{"blobs", "SendMessage", Map{"MessageAttributes": Map{"b": Map{"DataType": "Binary", "BinaryValue": []byte{1, 2, 3}}}},
			"MessageAttribute.1.Name=b&MessageAttribute.1.Value.BinaryValue=AQID&MessageAttribute.1.Value.DataType=Binary"},
		{"entries", "DeleteMessageBatch", Map{"Entries": List{Map{"Id": "a", "ReceiptHandle": "h"}}},
			"DeleteMessageBatchRequestEntry.1.Id=a&DeleteMessageBatchRequestEntry.1.ReceiptHandle=h"},
	} {
		t.Run(row.name, func(t *testing.T) {
			want, err := url.ParseQuery(row.want)
			if err != nil {
				t.Fatal(err)
			}
			want.Set("Action", row.action)
			want.Set("Version", "2012-11-05")
			if diff := cmp.Diff(want, Flatten(row.action, row.in)); diff != "" {
				t.Errorf("Flatten(%s, %v): -want +got:\n%s", row.action, row.in, diff)
			}
		})
	}
}

func TestAnswersReadAlike(t *testing.T) {
	for _, row := range []struct{ name, action, xml, json string }{
		{"a queue's URL", "CreateQueue", `<QueueUrl>u</QueueUrl>`, `{"QueueUrl":"u"}`},
		{"a list of URLs", "ListQueues", `<QueueUrl>u</QueueUrl><QueueUrl>v</QueueUrl><NextToken>t</NextToken>`,
			`{"QueueUrls":["u","v"],"NextToken":"t"}`},
		{"attributes", "GetQueueAttributes", `<Attribute><Name>a</Name><Value>1</Value></Attribute>`, `{"Attributes":{"a":"1"}}`},
		{"messages", "ReceiveMessage", `<Message><Body>b&#xD;</Body><MessageAttribute><Name>n</Name><Value><StringValue>v</StringValue>` +
			`<DataType>String</DataType></Value></MessageAttribute></Message>`,
			`{"Messages":[{"Body":"b\r","MessageAttributes":{"n":{"StringValue":"v","DataType":"String"}}}]}`},
		{"a batch", "DeleteMessageBatch", `<DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>` +
			`<BatchResultErrorEntry><Id>b</Id><Message>m</Message><SenderFault>true</SenderFault></BatchResultErrorEntry>`,
			`{"Successful":[{"Id":"a"}],"Failed":[{"Id":"b","Message":"m","SenderFault":true}]}`},
		{"numbers", "CancelMessageMoveTask", `<ApproximateNumberOfMessagesMoved>3</ApproximateNumberOfMessagesMoved>`,
			`{"ApproximateNumberOfMessagesMoved":3}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, got, err := decodeXML(row.action, []byte("<R><"+row.action+"Result>"+row.xml+"</"+row.action+"Result></R>"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := decodeJSON([]byte(row.json))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decodeXML(%s): -want +got:\n%s", row.xml, diff)
			}
		})
	}
}

func TestEmptyMembersAreNoticed(t *testing.T) {
	for _, body := range []string{`{"a":null}`, `{"a":[]}`, `{"a":{}}`, `{"a":[{"b":[]}]}`} {
		var v Map
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if checkFull("$", v) == nil {
			t.Errorf("checkFull(%s): no error", body)
		}
	}
	if err := checkFull("$", Map{}); err != nil {
		t.Errorf("checkFull({}): %v", err)
	}
}

func TestTimeIsVirtual(t *testing.T) {
	Run(t, Options{}, func(t *testing.T, k *Kit) {
		began := time.Now()
		c := k.Client(JSON)
		url := c.CreateQueue("q", nil)
		c.Send(url, "x")
		c.Receive(url, Map{"VisibilityTimeout": 12 * 60 * 60})
		if took := time.Since(began); took != 0 {
			t.Errorf("three calls took %v of virtual time, want none", took)
		}
		k.Advance(12*time.Hour - time.Millisecond)
		if got := c.Counts(url); got != "0 visible, 1 in flight, 0 delayed" {
			t.Errorf("just before 12 hours: got %s", got)
		}
		k.Advance(time.Millisecond)
		if got := c.Counts(url); got != "1 visible, 0 in flight, 0 delayed" {
			t.Errorf("after 12 hours: got %s", got)
		}
	})
}

func TestACrashKeepsWhatWasAnswered(t *testing.T) {
	Run(t, Options{}, func(t *testing.T, k *Kit) {
		c := k.Client(Query)
		url := c.CreateQueue("q", nil)
		c.Send(url, "kept")
		for range 3 {
			k.Crash()
		}
		if diff := cmp.Diff([]string{"kept"}, Bodies(c.Receive(url))); diff != "" {
			t.Errorf("after three crashes: -want +got:\n%s", diff)
		}
	})
}
