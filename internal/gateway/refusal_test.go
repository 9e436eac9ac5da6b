package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// failingClient refuses to send while fail is set.
type failingClient struct {
	Client
	fail atomic.Bool
}

func (c *failingClient) SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if c.fail.Load() {
		return nil, errors.New("the test says no")
	}
	return c.Client.SendMessage(ctx, in, o...)
}

func TestWhatIsRefusedNeverReachesTheQueue(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) {
			o.Routes = []Route{
				{Name: "api", Queue: "requests", Host: "api.example.com", Path: "/v1", Methods: []string{"GET", "POST"},
					ContentTypes: []string{"application/json", "image/*"}, BodyMax: 10, Wait: -1},
				{Name: "wild", Queue: "requests", Host: "*.wild.example", Wait: -1, ClientRate: 1, ClientBurst: 2},
			}
		})
		for _, tt := range []struct {
			name, method, target, body string
			headers                    []string
			status                     int
			says                       string
		}{
			{"a host without a route", "GET", "http://other.example.com/v1", "", nil, 404, "no route"},
			{"a path without a route", "GET", "http://api.example.com/v2", "", nil, 404, "no route"},
			{"a prefix ends at a segment", "GET", "http://api.example.com/v10", "", nil, 404, "no route"},
			{"a method that is not allowed", "DELETE", "http://api.example.com/v1/x", "", nil, 405, "DELETE"},
			{"TRACE", "TRACE", "http://api.example.com/v1", "", nil, 405, "TRACE"},
			{"a body that is too large", "POST", "http://api.example.com/v1", "12345678901", []string{"Content-Type", "image/png"}, 413, "at most 10 bytes"},
			{"a content type that is not allowed", "POST", "http://api.example.com/v1", "x", []string{"Content-Type", "text/html"}, 415, "application/json"},
			{"a dot segment", "GET", "http://api.example.com/v1/../admin", "", nil, 400, "segment"},
			{"a dot segment in disguise", "GET", "http://api.example.com/v1/%2e%2e/admin", "", nil, 400, "segment"},
			{"a dot segment behind an encoded slash", "GET", "http://api.example.com/v1/a%2F..%2fb", "", nil, 400, "segment"},
			{"a dot segment behind an encoded backslash", "GET", "http://api.example.com/v1/a%5c.%5Cb", "", nil, 400, "segment"},
			{"an encoded slash that decides on the route", "GET", "http://api.example.com/v1%2Fb", "", nil, 400, "encoded slash"},
			{"an encoded slash that hides a page of the gateway", "GET", "http://a.wild.example/forebay%2fv1/x", "", nil, 400, "encoded slash"},
			{"a backslash", "GET", "http://api.example.com/v1/a\\b", "", nil, 400, "servers read"},
			{"a zero byte", "GET", "http://api.example.com/v1/a%00b", "", nil, 400, "%00"},
			{"two slashes at the beginning", "GET", "http://api.example.com//v1", "", nil, 400, "one slash"},
			{"a URL that is too long", "GET", "http://api.example.com/v1?" + strings.Repeat("x", 9000), "", nil, 414, "8192"},
			{"headers that are too many", "GET", "http://api.example.com/v1", "", manyHeaders(200), 400, "fields"},
			{"a page that the gateway does not have", "GET", "http://api.example.com/forebay/v1/nothing", "", nil, 404, "no such page"},
			{"two labels below a wild card", "GET", "http://a.b.wild.example/", "", nil, 404, "no route"},
		} {
			r := s.do(t.Context(), tt.method, tt.target, tt.body, tt.headers...)
			if r.status != tt.status || !strings.Contains(r.body, tt.says) || r.header.Get("Content-Type") != problemType {
				t.Errorf("%s: got %d %q, want %d with %q", tt.name, r.status, r.body, tt.status, tt.says)
			}
		}
		synctest.Wait()
		if q := w.take(); q != nil {
			t.Errorf("a refused request is in the queue: %+v", q)
		}
		s.get("http://a.wild.example:8080/").location(t)
		s.get("http://b.wild.example/").location(t)
		r := s.get("http://b.wild.example/")
		r.want(t, http.StatusTooManyRequests, "more requests than you may")
		if r.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q, want 1", r.header.Get("Retry-After"))
		}
		w.kit.Advance(time.Second)
		s.get("http://b.wild.example/").location(t)
	})
}

