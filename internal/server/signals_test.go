package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// tell returns what the server tells about a queue.
func tell(t *testing.T, s *Server, target string) map[string]any {
	t.Helper()
	w := ask(s, "GET", "/forebay/v1/queues/"+target, "")
	var told map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || w.Code != 200 {
		t.Fatalf("GET %s = %d %s: %v", target, w.Code, w.Body, err)
	}
	return told
}

// at follows names into an answer.
func at(told any, path ...string) any {
	for _, name := range path {
		m, _ := told.(map[string]any)
		told = m[name]
	}
	return told
}

func TestAQueueTellsAboutItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, nil)
		defer stop(t, s)
		for range 3 {
			act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
		}
		act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"later","DelaySeconds":30}`)
		time.Sleep(2 * time.Second)
		got := ask(s, "POST", "/", `{"QueueUrl":"orders"}`, "Content-Type", "application/x-amz-json-1.0",
			"X-Amz-Target", "AmazonSQS.ReceiveMessage", "X-Forebay-Consumer", "worker-1")
		var received struct {
			Messages []struct{ ReceiptHandle string }
		}
		if err := json.Unmarshal(got.Body.Bytes(), &received); err != nil || len(received.Messages) != 1 {
			t.Fatalf("receive: %s, %v", got.Body, err)
		}
		told := tell(t, s, "orders")
		for _, row := range []struct {
			path string
			want any
		}{
			{"name", "orders"}, {"arn", "arn:aws:sqs:us-east-1:000000000000:orders"}, {"fifo", false},
			{"messages.visible", 2.}, {"messages.in_flight", 1.}, {"messages.delayed", 1.},
			{"oldest_seconds", 2.}, {"poison.messages", 0.}, {"poison.oldest_seconds", nil},
			{"consumers.polling", 0.}, {"consumers.holding", 1.},
			{"totals.sent", 4.}, {"totals.received", 1.}, {"totals.deleted", 0.}, {"totals.redelivered", 0.},
			{"totals.expired", 0.}, {"totals.dead_lettered", 0.},
			{"waited.count", 1.}, {"waited.sum_seconds", 2.}, {"waited.p50", 2.}, {"processed.count", 0.}, {"processed.p99", 0.},
		} {
			if got := at(told, strings.Split(row.path, ".")...); got != row.want {
				t.Errorf("%s is %v, want %v", row.path, got, row.want)
			}
		}
		if holders, _ := json.Marshal(at(told, "consumers", "in_flight")); string(holders) != `[{"messages":1,"name":"worker-1"}]` {
			t.Errorf("in flight by consumer is %s", holders)
		}
		due, _ := json.Marshal(told["due"])
		if want := `[{"messages":0,"within_seconds":1},{"messages":0,"within_seconds":10},{"messages":1,"within_seconds":60},{"messages":1,"within_seconds":900}]`; string(due) != want {
			t.Errorf("due is %s, want %s", due, want)
		}
		if rate, _ := at(told, "rates", "sent", "10s").(float64); rate < .3 || rate > .4 {
			t.Errorf("four messages in the last two seconds are %v a second over 10 s", rate)
		}
		act(s, "DeleteMessage", `{"QueueUrl":"orders","ReceiptHandle":"`+received.Messages[0].ReceiptHandle+`"}`)
		told = tell(t, s, "orders")
		if got := at(told, "processed", "count"); got != 1. || at(told, "consumers", "holding") != 0. {
			t.Errorf("after the deletion: %v", told)
		}
	})
}

func TestAWaitForWorkEndsOnTheSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, nil)
		defer stop(t, s)
		act(s, "CreateQueue", `{"QueueName":"orders"}`)
		began := time.Now()
		tell(t, s, "orders?wait=20s")
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("without work the wait took %v, want 20 s", took)
		}
		told := make(chan map[string]any)
		go func() { told <- tell(t, s, "orders?wait=20s") }()
		time.Sleep(7 * time.Second)
		began = time.Now()
		act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
		if got := <-told; at(got, "messages", "visible") != 1. || time.Since(began) != 0 {
			t.Errorf("%v after the send: %v", time.Since(began), got)
		}
	})
}

func TestExtraAttributesAreShownByNameOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, nil)
		defer stop(t, s)
		act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
		time.Sleep(1500 * time.Millisecond)
		got := act(s, "GetQueueAttributes", `{"QueueUrl":"orders","AttributeNames":["ApproximateAgeOfOldestMessage","ForebayOldestSeconds",`+
			`"ForebayPoisonMessages","ForebayPoisonOldestSeconds","ForebayMessagesSent","ForebayConsumersHolding"]}`).Body.String()
		want := `{"Attributes":{"ApproximateAgeOfOldestMessage":"1","ForebayConsumersHolding":"0","ForebayMessagesSent":"1","ForebayOldestSeconds":"1.5","ForebayPoisonMessages":"0"}}`
		if got != want {
			t.Errorf("asked by name: got %s, want %s", got, want)
		}
		all := act(s, "GetQueueAttributes", `{"QueueUrl":"orders","AttributeNames":["All"]}`).Body.String()
		if strings.Contains(all, "Forebay") || strings.Contains(all, "Age") || !strings.Contains(all, "ApproximateNumberOfMessages") {
			t.Errorf("All: got %s", all)
		}
	})
}

// TestKEDAGetsWhatItNeeds replays what the scalers of KEDA ask: requests of the SDK that it uses, and a plain GET.
func TestKEDAGetsWhatItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, nil)
		defer stop(t, s)
		for range 5 {
			act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
		}
		act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"later","DelaySeconds":30}`)
		act(s, "ReceiveMessage", `{"QueueUrl":"orders","MaxNumberOfMessages":2}`)
		replay := func(name string) map[string]any {
			raw, err := os.ReadFile(filepath.Join("testdata", "keda", name+".http"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			var told map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || w.Code != 200 {
				t.Fatalf("%s is answered %d %s: %v", name, w.Code, w.Body, err)
			}
			return told
		}
		for name, want := range map[string]int{"aws-sqs-queue": 5, "aws-sqs-queue-with-delayed": 6} {
			length, attributes := 0, replay(name)["Attributes"].(map[string]any)
			for attribute, value := range attributes { // KEDA adds them up, each a whole number in a text
				n, err := strconv.Atoi(value.(string))
				if err != nil {
					t.Errorf("%s: %s is %q, which is no number", name, attribute, value)
				}
				length += n
			}
			if length != want {
				t.Errorf("%s: the length is %d, want %d: %v", name, length, want, attributes)
			}
		}
		// The valueLocation of metrics-api must lead to a number.
		if got := at(replay("metrics-api"), "messages", "visible"); got != 3. {
			t.Errorf("metrics-api: messages.visible is %v, want 3", got)
		}
	})
}

