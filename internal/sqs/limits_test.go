package sqs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/queue"
)

// endless is a body that never ends.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read += int64(len(b))
	return len(b), nil
}

// TestBodiesAreBounded is S7: what is too large is refused before it is in memory.
func TestBodiesAreBounded(t *testing.T) {
	h := New(Options{Service: &fake{}, Account: account, BodyMax: 100})
	for _, test := range []struct {
		name   string
		length int64
		status int
		read   int64 // at most
	}{
		{"announced as 10 GiB", 10 << 30, 413, 0},
		{"announced as one byte too many", 101, 413, 0},
		{"endless in chunks", -1, 413, 4 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := &endless{}
			r := httptest.NewRequest("POST", "/", body)
			r.ContentLength = test.length
			got := send(h, r)
			got.fails(t, test.status, "MalformedInput")
			if body.read > test.read || got.header.Get("Connection") != "close" {
				t.Errorf("%d bytes were read, want at most %d; Connection: %s", body.read, test.read, got.header.Get("Connection"))
			}
		})
	}
	form := "Action=PurgeQueue&QueueUrl=" + strings.Repeat("a", 100)
	if got := sendQuery(h, "/", form[:100]); got.status != 200 {
		t.Errorf("a body of the full size is answered %d", got.status)
	}
	cut := httptest.NewRequest("POST", "/", strings.NewReader("Action="))
	cut.ContentLength = 50
	send(h, cut).fails(t, 400, "MalformedInput")
}

func TestLargeBodiesAreReadWhole(t *testing.T) {
	f, text := &fake{}, strings.Repeat("0123456789abcdef", 200_000)
	if got := sendJSON(newFront(f), "SendMessage", `{"MessageBody":"`+text+`"}`); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if in := f.in.(*queue.SendMessageInput); string(in.Body) != text {
		t.Errorf("%d bytes arrived of %d", len(in.Body), len(text))
	}
}

// TestBodiesShareMemory checks that requests being served hold memory only up to a bound, and give it back.
func TestBodiesShareMemory(t *testing.T) {
	f := &fake{}
	h := New(Options{Service: f, Account: account, BodyMax: 1 << 20, BodiesMax: 3 << 20})
	form := "Action=PurgeQueue&QueueUrl=" + strings.Repeat("a", 900<<10)
	f.hook = func(context.Context) {
		f.hook = func(context.Context) {
			f.hook = func(context.Context) {
				f.hook = nil
				sendQuery(h, "/", form).fails(t, 503, "ServiceUnavailable")
				if got := sendQuery(h, "/", form[:50<<10]); got.status != 200 {
					t.Errorf("a small request, for which there is a reserve, is answered %d", got.status)
				}
			}
			sendQuery(h, "/", form)
		}
		sendQuery(h, "/", form)
	}
	for range 3 {
		if got := sendQuery(h, "/", form); got.status != 200 {
			t.Errorf("a request that fits is answered %d", got.status)
		}
	}
}

// TestStrangersAreToldFromTheirHead checks that a body of some size is read only for those who name a key, and a little of
// it for those who name none.
func TestStrangersAreToldFromTheirHead(t *testing.T) {
	unknown := queue.Errorf(queue.CodeUnrecognizedClient, "The security token included in the request is invalid.")
	for _, test := range []struct {
		name   string
		known  bool
		err    error
		length int64
		status int
		read   int64 // at most
	}{
		{"an unknown key, announcing much", false, unknown, 1 << 20, 403, 0},
		{"an unknown key, announcing nothing", false, unknown, -1, 403, 0},
		{"no key, announcing much", false, nil, 7 << 20, 503, 2 << 20},
		{"no key, announcing nothing", false, nil, -1, 503, 2 << 20},
		{"a known key", true, nil, 5000, 400, 5000}, // which is no request, and that is found out behind the signature
	} {
		t.Run(test.name, func(t *testing.T) {
			h := New(Options{Service: &fake{}, Account: account, BodiesMax: 16 << 20,
				Recognize: func(*http.Request) (bool, error) { return test.known, test.err }})
			body := &endless{}
			r := httptest.NewRequest("POST", "/", body)
			r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
			r.ContentLength = test.length
			if got := send(h, r); got.status != test.status || body.read > test.read {
				t.Errorf("answered %d after %d bytes, want %d after at most %d", got.status, body.read, test.status, test.read)
			}
		})
	}
}