func manyHeaders(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("X-", i), "v")
	}
	return all
}

func TestAFullQueueSaysWhenToComeBack(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) {
			o.Routes = []Route{{Queue: "requests", Wait: -1, BacklogMax: 30, Path: "/"}}
		})
		serve := func() { // two a second
			w.kit.Advance(500 * time.Millisecond)
			w.reply(w.mustTake(), 200, "", nil)
		}
		for range 30 {
			s.get("/x").location(t)
		}
		for range 40 {
			serve()
			w.kit.Advance(backlogFresh) // of which nobody makes use, so the rate is two in three seconds
			s.get("/x").location(t)
		}
		w.kit.Advance(backlogFresh)
		r := s.get("/x")
		r.want(t, http.StatusServiceUnavailable, "30 requests wait")
		if got := r.header.Get("Retry-After"); got < "43" || got > "47" || len(got) != 2 {
			t.Errorf("Retry-After is %s s with 30 waiting and two in three seconds served, want about 45", got)
		}
		for range 60 {
			serve()
			s.get("/x").location(t)
		}
		w.kit.Advance(backlogFresh)
		r = s.get("/x")
		if got := r.header.Get("Retry-After"); got < "14" || got > "16" || len(got) != 2 {
			t.Errorf("Retry-After is %s s with 30 waiting and two a second served, want about 15", got)
		}
	})
}

func TestFailFastNoticesThatNobodyIsThere(t *testing.T) {
	for _, knows := range []bool{false, true} {
		play(t, func(t *testing.T, w *world) {
			polling := atomic.Int64{}
			s := w.gateway(1, func(o *Options) {
				o.Routes = []Route{{Queue: "requests", Wait: -1, FailFast: 30 * time.Second}}
				if knows {
					o.Look = func(context.Context, string) (Sight, bool) { return Sight{Polling: int(polling.Load())}, true }
				}
			})
			s.get("/x").location(t)
			w.kit.Advance(31 * time.Second)
			s.get("/x").want(t, http.StatusServiceUnavailable, "no backend")
			if knows {
				polling.Store(1)
				w.kit.Advance(backlogFresh)
			} else {
				w.reply(w.mustTake(), 200, "here I am", nil)
			}
			s.get("/x").location(t)
		})
	}
}

func TestAFullStoreRefusesAndLeavesRepliesInTheirQueue(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.StoreMax = 2000 })
		first := s.get("/x", "Prefer", "respond-async").location(t)
		second := s.get("/x", "Prefer", "respond-async").location(t)
		q1, q2 := w.mustTake(), w.mustTake()
		big := strings.Repeat("x", 1500)
		w.reply(q1, 200, big, nil)
		w.reply(q2, 200, big, nil)
		done := 0
		for _, location := range []string{first, second} {
			if s.get(location).status == 200 {
				done++
			}
		}
		if n := w.left(q1.ReplyTo); done != 1 || n != "0+1" {
			t.Errorf("%d replies are there and %s messages are left, want one and one in flight", done, n)
		}
	})
}

