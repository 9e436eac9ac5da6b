package http1

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// responders are handlers in all moods.
func responders() map[string]http.HandlerFunc {
	write := func(w io.Writer, s string) { _, _ = io.WriteString(w, s) }
	return map[string]http.HandlerFunc{
		"nothing":      func(http.ResponseWriter, *http.Request) {},
		"status alone": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"a text":       func(w http.ResponseWriter, _ *http.Request) { write(w, "hello") },
		"a page":       func(w http.ResponseWriter, _ *http.Request) { write(w, "<html>"); write(w, "</html>") },
		"a long text":  func(w http.ResponseWriter, _ *http.Request) { write(w, strings.Repeat("0123456789abcdef", 20_000)) },
		"many pieces": func(w http.ResponseWriter, _ *http.Request) {
			for range 20_000 {
				write(w, "0123456789abcdef")
			}
		},
		"a known length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			write(w, "hello")
		},
		"a known length in two pieces": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			write(w, "he")
			write(w, "llo")
		},
		"more than the known length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			write(w, "hello")
			if _, err := w.Write([]byte("!")); err != http.ErrContentLength {
				panic(err)
			}
		},
		"no content": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := w.Write([]byte("!")); err != http.ErrBodyNotAllowed {
				panic(err)
			}
		},
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) },
		"two statuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) },
		"a header that comes too late": func(w http.ResponseWriter, _ *http.Request) {
			write(w, "hello")
			w.Header().Set("X-Late", "1")
		},
		"a header by another name": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-lower"] = []string{"1", "2"}
			w.Header()["X bad"] = []string{"1"}
			w.Header()["X-Split"] = []string{"a\r\nX-Injected: b"}
			w.Header()["X-None"] = nil
			write(w, "hello")
		},
		"no type":        func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil; write(w, "hello") },
		"a date":         func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", "today") },
		"the last words": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close"); write(w, "bye") },
		"early flushing": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			write(w, "hello")
			w.(http.Flusher).Flush()
			write(w, "again")
		},
		"a body that nobody reads": func(w http.ResponseWriter, _ *http.Request) { write(w, "no, thanks") },
		"a body that is read": func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write(b)
		},
		"an abort":                func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"an abort after a piece":  func(w http.ResponseWriter, _ *http.Request) { write(w, "he"); panic(http.ErrAbortHandler) },
		"an abort after flushing": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); panic(http.ErrAbortHandler) },
	}
}

// TestResponsesAreThoseOfNetHTTP sends the same requests to both servers. What comes back may be cut into other
// chunks, or have a length where net/http needs chunks.
func TestResponsesAreThoseOfNetHTTP(t *testing.T) {
	const two = " / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
	requests := map[string]string{
		"GET":         "GET" + two + "GET" + two,
		"HEAD":        "HEAD" + two + "HEAD" + two,
		"chunks":      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"1.0":         "GET / HTTP/1.0\r\n\r\n",
		"1.0 goes on": strings.Repeat("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2),
		"the last":    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	}
	for name, h := range responders() {
		for kind, raw := range requests {
			if kind == "chunks" && name != "a body that is read" {
				continue // net/http waits for the rest of such a body, we do not
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				method, _, _ := strings.Cut(raw, " ")
				got, gotClosed := responses(t, own(h), raw, method)
				want, wantClosed := responses(t, netHTTP(h), raw, method)
				framing := cmpopts.IgnoreMapEntries(func(name string, _ []string) bool { return name == "Content-Length" || name == "Connection" })
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{}), cmpopts.EquateEmpty(), framing); diff != "" {
					t.Errorf("(-net/http +ours):\n%s", diff)
				}
				if gotClosed != wantClosed && kind != "1.0 goes on" { // there, a known length lets it go on more often
					t.Errorf("the connection was closed: %v, by net/http: %v", gotClosed, wantClosed)
				}
			})
		}
	}
}

// responses returns what a server answers, and whether it ended the connection.
func responses(t *testing.T, s server, raw, method string) (all []answer, closed bool) {
	t.Helper()
	var got string
	synctest.Test(t, func(t *testing.T) { got, closed = exchangeRaw(s, raw) })
	return answers(t, got, method, method), closed
}

// TestExpectation checks when the client is told to send its body.
func TestExpectation(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
	for _, test := range []struct {
		name, handler, raw string
		want               string // begins with
		closed             bool
	}{
		{"a handler that reads", "a body that is read", head + "abc", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", false},
		{"a handler that does not", "a body that nobody reads", head, "HTTP/1.1 200 OK\r\n", true},
		{"HTTP/1.0", "a body that is read", strings.Replace(head, "1.1", "1.0", 1) + "abc", "HTTP/1.0 200 OK\r\n", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, closed := exchangeRaw(own(responders()[test.handler]), test.raw)
				if !strings.HasPrefix(got, test.want) || closed != test.closed {
					t.Errorf("the answer is %q (closed %v), want %q (%v)", got, closed, test.want, test.closed)
				}
			})
		})
	}
}

// TestEarlyHints checks that informational responses go before the one that counts.
func TestEarlyHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, _ := exchangeRaw(own(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		})), "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 418 I'm a teapot\r\nLink: </a>\r\n") {
			t.Errorf("the answer is %q", got)
		}
	})
}

// TestUnreadBodies checks that a body that nobody has read is no request.
func TestUnreadBodies(t *testing.T) {
	const next = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, test := range []struct {
		name    string
		pieces  []string
		answers int
	}{
		{"that is there", []string{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 31\r\n\r\n" + next + next}, 2},
		{"that comes later", []string{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 31\r\n\r\n", next, next}, 1},
		{"in chunks", []string{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1f\r\n" + next + "\r\n0\r\n\r\n", next}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, closed := exchangeRaw(own(responders()["a text"]), test.pieces...)
				if n := len(answers(t, got)); n != test.answers || closed != (n == 1) {
					t.Errorf("%d answers, closed %v; want %d: %q", n, closed, test.answers, got)
				}
			})
		})
	}
}

// TestHandlersDeadlines checks http.ResponseController.
func TestHandlersDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var readErr, writeErr error
		var readAfter, wroteAfter time.Duration
		done := make(chan struct{})
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			control, start := http.NewResponseController(w), time.Now()
			_ = control.SetReadDeadline(start.Add(3 * time.Second))
			_, readErr = io.ReadAll(r.Body)
			readAfter = time.Since(start)
			_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second))
			start = time.Now()
			for writeErr == nil {
				_, writeErr = w.Write(make([]byte, 1<<20))
			}
			wroteAfter = time.Since(start)
		})
		l := listenInMemory()
		s := own(h)
		go func() { _ = s.Serve(l) }()
		conn := l.dial()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab")
		<-done
		if !errors.Is(readErr, os.ErrDeadlineExceeded) || readAfter != 3*time.Second {
			t.Errorf("the body ended with %v after %v, want a deadline after 3s", readErr, readAfter)
		}
		if !errors.Is(writeErr, os.ErrDeadlineExceeded) || wroteAfter < 10*time.Second || wroteAfter > 15*time.Second {
			t.Errorf("the response ended with %v after %v, want a deadline after 10s to 15s", writeErr, wroteAfter)
		}
		_ = conn.Close()
		_ = s.Close()
	})
}
