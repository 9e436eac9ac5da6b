package straight

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

var replies = []struct {
	name, reply string
	want        string
	kept        bool
	fails       bool
	ours        bool // net/http takes it
}{
	{"with a length", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\nX: z\r\n\r\nhello", "hello", true, false, false},
	{"with nothing in it", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true, false, false},
	{"that may have no body", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", "", true, false, false},
	{"in chunks, with a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: u\r\n\r\n", "hello", true, false, false},
	{"in no chunks", "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", true, false, false},
	{"until the connection ends", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", false, false, false},
	{"as the last one", "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", false, false, false},
	{"as the last one, without a body", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", "", false, false, false},
	{"of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false, false, false},
	{"of HTTP/1.0, kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "hello", true, false, false},
	{"behind interim replies", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true, false, false},
	{"with lines that end too soon", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "hello", true, false, false},
	{"with a length said twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello", true, false, false},
	{"with more behind it", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n", "hello", false, false, false},

	{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "hel", false, true, false},
	{"cut short in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhe", "he", false, true, false},
	{"cut short before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", "hel", false, true, false},
	{"cut short in the head", "HTTP/1.1 200 OK\r\nContent-Le", "", false, true, false},
	{"with no final reply", "HTTP/1.1 100 Continue\r\n\r\n", "", false, true, false},
	{"that never came", "", "", false, true, false},
	{"of another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "", false, true, false},
	{"of TLS", "\x15\x03\x01\x00\x02\x02\x46", "", false, true, false},
	{"of a version to come", "HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, true, true},
	{"that changes the protocol", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "", false, true, true},
	{"with a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "", false, true, false},
	{"with a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "", false, true, false},
	{"with two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "", false, true, false},
	{"in a coding that nobody knows", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", "", false, true, false},
	{"in chunks of no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nhello", "", false, true, false},
	{"in chunks beyond reason", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello", "", false, true, false},
	{"with a header that has no name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "", false, true, false},
	{"with a head that does not end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 1100), "", false, true, false},
	{"with a line that does not end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 2<<20), "", false, true, false},
	{"with interim replies without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 40_000), "", false, true, false},
}

// TestRepliesAreReadAsNetHTTPDoes sends each reply as a whole and byte by byte.
func TestRepliesAreReadAsNetHTTPDoes(t *testing.T) {
	for _, row := range replies {
		for _, step := range []int{len(row.reply), 1} {
			if step == 1 && (len(row.reply) > 1000 || row.name == "with more behind it") { // which comes too late, then
				continue
			}
			t.Run(fmt.Sprintf("%s, %d bytes at once", row.name, step), func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				p := serve(t, func(p *peer, _ int, c net.Conn, in *bufio.Reader) {
					if p.hear(in); p.requests.Load() == 0 {
						return
					}
					for rest := row.reply; rest != ""; rest = rest[min(step, len(rest)):] {
						if _, err := io.WriteString(c, rest[:min(step, len(rest))]); err != nil {
							return
						}
					}
					if row.kept {
						<-over
					}
				})
				tr := fresh(t, &http.Transport{})
				defer tr.CloseIdleConnections()
				got, text, err := post(t.Context(), tr, p.url, "x")
				if text != row.want || (err != nil) != row.fails {
					t.Errorf("got %q, %v; want %q, an error: %v", text, err, row.want, row.fails)
				}
				if kept := len(idle(tr)) == 1; kept != row.kept {
					t.Errorf("the connection is kept: %v, want %v", kept, row.kept)
				}
				if n := p.requests.Load(); n != 1 {
					t.Errorf("the request was sent %d times", n)
				}
				usual := &http.Transport{DisableCompression: true}
				defer usual.CloseIdleConnections()
				want, wantText, wantErr := post(t.Context(), usual, p.url, "x")
				if (err != nil) != (wantErr != nil) && !row.ours {
					t.Fatalf("got the error %v, net/http %v", err, wantErr)
				}
				if err == nil && (text != wantText || got.Status != want.Status || got.Proto != want.Proto || got.Close != want.Close ||
					got.ContentLength != want.ContentLength || !maps.EqualFunc(got.Header, want.Header, equal) || !maps.EqualFunc(got.Trailer, want.Trailer, equal)) {
					t.Errorf("got %+v %q, net/http %+v %q", got, text, want, wantText)
				}
			})
		}
	}
}

func equal(a, b []string) bool { return reflect.DeepEqual(a, b) }

// steps is a server that does one of its lines for each request of a connection: "ok" answers it, "end" closes without
// a word, "half" closes within the reply.
func steps(t *testing.T, bodies chan<- string, lines ...[]string) *peer {
	return serve(t, func(p *peer, n int, c net.Conn, in *bufio.Reader) {
		for _, step := range lines[n-1] {
			text, heard := p.hear(in)
			if !heard {
				return
			}
			bodies <- text
			switch step {
			case "end":
				return
			case "half":
				io.WriteString(c, ok[:10])
				return
			}
			io.WriteString(c, ok)
		}
		p.hear(in) // until the client closes
	})
}

func TestAKeptConnectionThatEndsCostsNoCall(t *testing.T) {
	for _, row := range []struct {
		name  string
		lines [][]string
		fails bool
		sent  int
	}{
		{"two calls, one connection", [][]string{{"ok", "ok"}}, false, 2},
		{"a kept one that ends without a word: once more", [][]string{{"ok", "end"}, {"ok"}}, false, 3},
		{"once more, and again nothing: an error", [][]string{{"ok", "end"}, {"end"}}, true, 3},
		{"a kept one that ends within the reply: an error", [][]string{{"ok", "half"}}, true, 2},
		{"a new one that ends without a word: an error", [][]string{{"end"}}, true, 1},
	} {
		for _, size := range []int{10, 1 << 20} {
			bodies := make(chan string, 10)
			p := steps(t, bodies, row.lines...)
			tr := fresh(t, &http.Transport{})
			body := strings.Repeat("x", size)
			var err error
			for range 2 {
				if err == nil {
					_, _, err = post(t.Context(), tr, p.url, body)
				}
			}
			if errors.Is(err, errGone) {
				t.Errorf("%s: the caller sees %v, which tells nobody to try again", row.name, err)
			}
			if (err != nil) != row.fails || int(p.requests.Load()) != row.sent {
				t.Errorf("%s: %v, %d requests; want an error: %v, and %d", row.name, err, p.requests.Load(), row.fails, row.sent)
			}
			for range len(bodies) {
				if got := <-bodies; got != body {
					t.Errorf("%s: a body of %d bytes came as %d", row.name, size, len(got))
				}
			}
			tr.CloseIdleConnections()
		}
	}
}

func TestAConnectionIsLookedAtBeforeItIsUsedAgain(t *testing.T) {
	for _, row := range []struct{ name, said string }{
		{"the server has closed it", ""},
		{"the server has said something unasked", "HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n"},
	} {
		next := make(chan string)
		p := serve(t, func(p *peer, n int, c net.Conn, in *bufio.Reader) {
			p.hear(in)
			io.WriteString(c, ok)
			if n > 1 {
				p.hear(in)
				return
			}
			io.WriteString(c, <-next)
		})
		tr := fresh(t, &http.Transport{})
		if _, _, err := post(t.Context(), tr, p.url, "x"); err != nil {
			t.Fatal(err)
		}
		next <- row.said
		for idle(tr)[0].usable() { // until it has come
			runtime.Gosched()
		}
		resp, _, err := post(t.Context(), tr, p.url, "x")
		if err != nil || resp.StatusCode != 200 || p.accepted.Load() != 2 || p.requests.Load() != 2 {
			t.Errorf("%s: got %v, %v; %d connections and %d requests, want 200 and 2 of both", row.name, resp, err, p.accepted.Load(), p.requests.Load())
		}
		tr.CloseIdleConnections()
	}
}

func TestARefusalIsHeardBeforeTheRequestIsSent(t *testing.T) {
	p := serve(t, func(_ *peer, _ int, c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil { // the head alone
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		}
	})
	resp, text, err := post(t.Context(), fresh(t, &http.Transport{}), p.url, strings.Repeat("x", 16<<20))
	if err != nil || resp.StatusCode != 413 || text != "no" {
		t.Errorf("got %v %q, %v; want 413", resp, text, err)
	}
}

func TestABodyThatIsLeftCostsTheConnection(t *testing.T) {
	p := serve(t, func(p *peer, n int, c net.Conn, in *bufio.Reader) {
		for {
			if _, heard := p.hear(in); !heard {
				return
			}
			io.WriteString(c, ok[:len(ok)-2+min(n, 2)]) // the first one lacks its end
		}
	})
	tr := fresh(t, &http.Transport{})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, nil)
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != http.ErrBodyReadAfterClose {
		t.Errorf("read %d bytes after Close, %v", n, err)
	}
	if len(idle(tr)) != 0 {
		t.Error("the connection is kept, with half a reply in it")
	}
	if _, _, err := post(t.Context(), tr, p.url, "x"); err != nil || len(idle(tr)) != 1 {
		t.Errorf("the next call: %v, %d connections kept; want 1", err, len(idle(tr)))
	}
	resp.Body.Close() // a second time: the connection of the next call is none of its business
	if _, _, err := post(t.Context(), tr, p.url, "x"); err != nil || p.accepted.Load() != 2 {
		t.Errorf("a call after all that: %v, on connection %d of 2", err, p.accepted.Load())
	}
	tr.CloseIdleConnections()
}

func TestABodyCanBeClosedWhileItIsRead(t *testing.T) {
	p := serve(t, func(p *peer, _ int, c net.Conn, in *bufio.Reader) {
		p.hear(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
		p.hear(in)
	})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, nil)
	resp, err := fresh(t, &http.Transport{}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := io.ReadAll(resp.Body)
		read <- err
	}()
	resp.Body.Close()
	if err := <-read; err != http.ErrBodyReadAfterClose {
		t.Errorf("the reading ended with %v", err)
	}
}