// TestPanicsAreAnswered is S25.
func TestPanicsAreAnswered(t *testing.T) {
	var log bytes.Buffer
	var seen Observation
	f := &fake{hook: func(context.Context) { panic("ouch") }}
	h := New(Options{Service: f, Account: account, Logger: slog.New(slog.NewTextHandler(&log, nil)), Observe: func(o Observation) { seen = o }})
	got := sendJSON(h, "PurgeQueue", `{"QueueUrl":"orders"}`)
	got.fails(t, 500, "InternalError")
	if strings.Contains(got.body, "ouch") {
		t.Errorf("the client is told %s", got.body)
	}
	id := got.header.Get("X-Amzn-Requestid")
	if s := log.String(); !strings.Contains(s, "request_id="+id) || !strings.Contains(s, "limits_test.go") || !strings.Contains(s, "ouch") {
		t.Errorf("the log has no request id, stack or panic: %s", s)
	}
	if seen.Status != 500 || seen.Code != "InternalError" || seen.Action != "PurgeQueue" {
		t.Errorf("observed %+v", seen)
	}
	got = sendQuery(h, "/", "Action=PurgeQueue")
	got.fails(t, 500, "InternalError")
	if !strings.Contains(got.body, "<Type>Receiver</Type>") {
		t.Errorf("the answer is %s", got.body)
	}
}

func TestObservations(t *testing.T) {
	var seen []Observation
	f := &fake{}
	h := New(Options{Service: f, Account: account, Observe: func(o Observation) { seen = append(seen, o) }})
	sendJSON(h, "PurgeQueue", `{"QueueUrl":"orders"}`)
	sendQuery(h, "/", "Action=ListQueues")
	sendQuery(h, "/", "Action=Nothing")
	sendJSON(h, "PurgeQueue", `{`)
	f.err = queue.MissingQueue("orders")
	sendJSON(h, "DeleteQueue", `{}`)
	want := []Observation{
		{Protocol: "json", Action: "PurgeQueue", Status: 200, BodyIn: 21},
		{Protocol: "query", Action: "ListQueues", Status: 200, BodyIn: 17},
		{Protocol: "query", Code: "InvalidAction", Status: 400, BodyIn: 14},
		{Protocol: "json", Code: "MalformedInput", Status: 400, BodyIn: 1},
		{Protocol: "json", Action: "DeleteQueue", Code: "AWS.SimpleQueueService.NonExistentQueue", Status: 400, BodyIn: 2},
	}
	ignored := cmpopts.IgnoreFields(Observation{}, "Duration", "RequestID", "BodyOut")
	if diff := cmp.Diff(want, seen, ignored); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestAuthenticationComesBeforeTheService(t *testing.T) {
	f := &fake{}
	var signed []byte
	h := New(Options{Service: f, Account: account, Authenticate: func(_ *http.Request, body []byte) (queue.Caller, error) {
		signed = body
		return queue.Caller{}, queue.Errorf(queue.CodeUnrecognizedClient, "The security token included in the request is invalid.")
	}})
	const form = "Action=PurgeQueue&QueueUrl=%6frders"
	sendQuery(h, "/", form).fails(t, 403, "InvalidClientTokenId")
	if string(signed) != form {
		t.Errorf("the signature was checked over %q, want the body as it came", signed)
	}
	sendJSON(h, "PurgeQueue", `{`).fails(t, 403, "InvalidClientTokenId")
	sendJSON(h, "Nothing", `{}`).fails(t, 403, "InvalidClientTokenId")
	send(h, httptest.NewRequest("GET", peekPrefix+"orders"+peekSuffix, nil)).fails(t, 403, "InvalidClientTokenId")
	send(h, httptest.NewRequest("GET", localStackPath+"?QueueUrl=orders", nil)).fails(t, 403, "InvalidClientTokenId")
	if f.calls != 0 {
		t.Errorf("the service was asked %+v", f.in)
	}
}

// TestLogsAreDiscreet checks the access log's words, and that bodies and handles are not among them.
func TestLogsAreDiscreet(t *testing.T) {
	var log bytes.Buffer
	f := &fake{err: &queue.Error{Code: queue.CodeInternal, Message: "oh", Queue: "orders", Err: errors.New("disk on fire")}}
	h := New(Options{Service: f, Account: account, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	sendJSON(h, "SendMessage", `{"MessageBody":"canary"}`)
	f.err = nil
	sendJSON(h, "DeleteMessage", `{"ReceiptHandle":"canary"}`)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || strings.Contains(log.String(), "canary") {
		t.Fatalf("the log is\n%s", log.String())
	}
	for i, words := range [][]string{
		{"level=WARN", "action=SendMessage", "status=500", "code=InternalError", "queue=orders", `cause="disk on fire"`},
		{"level=DEBUG", "action=DeleteMessage", "status=200", "protocol=json", "request_id="},
	} {
		for _, word := range words {
			if !strings.Contains(lines[i], word) {
				t.Errorf("line %d has no %s: %s", i, word, lines[i])
			}
		}
	}
}

// pipeListener is a listener in memory, for servers in virtual time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// webServers are the two that a front may stand behind.
var webServers = map[string]func(http.Handler) *httpserve.Server{
	"http1": func(h http.Handler) *httpserve.Server {
		return httpserve.New(httpserve.Options{Handler: h, Decides: true})
	},
	"net/http": func(h http.Handler) *httpserve.Server {
		return httpserve.New(httpserve.Options{Handler: h, Decides: true, NetHTTP: true})
	},
}

// TestSlowClients is S10: whoever sends or reads too slowly loses the connection, and a long poll does not.
func TestSlowClients(t *testing.T) {
	const poll = "POST / HTTP/1.1\r\nHost: q\r\nContent-Length: 21\r\n\r\nAction=ReceiveMessage"
	for _, test := range []struct {
		name, send string
		polls      time.Duration // how long the service waits
		after      time.Duration // when something comes back, or the connection is closed
		want       string        // what comes back begins with it
	}{
		{"headers that stop", "POST / HTTP/1.1\r\nHost:", 0, httpserve.HeadTimeDefault, ""},
		{"a body that stops", "POST / HTTP/1.1\r\nHost: q\r\nContent-Length: 21\r\n\r\nAct", 0, httpserve.GraceDefault, "HTTP/1.1 408"},
		{"a chunked body that stops", "POST / HTTP/1.1\r\nHost: q\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nAct", 0, httpserve.GraceDefault, "HTTP/1.1 408"},
		{"nothing at all", "", 0, httpserve.HeadTimeDefault, ""},
		{"a long poll", poll, 20 * time.Second, 20 * time.Second, "HTTP/1.1 200"},
	} {
		for name, newServer := range webServers {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := newServer(newFront(&fake{hook: func(ctx context.Context) {
						select {
						case <-time.After(test.polls):
						case <-ctx.Done():
						}
					}}))
					after, first := firstWords(t, server, test.send)
					if after != test.after {
						t.Errorf("the server acted after %v, want %v", after, test.after)
					}
					if first != test.want {
						t.Errorf("the server sent %q, want %q", first, test.want)
					}
				})
			})
		}
	}
}

