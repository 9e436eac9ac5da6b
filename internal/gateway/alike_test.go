package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/queued"
)

// wires are requests as bytes, with handlers that answer them behind net/http and behind gateway, queue and package queued.
var wires = []struct {
	name    string
	handler http.HandlerFunc
	sent    string // the first request; "Connection: close" and an empty line follow
	body    string
}{
	{name: "a text", handler: says("hello"), sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "HEAD of an answer without a length", handler: func(http.ResponseWriter, *http.Request) {}, sent: "HEAD / HTTP/1.1\r\nHost: h\r\n"},
	{name: "HEAD of a text", handler: says("hello"), sent: "HEAD / HTTP/1.1\r\nHost: h\r\n"},
	{name: "HEAD of a status without a body", handler: status(204), sent: "HEAD / HTTP/1.1\r\nHost: h\r\n"},
	{name: "no type", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("X-Content-Type-Options", "nosniff")
		io.WriteString(w, "<html>")
	}, sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "an empty type", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "")
		io.WriteString(w, "<html>")
	}, sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "Latin-1 in the answer", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-L"] = []string{"Gr\xfc\xdfe", "gr\u00fcn", "\x80\xff"}
		w.Header().Set("X-U", "gr\u00fcn")
	}, sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "Latin-1 in the request", handler: tells, sent: "GET / HTTP/1.1\r\nHost: h\r\nX-L: Gr\xfc\xdfe\r\nx-l: gr\u00fcn\r\nCookie: a=\xe9; b=\"1\"\r\n"},
	{name: "the status 999", handler: status(999), sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "the status 600", handler: status(600), sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "the status 205", handler: status(205), sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "no content", handler: status(204), sent: "DELETE / HTTP/1.1\r\nHost: h\r\n"},
	{name: "not modified, with a length", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "7")
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(304)
	}, sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "cookies in their order", handler: func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range []string{"z=1", "a=2; Path=/x", "z=3"} {
			w.Header().Add("Set-Cookie", c)
		}
	}, sent: "GET / HTTP/1.1\r\nHost: h\r\n"},
	{name: "fields that come twice", handler: tells, sent: "GET / HTTP/1.1\r\nHost: h\r\nX-A: 2\r\nX-B: \r\nX-A: 1, 0\r\nAccept: a\r\nAccept: b\r\n"},
	{name: "an encoded slash", handler: tells, sent: "GET /a%2Fb/%2f%25%5C?x=%2F HTTP/1.1\r\nHost: h\r\n"},
	{name: "letters in lower case", handler: tells, sent: "GET /%c3%bc%7E HTTP/1.1\r\nHost: h\r\n"},
	{name: "slashes, semicolons and signs", handler: tells, sent: "GET /a//b;c=1,2+d@e:f!'()*$&=~ HTTP/1.1\r\nHost: h\r\n"},
	{name: "an empty query", handler: tells, sent: "GET /a? HTTP/1.1\r\nHost: h\r\n"},
	{name: "two question marks", handler: tells, sent: "GET /a??b?c HTTP/1.1\r\nHost: h\r\n"},
	{name: "an odd query", handler: tells, sent: "GET /a?%zz&;=|^`{}\"<>\\ HTTP/1.1\r\nHost: h\r\n"},
	{name: "what URLs should not hold", handler: tells, sent: "GET /a\"<b>|^`{} HTTP/1.1\r\nHost: h\r\n"},
	{name: "a port and capitals in the host", handler: tells, sent: "GET / HTTP/1.1\r\nHost: Shop.Example:8080\r\n"},
	{name: "an address as host", handler: tells, sent: "GET / HTTP/1.1\r\nHost: [::1]:80\r\n"},
	{name: "an empty host", handler: tells, sent: "GET / HTTP/1.1\r\nHost:\r\n"},
	{name: "HTTP/1.0 without a host", handler: says("old"), sent: "GET / HTTP/1.0\r\n"},
	{name: "a body in chunks", handler: tellsBody, sent: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n", body: "2\r\nab\r\n1\r\n\xff\r\n0\r\n\r\n"},
	{name: "a body that waits for leave", handler: tellsBody, sent: "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n", body: "ab"},
	{name: "trailers", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "gr\xfcn")
	}, sent: "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n"},
	{name: "a method of one's own", handler: tells, sent: "PROPFIND /x HTTP/1.1\r\nHost: h\r\n"},
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func status(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// tells answers with what a handler sees.
func tells(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"Forwarded", "Connection", "Traceparent", "Te", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"} {
		r.Header.Del(name)
	}
	fmt.Fprintf(w, "%s %q %q %q %q %q\n%q", r.Method, r.RequestURI, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.Host, fmt.Sprint(r.Header))
}

