package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

// drip sends a text, a byte each second, and returns after how long it cannot any more.
func drip(w io.Writer, text string) time.Duration {
	start := time.Now()
	for i := range len(text) {
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			break
		}
		time.Sleep(time.Second)
	}
	return time.Since(start)
}

// TestSlowClients checks when the server loses its patience.
func TestSlowClients(t *testing.T) {
	slow := strings.Repeat("x", 1000)
	for _, test := range []struct {
		name  string
		first string // sent at once; its answer is read, if there is one
		then  string // dripped
		most  time.Duration
	}{
		{"a slow head", "", get[:20] + slow, 6 * time.Second},
		{"a slow head after a request", get, get[:20] + slow, 6 * time.Second},
		{"a slow body that goes on", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n", slow, 57 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := listenInMemory()
				s := own(responders()["a body that is read"])
				go func() { _ = s.Serve(l) }()
				conn := l.dial()
				_, _ = io.WriteString(conn, test.first)
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				if got := drip(conn, test.then); got > test.most {
					t.Errorf("the connection was open for %v, want at most %v", got, test.most)
				}
				_ = conn.Close()
				_ = s.Close()
			})
		})
	}
}

// TestSilence checks after how long a connection is closed on which nothing happens.
func TestSilence(t *testing.T) {
	for _, test := range []struct {
		name, sent string
		want       time.Duration
	}{
		{"a new one", "", 5 * time.Second},
		{"in a head", get[:20], 5 * time.Second},
		{"after a request", get, time.Minute},
		{"after two", get + get, time.Minute},
		{"in a second head", get + get[:20], 5 * time.Second},
		{"in a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nx", 10 * time.Second},
		{"in a chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx", 10 * time.Second},
		{"in a large body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\nx", 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := listenInMemory()
				s := own(responders()["a body that is read"])
				go func() { _ = s.Serve(l) }()
				conn := l.dial()
				start := time.Now()
				go func() { _, _ = io.WriteString(conn, test.sent) }()
				_, _ = io.Copy(io.Discard, conn)
				if got := time.Since(start).Round(time.Second); got != test.want {
					t.Errorf("the server closed after %v, want %v", got, test.want)
				}
				_ = conn.Close()
				_ = s.Close()
			})
		})
	}
}

// TestRates checks that a body or an answer may take its grace and what its bytes need at the least rate, and no longer,
// in whatever pieces they go over the wire.
func TestRates(t *testing.T) {
	const large = 10 * (64 << 10) // 10 s more than the grace
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		for range n / 1024 {
			_, _ = w.Write(make([]byte, 1024))
			w.(http.Flusher).Flush()
		}
	})
	for _, test := range []struct {
		name        string
		piece       int           // bytes that go every second
		sent, taken bool          // whose they are: of the body, of the answer
		want        time.Duration // after which the connection ends
	}{
		{"a body of a byte a second", 1, true, false, 10 * time.Second},
		{"a body at a quarter of the rate", 16 << 10, true, false, 13 * time.Second},
		{"an answer taken by a byte a second", 1, false, true, 10 * time.Second},
		{"an answer taken at a quarter of the rate", 16 << 10, false, true, 13 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, s := listenInMemory(), own(answer)
				go func() { _ = s.Serve(l) }()
				conn := l.dial()
				start := time.Now()
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", large)
				if test.sent {
					go func() { _, _ = io.Copy(io.Discard, conn) }()
				} else {
					_, _ = conn.Write(make([]byte, large))
				}
				for err := error(nil); err == nil; time.Sleep(time.Second) {
					if test.sent {
						_, err = conn.Write(make([]byte, test.piece))
					} else {
						_, err = io.ReadFull(conn, make([]byte, test.piece))
					}
				}
				if got := time.Since(start); got < test.want-2*time.Second || got > test.want+7*time.Second {
					t.Errorf("the connection ended after %v, want about %v", got, test.want)
				}
				_ = conn.Close()
				_ = s.Close()
			})
		})
	}
}

// TestRestedConnections checks that a connection that has given its memory back serves on.
func TestRestedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listenInMemory()
		s := &Server{Handler: http.HandlerFunc(echo)}
		go func() { _ = s.Serve(l) }()
		conn := l.dial()
		answers := bufio.NewReader(conn)
		for _, pause := range []time.Duration{0, 4 * time.Second, 8 * time.Second, 30 * time.Second, 59 * time.Second, 12 * time.Second} {
			time.Sleep(pause)
			body := strings.Repeat("x", int(pause/time.Second))
			go func() {
				_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"+"40\r\n"+strings.Repeat(body+"y", 100)[:64]+"\r\n0\r\n\r\n")
			}()
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatalf("after %v: %v", pause, err)
			}
			if got, _ := io.ReadAll(res.Body); !strings.Contains(string(got), strings.Repeat(body+"y", 100)[:64]) {
				t.Errorf("after %v the answer is %q", pause, got)
			}
		}
		_ = conn.Close()
		_ = s.Close()
	})
}