func TestCloudWatchNamesAreAnOption(t *testing.T) {
	for _, on := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := startInMemory(t, func(o *Options) { o.CloudWatch = on })
			defer stop(t, s)
			act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
			w := ask(s, "GET", "/metrics/cloudwatch", "")
			shown := strings.Contains(w.Body.String(), `aws_sqs_approximate_number_of_messages_visible_average{queue_name="orders"} 1`)
			if shown != on || (w.Code == 200) != on {
				t.Errorf("with the option %v: %d %s", on, w.Code, w.Body)
			}
		})
	}
}

// TestTheHistoryIsKept runs on the disk, since that is where the history is.
func TestTheHistoryIsKept(t *testing.T) {
	folder := t.TempDir()
	start := func() *Server {
		s, err := Start(t.Context(), Options{Data: folder, Dev: true, MemTableBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sent := func(s *Server) (n float64) {
		values, _ := tell(t, s, "orders/history?metric=sent&step=1m")["values"].([]any)
		for _, v := range values {
			if v, ok := v.(float64); ok {
				n += v
			}
		}
		return n
	}
	s := start()
	act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
	stop(t, s)
	s = start()
	if got := sent(s); got != 1 {
		t.Errorf("after a restart the history shows %v messages, want 1", got)
	}
	stop(t, s)
	if err := os.WriteFile(filepath.Join(folder, HistoryFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = start()
	defer stop(t, s)
	if got := sent(s); got != 0 {
		t.Errorf("with a damaged file the history shows %v messages, want none", got)
	}
	if aside, err := os.ReadFile(filepath.Join(folder, HistoryFile+".damaged")); string(aside) != "garbage" {
		t.Errorf("the damaged file is not put aside: %v", err)
	}
}