func tellsBody(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%q %v", body, err)
}

// exchange sends bytes and returns what comes back until the connection is closed, without what tells the two apart: the date,
// the gateway's own field, the order of fields, and the announcement of trailers. What is asked for in the middle
// is sent when the server has answered 100.
func exchangeRaw(t *testing.T, conn net.Conn, head, body string) string {
	t.Helper()
	defer conn.Close()
	in := bufio.NewReader(conn)
	var out strings.Builder
	if !strings.Contains(head, "Expect:") {
		head += "Connection: close\r\n\r\n" + body
		body = ""
	} else {
		head += "Connection: close\r\n\r\n"
	}
	go func() { _, _ = io.WriteString(conn, head) }()
	for {
		var fields []string
		line, err := in.ReadString('\n')
		if err != nil {
			return out.String() + err.Error()
		}
		out.WriteString(line)
		for {
			field, err := in.ReadString('\n')
			if err != nil {
				return out.String() + err.Error()
			}
			if field == "\r\n" {
				break
			}
			name, _, _ := strings.Cut(field, ":")
			if name != "Date" && name != replyState && name != "Trailer" {
				fields = append(fields, field)
			}
		}
		slices.SortStableFunc(fields, func(a, b string) int {
			return strings.Compare(a[:strings.Index(a, ":")], b[:strings.Index(b, ":")])
		})
		out.WriteString(strings.Join(fields, "") + "\r\n")
		if strings.Contains(line, " 100 ") {
			go func() { _, _ = io.WriteString(conn, body) }()
			continue
		}
		rest, err := io.ReadAll(in)
		out.Write(rest)
		if err != nil {
			out.WriteString(err.Error())
		}
		return out.String()
	}
}

// behind serves a site over an in-memory network, with a handler behind its queue.
func (s *site) behind(t *testing.T, handler http.Handler) (network *pipes, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	network = &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := Serve(ctx, s.g, network, ServerOptions{HeadersMax: 32 << 10, ConnectionsMax: 10, Log: slog.New(slog.DiscardHandler)}, time.Second); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	backend, leave := context.WithCancel(t.Context())
	wg.Go(func() {
		if err := queued.Serve(backend, s.client, "requests", handler, func(o *queued.Options) { o.Logger = slog.New(slog.DiscardHandler) }); err != nil {
			t.Errorf("queued.Serve: %v", err)
		}
	})
	return network, func() {
		leave()
		cancel()
		wg.Wait()
	}
}

// plain serves a handler by net/http over an in-memory network.
func plain(handler http.Handler) (network *pipes, stop func()) {
	network = &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(network)
	}()
	return network, func() {
		_ = server.Close()
		<-done
	}
}

func TestTheWireIsAsBehindNetHTTP(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		var handler http.Handler
		network, stop := s.behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
		defer stop()
		for _, tt := range wires {
			handler = tt.handler
			direct, close := plain(tt.handler)
			want := exchangeRaw(t, direct.dial(t), tt.sent, tt.body)
			close()
			got := exchangeRaw(t, network.dial(t), tt.sent, tt.body)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-net/http +queue):\n%s", tt.name, diff)
			}
		}
	})
}

func TestWhatComesBeforeARequestOnTheWire(t *testing.T) {
	const get = "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		network, stop := s.behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RequestURI) }))
		defer stop()
		for _, tt := range []struct {
			name string
			sent []string // each a while after the answer to the one before
		}{
			{"nothing", []string{fmt.Sprintf(get, 0), fmt.Sprintf(get, 1)}},
			{"an empty line", []string{"\r\n" + fmt.Sprintf(get, 0), "\r\n" + fmt.Sprintf(get, 1)}},
			{"a line feed", []string{"\n" + fmt.Sprintf(get, 0)}},
			{"a whole URL", []string{"GET http://a.example/0 HTTP/1.1\r\nHost: other\r\n\r\n"}},
		} {
			conn := network.dial(t)
			in := bufio.NewReader(conn)
			for i, sent := range tt.sent {
				go func() {
					for _, b := range []byte(sent) { // one by one, as a slow line brings them
						_, _ = conn.Write([]byte{b})
					}
				}()
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Errorf("%s: request %d: %v", tt.name, i, err)
					break
				}
				body, _ := io.ReadAll(res.Body)
				if want := fmt.Sprintf("/%d", i); res.StatusCode != 200 || string(body) != want {
					t.Errorf("%s: request %d got %d %q, want 200 %q", tt.name, i, res.StatusCode, body, want)
				}
				synctest.Wait()
			}
			conn.Close()
		}
	})
}

