//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness stands between agents and the server and writes down what the server tells them of each message: to whom it is
// handed, and until when. It believes nobody else: what an agent knows of its leases ends with it.
type witness struct {
	mu       sync.Mutex
	attempts map[string]*attempt    // by receipt handle
	stories  map[string][]*attempt  // by body, in the order in which they were handed out
	gone     map[string]bool        // bodies with a delete on its way, or done
	asked    map[string][]time.Time // by agent: when each receive came that was answered
}

// attempt is one receive of a message, and what became of it.
type attempt struct {
	agent, id, handle, body string
	count                   int // receives, by the server's own count
	at                      time.Time
	lease                   lease
	deleted                 time.Time // when the server had said so
}

// lease says when a message comes back if nothing else is said of it. Between a change and its answer, and for ever if
// there is none, the old word may count or the new one.
type lease struct {
	first, last time.Time
	back        bool // the message was given back: its timeout was set to something else than the lease
}

// or is the lease while it is unknown whether it has become next.
func (l lease) or(next lease) lease {
	if l.first.Before(next.first) {
		next.first = l.first
	}
	if l.last.After(next.last) {
		next.last = l.last
	}
	next.back = next.back || l.back
	return next
}

// changed is the lease after a change of visibility.
func changed(came time.Time, e entry) lease {
	until := came.Add(seconds(e.VisibilityTimeout))
	return lease{until, until, seconds(e.VisibilityTimeout) != workLease}
}

func newWitness() *witness {
	return &witness{
		attempts: make(map[string]*attempt), stories: make(map[string][]*attempt),
		gone: make(map[string]bool), asked: make(map[string][]time.Time),
	}
}

// stand returns the URL by which one agent reaches the server at target, until the test ends. Whoever hangs up is hung up
// on at the other side as well.
func (w *witness) stand(t *testing.T, agent, target string) string {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			r.Out.Host = r.In.Host // it is signed
		},
		Transport:    &stand{w, agent, transport},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.URL
}

// stand is where a witness sees one agent.
type stand struct {
	*witness
	agent string
	to    http.RoundTripper
}

// question and answer are what calls and answers have that matters here.
type (
	question struct {
		VisibilityTimeout int
		Entries           []entry
	}
	entry struct {
		ID                string `json:"Id"`
		ReceiptHandle     string
		VisibilityTimeout int
	}
	answer struct {
		Messages []struct {
			MessageID     string `json:"MessageId"`
			ReceiptHandle string
			Body          string
			Attributes    map[string]string
		}
		Failed []entry
	}
)

// RoundTrip passes one call on and notes it.
func (s *stand) RoundTrip(r *http.Request) (*http.Response, error) {
	came := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	before := s.note(action, q, came)
	response, err := s.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	var a answer
	if response.StatusCode == http.StatusOK && json.Unmarshal(text, &a) == nil {
		s.conclude(action, q, a, came, before)
	}
	return response, nil
}

// note takes down a call before the server hears it, and returns the leases before it, one for each entry.
func (w *witness) note(action string, q question, came time.Time) []lease {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := make([]lease, len(q.Entries))
	for i, e := range q.Entries {
		of := w.attempts[e.ReceiptHandle]
		if of == nil {
			continue
		}
		before[i] = of.lease
		switch action {
		case "ChangeMessageVisibilityBatch":
			of.lease = of.lease.or(changed(came, e))
		case "DeleteMessageBatch":
			w.gone[of.body] = true
		}
	}
	return before
}

// conclude takes down what the server has answered.
func (s *stand) conclude(action string, q question, a answer, came time.Time, before []lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if action == "ReceiveMessage" {
		s.asked[s.agent] = append(s.asked[s.agent], came)
		s.received(q, a)
		return
	}
	for i, e := range q.Entries {
		of := s.attempts[e.ReceiptHandle]
		if of == nil {
			continue
		}
		refused := slices.ContainsFunc(a.Failed, func(f entry) bool { return f.ID == e.ID })
		switch {
		case refused:
			of.lease = before[i]
		case action == "DeleteMessageBatch":
			of.deleted = time.Now()
		case action == "ChangeMessageVisibilityBatch":
			of.lease = changed(came, e)
		}
	}
}

// received takes down messages that the server has handed out. Their leases began while the answer was on its way.
func (s *stand) received(q question, a answer) {
	now := time.Now()
	until := now.Add(seconds(q.VisibilityTimeout))
	for _, m := range a.Messages {
		count, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		of := &attempt{
			agent: s.agent, id: m.MessageID, handle: m.ReceiptHandle, body: m.Body,
			count: count, at: now, lease: lease{first: until, last: until},
		}
		s.attempts[of.handle] = of
		s.stories[of.body] = append(s.stories[of.body], of)
		delete(s.gone, of.body)
	}
}

// deleted counts the messages that the agents are done with.
func (w *witness) deleted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.gone)
}

// allAsked is when each of the agents had asked for messages after a moment.
func (w *witness) allAsked(after time.Time, agents ...string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := after
	for _, agent := range agents {
		if i := slices.IndexFunc(w.asked[agent], after.Before); i >= 0 && w.asked[agent][i].After(all) {
			all = w.asked[agent][i]
		}
	}
	return all
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