// TestLongAnswers checks that the time between two requests begins with the end of the answer.
func TestLongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listenInMemory()
		s := own(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(time.Minute)
			}
		}))
		go func() { _ = s.Serve(l) }()
		conn := l.dial()
		go func() {
			_, _ = io.WriteString(conn, get)
			time.Sleep(3*time.Minute + 50*time.Second)
			_, _ = io.WriteString(conn, get)
			time.Sleep(4 * time.Minute)
			_ = conn.Close()
		}()
		raw, _ := io.ReadAll(conn)
		if n := len(answers(t, string(raw))); n != 2 {
			t.Errorf("%d answers, want 2", n)
		}
		_ = s.Close()
	})
}

// poller waits until it is told, or its client leaves.
type poller struct {
	tell chan string
	left chan time.Time
}

func newPoller() *poller { return &poller{make(chan string), make(chan time.Time, 1)} }

// ServeHTTP implements http.Handler.
func (p *poller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/poll" {
		echo(w, r)
		return
	}
	done := r.Context().Done()
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case text := <-p.tell:
		_, _ = io.WriteString(w, text)
	case <-done:
		if errors.Is(r.Context().Err(), context.Canceled) {
			p.left <- time.Now()
		}
	}
}

// TestPolls checks that a request that waits knows when its client leaves, and that nothing sent meanwhile is lost.
func TestPolls(t *testing.T) {
	const poll = "GET /poll HTTP/1.1\r\nHost: h\r\n\r\n"
	const late = "POST /poll HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
	const next = "POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
	for _, test := range []struct {
		name         string
		first, later string // sent at once, and after a second
		leaves       bool   // then; otherwise the poll is answered
	}{
		{"the client leaves", poll, "", true},
		{"the client leaves, with a body that came late", late, "abc", true},
		{"the poll is answered", poll, "", false},
		{"the next request comes with it", poll + next, "", false},
		{"the next request comes later", poll, next, false},
		{"the next request comes behind a late body", late, "abc" + next, false},
		{"the next request comes in part", poll + next[:7], next[7:], false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, p := listenInMemory(), newPoller()
				s := &Server{Handler: p}
				go func() { _ = s.Serve(l) }()
				conn := l.dial()
				_, _ = io.WriteString(conn, test.first)
				time.Sleep(time.Second)
				go func() { _, _ = io.WriteString(conn, test.later) }()
				time.Sleep(time.Minute)
				if test.leaves {
					left := time.Now()
					_ = conn.Close()
					if noticed := <-p.left; noticed != left {
						t.Errorf("it was noticed %v later", noticed.Sub(left))
					}
					_ = s.Close()
					return
				}
				p.tell <- "told"
				checkPolled(t, conn, strings.Contains(test.first+test.later, "/next"))
				_ = s.Close()
			})
		})
	}
}

// checkPolled reads the answer to a poll, and to the request behind it.
func checkPolled(t *testing.T, conn io.ReadWriteCloser, next bool) {
	t.Helper()
	answers := bufio.NewReader(conn)
	wants := []string{"told", `POST /next HTTP/1.1 host=h length=3 body="abc"`}
	if !next {
		wants = append(wants[:1], `GET / HTTP/1.1 host=h length=0 body=""`)
	}
	for i, want := range wants {
		if i == 1 && !next {
			_, _ = io.WriteString(conn, get)
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(res.Body); string(got) != want {
			t.Errorf("the answer is %q, want %q", got, want)
		}
	}
	_ = conn.Close()
}

// TestContextsEndWithTheirRequest checks the other end.
func TestContextsEndWithTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done []<-chan struct{}
		got, _ := exchangeRaw(own(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			done = append(done, r.Context().Done())
			if err := r.Context().Err(); err != nil {
				t.Errorf("the context has ended at its beginning: %v", err)
			}
		})), get+get)
		if n := len(answers(t, got)); n != 2 {
			t.Errorf("%d answers, want 2", n)
		}
		for _, d := range done {
			select {
			case <-d:
			default:
				t.Error("a context goes on after its request")
			}
		}
	})
}