// halves is a connection whose halves are closed apart.
type halves struct {
	net.Conn // what it reads from
	out      net.Conn
}

func (h *halves) Write(p []byte) (int, error)        { return h.out.Write(p) }
func (h *halves) SetWriteDeadline(t time.Time) error { return h.out.SetWriteDeadline(t) }
func (h *halves) SetDeadline(t time.Time) error {
	_ = h.out.SetWriteDeadline(t)
	return h.Conn.SetReadDeadline(t)
}
func (h *halves) CloseWrite() error { return h.out.Close() }
func (h *halves) Close() error {
	_ = h.out.Close()
	return h.Conn.Close()
}

// dialHalves connects, to be closed half by half.
func (p *pipes) dialHalves() *halves {
	toServer, atServer := net.Pipe()
	toClient, atClient := net.Pipe()
	p.conns <- &halves{atServer, toClient}
	return &halves{atClient, toServer}
}

func TestAClientThatOnlySendsNothingMoreGetsItsAnswer(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		network, stop := s.behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			io.WriteString(w, "at last")
		}))
		defer stop()
		location := s.get("/x", "Prefer", "respond-async").location(t)
		for _, sent := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET " + location + " HTTP/1.1\r\nHost: a\r\nPrefer: wait=60\r\n\r\n"} {
			conn := network.dialHalves()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			conn.CloseWrite()
			text, err := io.ReadAll(conn)
			if !bytes.HasPrefix(text, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(text, []byte("\r\n\r\nat last")) {
				t.Errorf("%q got %q, %v, want the answer", sent, text, err)
			}
			conn.Close()
		}
	})
}

func TestAClientThatHasGoneIsNotAnsweredWithNothing(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan answer, 1)
		go func() { got <- s.do(ctx, "GET", "/x", "") }()
		w.mustTake()
		cancel()
		if a := <-got; !a.aborted {
			t.Errorf("got %d %q, want a connection that ends without an answer", a.status, a.body)
		}
	})
}

func TestBodiesOfAnyBytesFit(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			name       string
			messageMax int // of the gateway; zero: it asks the queue
			size       int
			fits       bool
		}{
			{"the default", 0, BodyMaxDefault, true},
			{"what surely fits into a short message", 256 << 10, sureBody(256 << 10), true},
			{"what does not fit", 256 << 10, BodyMaxDefault, false},
		} {
			s := w.gateway(1, func(o *Options) { o.MessageMax, o.Routes[0].Wait = tt.messageMax, -1 })
			a := s.do(t.Context(), "POST", "/?"+strings.Repeat("q", 8000), strings.Repeat("\xff\x00", tt.size/2),
				"X-Long", strings.Repeat(`"`, 15<<10))
			if fits := a.status == http.StatusAccepted; fits != tt.fits || !fits && !strings.Contains(a.body, fmt.Sprint(sureBody(256<<10))) {
				t.Errorf("%s: %d bytes got %d %q, want them to fit: %v", tt.name, tt.size, a.status, a.body, tt.fits)
			}
			s.stop()
		}
	})
}

func TestTheWireUnderTLS(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	secure := certified.TLS.Clone()
	certified.Close()
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.Routes[0].Wait = -1 })
		ctx, cancel := context.WithCancel(t.Context())
		network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() {
			served <- Serve(ctx, s.g, network, ServerOptions{TLS: secure, HeadersMax: 8 << 10, ConnectionsMax: 4,
				Log: slog.New(slog.DiscardHandler)}, time.Second)
		}()
		conn := tls.Client(network.dial(t), &tls.Config{InsecureSkipVerify: true})
		go func() { _, _ = io.WriteString(conn, "\r\nGET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }()
		line, err := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		if q := w.mustTake(); line != "HTTP/1.1 202 Accepted\r\n" || q.Scheme != "https" {
			t.Errorf("got %q, %v, and a request by %s", line, err, q.Scheme)
		}
		wrong := network.dial(t)
		go func() { _, _ = io.WriteString(wrong, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n") }()
		text := make([]byte, len(httpOverTLS))
		if n, err := io.ReadFull(wrong, text); string(text) != httpOverTLS {
			t.Errorf("plain HTTP got %q, %v, want %q", text[:n], err, httpOverTLS)
		}
		wrong.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
