package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/backend"
	"github.com/forebay-mq/forebay/internal/testkit"
	"github.com/forebay-mq/forebay/queued"
)

// shop is a server behind a backend: whom it is asked by and what it does, in virtual time. The way there is a transport that
// calls the handler over an in-memory connection.
type shop struct {
	handler http.Handler
	down    atomic.Bool // nobody listens
	mu      sync.Mutex
	calls   []string
}

// dial connects to the shop, or not.
func (s *shop) dial(context.Context, string, string) (net.Conn, error) {
	if s.down.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	l := &oneConn{conn: server, done: make(chan struct{})}
	go (&http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			l.Close()
		}
	}}).Serve(l)
	return client, nil
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// ServeHTTP counts the call.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.RequestURI)
	s.mu.Unlock()
	s.handler.ServeHTTP(w, r)
}

func (s *shop) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// street is a queue server, a backend before a shop, and a client that asks through the queue.
type street struct {
	t      *testing.T
	kit    *testkit.Kit
	shop   *shop
	client *http.Client
	dead   []string // ids of requests given up
}

// open starts everything and has it stopped in order.
func open(t *testing.T, h http.Handler, change func(*backend.Options, *queued.Transport), f func(*street)) {
	t.Helper()
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		s := &street{t: t, kit: k, shop: &shop{handler: h}}
		client := sqs.New(sqs.Options{BaseEndpoint: aws.String(testkit.Base), Region: testkit.Region, HTTPClient: k.HTTP(),
			Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})
		if _, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("requests")}); err != nil {
			t.Fatal(err)
		}
		way := &http.Transport{DialContext: s.shop.dial, DisableCompression: true, DisableKeepAlives: true}
		to, _ := url.Parse("http://shop.local:3000/base")
		options := backend.Options{To: to, Transport: way, Logger: slog.New(slog.DiscardHandler),
			DeadLetter: func(_ context.Context, d queued.Delivery) error {
				s.dead = append(s.dead, d.Request.ID)
				return nil
			}}
		transport := &queued.Transport{Client: client, Queue: "requests", Timeout: time.Hour, Logger: slog.New(slog.DiscardHandler)}
		if change != nil {
			change(&options, transport)
		}
		proxy, err := backend.New(options)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			err := queued.Serve(ctx, client, "requests", proxy, func(o *queued.Options) { o.Logger = slog.New(slog.DiscardHandler) })
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
		s.client = &http.Client{Transport: transport}
		f(s)
		cancel()
		wg.Wait()
		transport.Close()
	})
}

// ask sends a request and tells what came back.
func (s *street) ask(method, path string, header http.Header) string {
	r, err := http.NewRequestWithContext(s.t.Context(), method, "https://shop.example"+path, strings.NewReader("body"))
	if err != nil {
		return err.Error()
	}
	for name, values := range header {
		r.Header[name] = values
	}
	res, err := s.client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	text := strings.TrimSpace(fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get(queued.ReasonHeader), body))
	if err != nil {
		text += " " + err.Error()
	}
	return strings.ReplaceAll(text, "  ", " ")
}

func TestARequestIsPassedOnAsItCame(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		fmt.Fprintf(w, "%s %s host %s; %s; for %q host %q proto %q forwarded %q agent %q", r.Method, r.RequestURI, r.Host, body,
			r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Host"], r.Header["X-Forwarded-Proto"], r.Header["Forwarded"], r.Header["User-Agent"])
	})
	open(t, echo, nil, func(s *street) {
		got := s.ask("POST", "/a%2Fb/?q=1;2&%zz", http.Header{"X-Forwarded-For": {"6.6.6.6"}, "Forwarded": {"for=203.0.113.7"}})
		want := `200 POST /base/a%2Fb/?q=1;2&%zz host shop.example; body; for [] host ["shop.example"] proto ["https"] forwarded ["for=203.0.113.7"] agent []`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	open(t, echo, func(o *backend.Options, _ *queued.Transport) { o.Host = "inner" }, func(s *street) {
		if got := s.ask("GET", "/", nil); !strings.Contains(got, " host inner; ") {
			t.Errorf("with a host of its own: %s", got)
		}
	})
}

// broken answers with 503 until the call of that number, which is answered.
func broken(until int) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the connection may end before the answer is read
		if n++; n < until {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(503)
		}
		fmt.Fprint(w, "call ", n)
	}
}

// hangUp ends the connection without an answer, or in the middle of one.
func hangUp(half bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if half {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}
}

