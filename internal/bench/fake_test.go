package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a queue server in memory that speaks both wire forms, and breaks its promises where a test wants it to.
type fake struct {
	lose    int  // the nth message sent is acknowledged and dropped; 0: none
	repeat  int  // the nth message sent stays visible when it is received
	revive  int  // the nth message sent is there again after its first delete
	swap    int  // the nth message sent is put before all others
	refuse  int  // the nth message sent is refused, if it is in a batch
	missing bool // queues are not there before they are made

	url string

	mu       sync.Mutex
	queues   map[string]*fakeQueue
	sent     int
	unsigned int           // requests without a signature
	arrived  chan struct{} // closed, and made anew, when something may have become visible
}

type fakeQueue struct {
	visible  []*fakeMessage
	inFlight map[string]*fakeMessage // by receipt handle
}

type fakeMessage struct {
	number      int
	body, group string
	receives    int
}

// fakeRequest is a request in either form.
type fakeRequest struct {
	action, queue string
	batch         bool
	entries       []map[string]string
	most          int
	wait          time.Duration
	query         bool
}

func newFake(t testing.TB, f *fake) *fake {
	f.queues, f.arrived = make(map[string]*fakeQueue), make(chan struct{})
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := readFake(r)
	f.mu.Lock()
	if r.Header.Get("Authorization") == "" {
		f.unsigned++
	}
	if f.missing && req.action != "CreateQueue" && f.queues[req.queue] == nil { // a receive may come late, when its consumer has gone
		f.mu.Unlock()
		f.answerMissing(w, req)
		return
	}
	if f.queues[req.queue] == nil {
		f.queues[req.queue] = &fakeQueue{inFlight: make(map[string]*fakeMessage)}
	}
	q := f.queues[req.queue]
	var done, failed []map[string]string
	switch strings.TrimSuffix(req.action, "Batch") {
	case "GetQueueUrl", "CreateQueue":
		done = []map[string]string{{"QueueUrl": f.url + "/000000000000/" + req.queue}}
	case "SendMessage":
		done, failed = f.send(q, req.entries)
	case "ReceiveMessage":
		done = f.receive(q, req, r)
	case "DeleteMessage":
		done = f.delete(q, req.entries)
	case "DeleteQueue":
		delete(f.queues, req.queue)
	}
	f.mu.Unlock()
	f.answer(w, req, done, failed)
}

// wake lets receives look again. f must be locked.
func (f *fake) wake() {
	close(f.arrived)
	f.arrived = make(chan struct{})
}

func (f *fake) send(q *fakeQueue, entries []map[string]string) (done, failed []map[string]string) {
	defer f.wake()
	for _, entry := range entries {
		f.sent++
		m := &fakeMessage{number: f.sent, body: entry["MessageBody"], group: entry["MessageGroupId"]}
		switch f.sent {
		case f.refuse:
			failed = append(failed, map[string]string{"Id": entry["Id"], "Code": "InternalError"})
			continue
		case f.swap:
			q.visible = slices.Insert(q.visible, 0, m)
		case f.lose:
		default:
			q.visible = append(q.visible, m)
		}
		done = append(done, map[string]string{"Id": entry["Id"], "MessageId": strconv.Itoa(f.sent)})
	}
	return done, failed
}

// receive waits like a long poll. f must be locked.
func (f *fake) receive(q *fakeQueue, req fakeRequest, r *http.Request) (got []map[string]string) {
	timeout := time.After(req.wait)
	for {
		if got = f.take(q, req.most); len(got) > 0 {
			return got
		}
		arrived := f.arrived
		f.mu.Unlock()
		var over bool
		select {
		case <-arrived:
		case <-timeout:
			over = true
		case <-r.Context().Done():
			over = true
		}
		f.mu.Lock()
		if over {
			return nil
		}
	}
}

// take hands out visible messages, of each group only when none of it was in flight before.
func (f *fake) take(q *fakeQueue, most int) (got []map[string]string) {
	locked := make(map[string]bool)
	for _, m := range q.inFlight {
		locked[m.group] = m.group != ""
	}
	for i := 0; i < len(q.visible) && len(got) < most; {
		m := q.visible[i]
		if locked[m.group] {
			i++
			continue
		}
		m.receives++
		handle := fmt.Sprintf("handle+/%d=%d", m.number, m.receives)
		got = append(got, map[string]string{"MessageId": strconv.Itoa(m.number), "ReceiptHandle": handle, "Body": m.body})
		q.inFlight[handle] = m
		if m.number == f.repeat && m.receives == 1 {
			i++
			continue
		}
		q.visible = slices.Delete(q.visible, i, i+1)
	}
	return got
}

