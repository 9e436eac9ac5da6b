package sqs

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// BenchmarkFront measures what the front adds to net/http: reading the request, and writing the answer.
func BenchmarkFront(b *testing.B) {
	body := strings.Repeat("{\"order\": 12345} ", 61)[:1024]
	quoted := strconv.Quote(body)
	var entries, form strings.Builder
	var sent queue.SendMessageBatchOutput
	var received queue.ReceiveMessageOutput
	receipt := base64.StdEncoding.EncodeToString(make([]byte, 96))
	for i := range 10 {
		n := strconv.Itoa(i + 1)
		entries.WriteString(`,{"Id":"` + n + `","MessageBody":` + quoted + `}`)
		form.WriteString("&SendMessageBatchRequestEntry." + n + ".Id=" + n + "&SendMessageBatchRequestEntry." + n + ".MessageBody=" + url.QueryEscape(body))
		sent.Successful = append(sent.Successful, queue.SentEntry{EntryID: n, Sent: queue.Sent{BodyMD5: sum(body)}})
		received.Messages = append(received.Messages, queue.ReceivedMessage{Receipt: receipt, Receives: 1, Shown: queue.SystemReceiveCount,
			Message: &queue.Message{Body: []byte(body), BodyMD5: sum(body)}})
	}
	const queueURL = "&QueueUrl=http%3A%2F%2Flocalhost%3A4566%2F000000000000%2Forders"
	for _, bench := range []struct {
		name, action, json, form string
		out                      any
	}{
		{"send one KiB", "SendMessage", `{` + ordersURL + `,"MessageBody":` + quoted + `}`, queueURL + "&MessageBody=" + url.QueryEscape(body), &queue.SendMessageOutput{}},
		{"send ten of one KiB", "SendMessageBatch", `{` + ordersURL + `,"Entries":[` + entries.String()[1:] + `]}`, queueURL + form.String(), &sent},
		{"receive ten of one KiB", "ReceiveMessage", `{` + ordersURL + `,"MaxNumberOfMessages":10}`, queueURL + "&MaxNumberOfMessages=10", &received},
		{"delete one", "DeleteMessage", `{` + ordersURL + `,"ReceiptHandle":"` + receipt + `"}`, queueURL + "&ReceiptHandle=" + url.QueryEscape(receipt), nil},
	} {
		h := newFront(&fake{out: bench.out})
		b.Run("JSON/"+bench.name, func(b *testing.B) { benchmark(b, h, "AmazonSQS."+bench.action, bench.json) })
		b.Run("Query/"+bench.name, func(b *testing.B) { benchmark(b, h, "", "Action="+bench.action+bench.form) })
	}
}

// discard is a response that goes nowhere.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

func (d *discard) SetReadDeadline(time.Time) error  { return nil }
func (d *discard) SetWriteDeadline(time.Time) error { return nil }

// resting is a body that can be read again.
type resting struct{ strings.Reader }

func (*resting) Close() error { return nil }

func benchmark(b *testing.B, h http.Handler, target, body string) {
	content := &resting{}
	r := httptest.NewRequest("POST", "/", nil)
	r.Body, r.ContentLength = content, int64(len(body))
	setUnlessEmpty(r.Header, "X-Amz-Target", target)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		content.Reset(body)
		h.ServeHTTP(w, r)
	}
	if w.status != 200 {
		b.Fatalf("answered %d", w.status)
	}
}