// TestTheWireIsStrict sends bytes that no client library would.
func TestTheWireIsStrict(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.Routes = []Route{{Queue: "requests", Wait: -1}} })
		ctx, cancel := context.WithCancel(t.Context())
		network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() {
			served <- Serve(ctx, s.g, network, ServerOptions{HeadersMax: 8 << 10, ConnectionsMax: 4, Log: slog.New(slog.DiscardHandler)}, time.Second)
		}()
		for _, tt := range []struct {
			name, bytes string
			status      string
			travels     string // body of the one request that reaches the queue; "-": none does
		}{
			{"two lengths that differ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", "-"},
			{"a length that is no number", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", "400", "-"},
			{"an unknown transfer coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", "-"},
			{"a name with a space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", "400", "-"},
			{"a bare carriage return in a value", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n", "400", "-"},
			{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "-"},
			{"no host", "GET / HTTP/1.1\r\n\r\n", "400", "-"},
			{"an absolute target with a user", "GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", "-"},
			{"an absolute target of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", "-"},
			{"two empty lines before the request", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400", "-"},
			{"a bare carriage return before the request", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400", "-"},
			{"headers that are too long", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", "431", "-"},
			{"a length and chunks are read as chunks, and what follows is no request", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", "202", "abcd"},
			{"a folded header is one line when it travels", "POST / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok", "202", "ok"},
		} {
			conn := network.dial(t)
			go func() { _, _ = io.WriteString(conn, tt.bytes) }()
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+tt.status+" ") && !strings.HasPrefix(line, "HTTP/1.0 "+tt.status+" ") {
				t.Errorf("%s: got %q, %v, want status %s", tt.name, line, err, tt.status)
			}
			conn.Close()
			synctest.Wait()
			q := w.take()
			switch {
			case q == nil && tt.travels != "-":
				t.Errorf("%s: nothing is in the queue", tt.name)
			case q != nil && string(q.Body) != tt.travels:
				t.Errorf("%s: the queue has %q, want %q", tt.name, q.Body, tt.travels)
			case q != nil && q.Header.Get("X-A") != "" && q.Header.Get("X-A") != "b c":
				t.Errorf("%s: X-A travels as %q", tt.name, q.Header.Get("X-A"))
			}
		}
		slow := network.dial(t)
		go func() { _, _ = io.WriteString(slow, "GET / HTTP/1.1\r\nHost") }()
		began := time.Now()
		text, _ := io.ReadAll(slow)
		if took := time.Since(began); took > 2*headerTime {
			t.Errorf("a client that sends half a head was borne with for %v (%q)", took, text)
		}
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// pipes is a listener on an in-memory network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	p.conns <- server
	return client
}

func TestPagesOfOtherOrigins(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) {
			o.Routes = []Route{{Queue: "requests", Wait: -1, Methods: []string{"POST"}, CORS: []string{"https://app.example"}}}
		})
		preflight := []string{"Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "prefer"}
		r := s.do(t.Context(), "OPTIONS", "/x", "", preflight...)
		if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "https://app.example" || r.header.Get("Access-Control-Allow-Headers") != "prefer" {
			t.Errorf("the preflight got %d %v", r.status, r.header)
		}
		r = s.do(t.Context(), "POST", "/x", "a", "Origin", "https://app.example")
		if !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), "Location") {
			t.Errorf("the request got %v", r.header)
		}
		location := r.location(t)
		r = s.get(location, "Origin", "https://evil.example")
		if r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("another origin may read the reply: %v", r.header)
		}
	})
}

func TestAReplyAsEvents(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		location := s.get("/x", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		got := s.later("GET", location, "", "Accept", "text/event-stream")
		synctest.Wait()
		w.kit.Advance(eventPause)
		w.reply(q, 200, "line\nend", nil)
		r := <-got
		r.want(t, 200, "event: pending\n")
		for _, part := range []string{": waiting\n", "event: head\ndata: {", "event: data\nid: one:0\ndata: {\"text\":\"line\\nend\"}\n\n", "event: end\nid: one:0\n"} {
			if !strings.Contains(r.body, part) {
				t.Errorf("no %q in the stream:\n%s", part, r.body)
			}
		}
		r = s.get(location, "Accept", "text/event-stream", "Last-Event-ID", "one:0")
		if strings.Contains(r.body, "line") || !strings.Contains(r.body, "event: end") {
			t.Errorf("what was seen comes again:\n%s", r.body)
		}
	})
}

// TestRetryAfterHeedsWhatOthersHaveSent lets a gateway without limits and of few requests stand in a line that others made.
func TestRetryAfterHeedsWhatOthersHaveSent(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		began := time.Now()
		s := w.gateway(1, func(o *Options) {
			o.Look = func(context.Context, string) (Sight, bool) {
				done := int(10 * time.Since(began).Seconds())
				return Sight{Waiting: 300 - done, Deleted: int64(done)}, true
			}
		})
		for range 5 {
			s.get("/x", "Prefer", "respond-async").location(t)
			w.kit.Advance(backlogFresh)
		}
		first := s.get("/x", "Prefer", "respond-async")
		if got := first.header.Get("Retry-After"); got < "24" || got > "26" || len(got) != 2 {
			t.Errorf("Retry-After is %s s with 250 waiting and ten a second served, want about 25", got)
		}
		w.kit.Advance(10 * time.Second)
		s.get("/x", "Prefer", "respond-async").location(t)
		w.kit.Advance(backlogFresh)
		again := s.get(first.location(t))
		if got := again.header.Get("Retry-After"); got < "13" || got > "15" || len(got) != 2 {
			t.Errorf("Retry-After is %s s after eleven seconds, want about 14", got)
		}
	})
}
