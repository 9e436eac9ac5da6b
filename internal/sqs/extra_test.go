package sqs

import (
	"encoding/json"
	"encoding/xml"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/queue"
)

// peeked is what the service shows in these tests.
func peeked() *queue.PeekOutput {
	return &queue.PeekOutput{Messages: []queue.PeekedMessage{{
		ReceivedMessage: queue.ReceivedMessage{Sequence: 5, Receives: 2, First: 2000, Message: &queue.Message{
			Body: []byte("a"), BodyMD5: sum("a"), Sent: 1000, SenderID: "me", Size: 10, AttributesMD5: sum("x"),
			Attributes: []queue.MessageAttribute{{Name: "n", DataType: "Number", Kind: queue.KindString, Value: []byte("1")}},
		}},
		State: queue.PeekInFlight, Until: 3000,
	}, {
		ReceivedMessage: queue.ReceivedMessage{Sequence: 6, Message: &queue.Message{Body: []byte("b"), BodyMD5: sum("b")}},
		State:           queue.PeekVisible,
	}}}
}

func TestPeek(t *testing.T) {
	f := &fake{out: peeked()}
	got := send(newFront(f), httptest.NewRequest("GET", "/forebay/v1/queues/orders/messages?max=2&after=00000000000000000004", nil))
	if diff := cmp.Diff(&queue.PeekInput{Queue: queue.Ref{Name: "orders"}, Max: 2, After: 4}, f.in); diff != "" {
		t.Errorf("the service was asked (-want +got):\n%s", diff)
	}
	want := `{"fifo":false,"messages":[{"sequence":"00000000000000000005","id":"` + zeroID + `","state":"in_flight","visibleAt":3000,"sentAt":1000,` +
		`"firstReceivedAt":2000,"receives":2,"bytes":10,"md5":"0cc175b9c0f1b6a831c399e269772661","body":"a",` +
		`"systemAttributes":{"SenderId":"me","SentTimestamp":"1000","ApproximateReceiveCount":"2","ApproximateFirstReceiveTimestamp":"2000"},` +
		`"messageAttributes":{"n":{"StringValue":"1","DataType":"Number"}}},{"sequence":"00000000000000000006","id":"` + zeroID + `","state":"visible",` +
		`"sentAt":0,"receives":0,"bytes":0,"md5":"92eb5ffee6ae2fec3ad71c777531578f","body":"b","systemAttributes":{"ApproximateReceiveCount":"0"}}]}`
	if got.status != 200 || got.body != want {
		t.Errorf("answer = %d %s\nwant %s", got.status, got.body, want)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type = %q", ct)
	}
}

func TestPeekRefuses(t *testing.T) {
	for _, query := range []string{"max=x", "after=-1", "max=1.5"} {
		f := &fake{}
		got := send(newFront(f), httptest.NewRequest("GET", "/forebay/v1/queues/orders/messages?"+query, nil))
		got.fails(t, 400, "InvalidParameterValue")
		if f.calls != 0 || !strings.HasPrefix(got.body, `{"__type"`) {
			t.Errorf("%s: %d calls, answer %s", query, f.calls, got.body)
		}
	}
	got := send(newFront(&fake{}), httptest.NewRequest("GET", "/forebay/v1/queues/a/b/messages", nil))
	if got.status != 404 {
		t.Errorf("a name with a slash is answered %d", got.status)
	}
	send(newFront(&fake{err: queue.MissingQueue("orders")}), httptest.NewRequest("GET", "/forebay/v1/queues/orders/messages", nil)).
		fails(t, 400, "AWS.SimpleQueueService.NonExistentQueue")
}

func TestLocalStackMessages(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		f := &fake{out: peeked()}
		const params = "QueueUrl=http://localhost:4566/000000000000/orders"
		r := httptest.NewRequest("GET", localStackPath+"?"+params, nil)
		if method == "POST" {
			r = httptest.NewRequest("POST", localStackPath, strings.NewReader(params))
		}
		got := send(newFront(f), r)
		if in, ok := f.in.(*queue.PeekInput); !ok || in.Queue != orders {
			t.Errorf("the service was asked %+v", f.in)
		}
		var doc struct {
			XMLName  xml.Name `xml:"ReceiveMessageResponse"`
			Bodies   []string `xml:"ReceiveMessageResult>Message>Body"`
			Receipts []string `xml:"ReceiveMessageResult>Message>ReceiptHandle"`
		}
		if err := xml.Unmarshal([]byte(got.body), &doc); err != nil || strings.Join(doc.Bodies, "") != "ab" || doc.Receipts[0] != localStackReceipt {
			t.Errorf("%s: %v, answer %s", method, err, got.body)
		}
	}
}

func TestLocalStackMessagesInJSON(t *testing.T) {
	r := httptest.NewRequest("GET", localStackPath+"?QueueUrl=orders", nil)
	r.Header.Set("Accept", "application/json")
	got := send(newFront(&fake{out: peeked()}), r)
	type pair struct{ Name, Value string }
	var doc struct {
		ReceiveMessageResponse struct {
			ReceiveMessageResult struct {
				Message []struct {
					Body             string
					Attribute        []pair
					MessageAttribute []struct {
						Name  string
						Value struct{ StringValue, DataType string }
					}
				}
			}
			ResponseMetadata struct{ RequestId string }
		}
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	messages := doc.ReceiveMessageResponse.ReceiveMessageResult.Message
	if len(messages) != 2 || messages[0].Attribute[0] != (pair{"SenderId", "me"}) || messages[0].MessageAttribute[0].Value.StringValue != "1" {
		t.Errorf("answer = %s", got.body)
	}
	if doc.ReceiveMessageResponse.ResponseMetadata.RequestId == "" {
		t.Errorf("no request id: %s", got.body)
	}
}

func TestCallerIdentity(t *testing.T) {
	f := &fake{}
	got := sendQuery(newFront(f), "/", "Action=GetCallerIdentity&Version=2011-06-15")
	want := `<?xml version="1.0"?><GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<Arn>arn:aws:iam::000000000000:root</Arn><UserId>000000000000</UserId><Account>000000000000</Account></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>` + got.header.Get("X-Amzn-Requestid") + `</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
	if got.status != 200 || got.body != want || f.calls != 0 {
		t.Errorf("answer = %d %s\nwant %s", got.status, got.body, want)
	}
}

func TestTheNameOfAConsumerIsPassedOn(t *testing.T) {
	for _, name := range []string{"worker-1", ""} {
		f := &fake{}
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{`+ordersURL+`}`))
		r.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage")
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("x-forebay-consumer", name)
		send(newFront(f), r)
		if in, ok := f.in.(*queue.ReceiveMessageInput); !ok || in.Consumer != name || !in.ConsumerSet {
			t.Errorf("consumer %q: the service was asked %+v", name, f.in)
		}
	}
	f := &fake{}
	sendJSON(newFront(f), "ReceiveMessage", `{`+ordersURL+`}`)
	if in := f.in.(*queue.ReceiveMessageInput); in.ConsumerSet {
		t.Errorf("without the header: the service was asked %+v", in)
	}
}