func (f *fake) delete(q *fakeQueue, entries []map[string]string) (done []map[string]string) {
	defer f.wake()
	for _, entry := range entries {
		m := q.inFlight[entry["ReceiptHandle"]]
		delete(q.inFlight, entry["ReceiptHandle"])
		if m != nil && m.number == f.revive && m.receives == 1 {
			q.visible = append(q.visible, m)
		}
		done = append(done, map[string]string{"Id": entry["Id"]})
	}
	return done
}

func readFake(r *http.Request) fakeRequest {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return readFakeJSON(r, strings.TrimPrefix(target, "AmazonSQS."))
	}
	_ = r.ParseForm()
	req := fakeRequest{query: true, action: r.Form.Get("Action"), queue: cmp.Or(r.Form.Get("QueueName"), path.Base(r.URL.Path))}
	req.batch = strings.HasSuffix(req.action, "Batch")
	req.most, _ = strconv.Atoi(r.Form.Get("MaxNumberOfMessages"))
	wait, _ := strconv.Atoi(r.Form.Get("WaitTimeSeconds"))
	req.wait = time.Duration(wait) * time.Second
	prefixes := []string{""}
	if req.batch {
		prefixes = prefixes[:0]
		for i := 1; r.Form.Has(fmt.Sprintf("%sRequestEntry.%d.Id", req.action, i)); i++ {
			prefixes = append(prefixes, fmt.Sprintf("%sRequestEntry.%d.", req.action, i))
		}
	}
	for _, prefix := range prefixes {
		entry := make(map[string]string)
		for _, name := range []string{"Id", "MessageBody", "MessageGroupId", "MessageDeduplicationId", "ReceiptHandle"} {
			entry[name] = r.Form.Get(prefix + name)
		}
		req.entries = append(req.entries, entry)
	}
	return req
}

func readFakeJSON(r *http.Request, action string) fakeRequest {
	var in struct {
		QueueName, QueueUrl, MessageBody, MessageGroupId, ReceiptHandle string
		MaxNumberOfMessages, WaitTimeSeconds                            int
		Entries                                                         []map[string]string
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	req := fakeRequest{action: action, queue: cmp.Or(in.QueueName, path.Base(in.QueueUrl)), batch: strings.HasSuffix(action, "Batch"),
		entries: in.Entries, most: in.MaxNumberOfMessages, wait: time.Duration(in.WaitTimeSeconds) * time.Second}
	if !req.batch {
		req.entries = []map[string]string{{"MessageBody": in.MessageBody, "MessageGroupId": in.MessageGroupId, "ReceiptHandle": in.ReceiptHandle}}
	}
	return req
}

func (f *fake) answerMissing(w http.ResponseWriter, req fakeRequest) {
	w.WriteHeader(http.StatusBadRequest)
	if req.query {
		fmt.Fprint(w, "<ErrorResponse><Error><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>no</Message></Error></ErrorResponse>")
		return
	}
	fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}`)
}

func (f *fake) answer(w http.ResponseWriter, req fakeRequest, done, failed []map[string]string) {
	if req.query {
		result := map[string]string{"ReceiveMessage": "Message", "SendMessageBatch": "SendMessageBatchResultEntry", "DeleteMessageBatch": "DeleteMessageBatchResultEntry"}
		fmt.Fprintf(w, "<%sResponse><%sResult>", req.action, req.action)
		writeFakeXML(w, result[req.action], done)
		writeFakeXML(w, "BatchResultErrorEntry", failed)
		fmt.Fprintf(w, "</%sResult></%sResponse>", req.action, req.action)
		return
	}
	var out any = struct{}{}
	switch {
	case req.batch:
		out = map[string]any{"Successful": done, "Failed": failed}
	case req.action == "ReceiveMessage":
		out = map[string]any{"Messages": done}
	case len(done) > 0:
		out = done[0]
	}
	_ = json.NewEncoder(w).Encode(out)
}

// writeFakeXML writes each item as an element of its own, or plain when the element has no name.
func writeFakeXML(w http.ResponseWriter, name string, items []map[string]string) {
	for _, item := range items {
		if name != "" {
			fmt.Fprintf(w, "<%s>", name)
		}
		for key, value := range item {
			fmt.Fprintf(w, "<%s>%s</%s>", key, value, key)
		}
		if name != "" {
			fmt.Fprintf(w, "</%s>", name)
		}
	}
}