func TestOnlyWhatIsSafeIsTriedAgain(t *testing.T) {
	statuses := func(o *backend.Options, _ *queued.Transport) { o.RetryStatuses = []int{503} }
	always := func(o *backend.Options, _ *queued.Transport) { o.Retry = backend.RetryAll }
	never := func(o *backend.Options, _ *queued.Transport) { o.Retry = backend.RetryNever }
	once := func(_ *backend.Options, t *queued.Transport) { t.Once = func(*http.Request) bool { return true } }
	for _, c := range []struct {
		name    string
		handler http.Handler
		change  func(*backend.Options, *queued.Transport)
		method  string
		header  http.Header
		down    bool
		want    string
		calls   int
		dead    int
	}{
		{name: "503 is passed on", handler: broken(2), method: "GET", want: "503 call 1", calls: 1},
		{name: "503 is tried again", handler: broken(3), change: statuses, method: "GET", want: "200 call 3", calls: 3},
		{name: "the last 503 is passed on", handler: broken(9), change: statuses, method: "GET", want: "503 call 3", calls: 3},
		{name: "503 of a POST", handler: broken(3), change: statuses, method: "POST", want: "503 call 1", calls: 1},
		{name: "503 of a POST with a key", handler: broken(2), change: statuses, method: "POST", header: http.Header{"Idempotency-Key": {"1"}}, want: "200 call 2", calls: 2},
		{name: "503 of a GET marked once", handler: broken(2), method: "GET", want: "503 call 1", calls: 1,
			change: func(o *backend.Options, t *queued.Transport) { statuses(o, t); once(o, t) }},
		{name: "no answer to a GET", handler: hangUp(false), method: "GET", want: "502 failed", calls: 3, dead: 1},
		{name: "no answer to a POST", handler: hangUp(false), method: "POST", want: "502 unreachable", calls: 1, dead: 1},
		{name: "no answer to a POST, all are repeated", handler: hangUp(false), change: always, method: "POST", want: "502 failed", calls: 3, dead: 1},
		{name: "no answer to a GET, none are repeated", handler: hangUp(false), change: never, method: "GET", want: "502 unreachable", calls: 1, dead: 1},
		{name: "half an answer", handler: hangUp(true), method: "GET", want: "broke off", calls: 1},
		{name: "half an answer, held back", handler: hangUp(true), method: "GET", want: "502 failed", calls: 3, dead: 1,
			change: func(_ *backend.Options, t *queued.Transport) { t.Whole = true }},
		{name: "nobody listens, to a POST", down: true, method: "POST", want: "502 failed", dead: 1},
		{name: "nobody listens, marked once", down: true, change: once, method: "POST", want: "502 unreachable", dead: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			open(t, c.handler, c.change, func(s *street) {
				s.shop.down.Store(c.down)
				got := s.ask(c.method, "/", c.header)
				if !strings.Contains(got, c.want) || s.shop.called() != c.calls || len(s.dead) != c.dead {
					t.Errorf("%s, %d calls, %d given up; want %s, %d, %d", got, s.shop.called(), len(s.dead), c.want, c.calls, c.dead)
				}
			})
		})
	}
}

func TestAServerThatComesBackAnswersWhatWaited(t *testing.T) {
	open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "back") }),
		func(o *backend.Options, _ *queued.Transport) { o.Tries = 50 }, func(s *street) {
			s.shop.down.Store(true)
			time.AfterFunc(10*time.Minute, func() { s.shop.down.Store(false) })
			if got := s.ask("POST", "/", nil); got != "200 back" {
				t.Errorf("got %s", got)
			}
		})
}

func TestPiecesPassThrough(t *testing.T) {
	open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusEarlyHints)
		for i := range 3 {
			fmt.Fprintf(w, "%d", i)
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
		}
		w.Header().Set("X-Sum", "3")
	}), nil, func(s *street) {
		begun := time.Now()
		res, err := s.client.Get("http://shop.example/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for i := range 3 {
			p := make([]byte, 10)
			n, err := res.Body.Read(p)
			if string(p[:n]) != fmt.Sprint(i) || err != nil || time.Since(begun) != time.Duration(i)*time.Second {
				t.Errorf("after %s: %q, %v; want %d after %d s", time.Since(begun), p[:n], err, i, i)
			}
		}
		if _, err := res.Body.Read(make([]byte, 1)); err != io.EOF || res.Trailer.Get("X-Sum") != "3" {
			t.Errorf("at the end: %v, trailer %v", err, res.Trailer)
		}
	})
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	good, _ := backend.ParseTarget("127.0.0.1:3000")
	for name, o := range map[string]backend.Options{
		"must be http":           {To: &url.URL{Scheme: "ftp", Host: "a"}},
		"tries":                  {To: good, Tries: -1},
		"no rule":                {To: good, Retry: "sometimes"},
		"none to try":            {To: good, RetryStatuses: []int{200}},
		"must be http://HOST[:P": {},
	} {
		if _, err := backend.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, want an error with %q", o, err, name)
		}
	}
	if _, err := backend.ParseTarget("http://"); err == nil {
		t.Error("an address without a host was taken")
	}
	if _, err := backend.New(backend.Options{To: good}); err != nil {
		t.Errorf("%s: %v", good, err)
	}
}