// firstWords sends something to a server and returns the first 12 bytes that come back, and after how long.
func firstWords(t *testing.T, server *httpserve.Server, send string) (after time.Duration, words string) {
	t.Helper()
	l := newPipeListener()
	go func() { _ = server.Serve(l) }()
	conn := l.dial()
	start := time.Now()
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 12)
	n, _ := io.ReadFull(conn, first)
	after = time.Since(start).Round(time.Second)
	_ = conn.Close()
	_ = server.Close()
	return after, string(first[:n])
}

// TestDeadlinesEndWithTheirRequest checks that a connection used again has its time again, also for what
// the server writes by itself.
func TestDeadlinesEndWithTheirRequest(t *testing.T) {
	for name, newServer := range webServers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkDeadlinesEnd(t, newServer(newFront(&fake{}))) })
		})
	}
}

func checkDeadlinesEnd(t *testing.T, server *httpserve.Server) {
	l := newPipeListener()
	go func() { _ = server.Serve(l) }()
	conn := l.dial()
	answers := bufio.NewReader(conn)
	for range 3 {
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: q\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n")
		if line, err := answers.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("the server sent %q, %v", line, err)
		}
		_, _ = answers.ReadString('\n')
		_, _ = io.WriteString(conn, "Action=ListQueues")
		res, err := http.ReadResponse(answers, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("the answer is %v, %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		time.Sleep(httpserve.IdleTimeDefault - time.Second)
	}
	_ = conn.Close()
	_ = server.Close()
}

// TestClientsThatLeaveEndTheirPoll checks that a poll is canceled when its client hangs up.
func TestClientsThatLeaveEndTheirPoll(t *testing.T) {
	for name, newServer := range webServers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkLeaving(t, newServer) })
		})
	}
}

func checkLeaving(t *testing.T, newServer func(http.Handler) *httpserve.Server) {
	var seen Observation
	f := &fake{err: context.Canceled, hook: func(ctx context.Context) { <-ctx.Done() }}
	l := newPipeListener()
	server := newServer(New(Options{Service: f, Account: account, Observe: func(o Observation) { seen = o }}))
	go func() { _ = server.Serve(l) }()
	conn := l.dial()
	_, _ = io.WriteString(conn, "GET /?Action=ReceiveMessage HTTP/1.1\r\nHost: q\r\n\r\n")
	synctest.Wait()
	time.Sleep(7 * time.Second)
	_ = conn.Close()
	synctest.Wait()
	if seen.Status != statusClientGone || seen.Waited != 7*time.Second {
		t.Errorf("observed %+v", seen)
	}
	_ = server.Close()
}
