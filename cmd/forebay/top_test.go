package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTopOnAServerOfSomebodyElse has a server that knows the SQS API alone.
func TestTopOnAServerOfSomebodyElse(t *testing.T) {
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action := r.Header.Get("X-Amz-Target")
		asked[action+r.URL.Path]++
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch action {
		case "AmazonSQS.ListQueues":
			_, _ = w.Write([]byte(`{"QueueUrls":["http://` + r.Host + `/1/orders"]}`))
		case "AmazonSQS.GetQueueAttributes":
			_, _ = w.Write([]byte(`{"Attributes":{"ApproximateNumberOfMessages":"7","ApproximateNumberOfMessagesNotVisible":"2","ApproximateNumberOfMessagesDelayed":"1"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	clearEnvironment(t)
	t.Setenv("FOREBAY_CONTROLLER", "http://127.0.0.1:1") // not one that happens to run on this machine
	t.Setenv("FOREBAY_ACCESS_KEY_ID", "any")
	t.Setenv("FOREBAY_SECRET_ACCESS_KEY", "any")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"top", "--once", "--endpoint", server.URL}, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if want := "QUEUE   VISIBLE  IN FLIGHT  DELAYED\norders        7          2        1\n"; out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}

	clear(asked)
	c, err := (&app{target: target{endpoint: server.URL}}).connect()
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{client: c, flags: &topFlags{}}
	for range 3 {
		if f, err := w.look(t.Context()); err != nil || len(f.Queues) != 1 || f.Queues[0].Signals != nil {
			t.Errorf("%+v and %v, want the queue and what every server tells", f, err)
		}
	}
	if n := asked["/forebay/v1/queues"]; n != 1 {
		t.Errorf("a server that does not know it was asked %d times for what only Forebay tells, want once", n)
	}
}
