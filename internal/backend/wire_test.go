package backend_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/forebay-mq/forebay/internal/backend"
	"github.com/forebay-mq/forebay/queued"
)

// scripted is a server that answers every request with the same bytes, and keeps the head of the last one.
type scripted struct {
	answer string
	head   atomic.Value // string
	calls  atomic.Int32
}

func (s *scripted) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		in := bufio.NewReader(server)
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
		}
		s.head.Store(head.String())
		s.calls.Add(1)
		go func() { _, _ = io.Copy(io.Discard, in) }()
		_, _ = io.WriteString(server, s.answer)
	}()
	return client, nil
}

// askScripted sends a request through a queue to a backend before such a server. The answer comes whole, or in pieces.
func askScripted(t *testing.T, answer, to string, whole bool, change func(*http.Request)) (
	res *http.Response, body string, s *scripted,
) {
	t.Helper()
	s = &scripted{answer: answer}
	open(t, nil, func(o *backend.Options, asker *queued.Transport) {
		asker.Whole = whole
		o.To, _ = url.Parse(to)
		o.Transport = &http.Transport{DialContext: s.dial, DisableCompression: true, DisableKeepAlives: true}
	}, func(st *street) {
		r, err := http.NewRequestWithContext(st.t.Context(), "GET", "http://shop.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(r)
		}
		if res, err = st.client.Do(r); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Error(err)
		}
		res.Body.Close()
		body = string(text)
	})
	return res, body, s
}

func TestStatusesThatServersSend(t *testing.T) {
	const refused = "the server behind the queue answered with the status "
	for _, tt := range []struct {
		status string
		want   int
		body   string
	}{
		{"200", 200, "ok"}, {"205", 205, "ok"}, {"299", 299, "ok"}, {"599", 599, "ok"}, {"600", 600, "ok"}, {"999", 999, "ok"},
		{"204", 204, ""}, {"304", 304, ""},
		{"000", 502, refused + "000, which is none\n"}, {"099", 502, refused + "099, which is none\n"}, {"101", 502, refused + "101, which is none\n"},
	} {
		res, body, s := askScripted(t, "HTTP/1.1 "+tt.status+" X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "http://shop.local", true, nil)
		if res.StatusCode != tt.want || body != tt.body || s.calls.Load() != 1 {
			t.Errorf("%s: got %d %q after %d calls, want %d %q after one", tt.status, res.StatusCode, body, s.calls.Load(), tt.want, tt.body)
		}
	}
}

func TestNothingIsAddedToAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, answer, method string
		kind                 []string
		length               int64
	}{
		{"a type", "Content-Type: text/css\r\nContent-Length: 6\r\n\r\n<html>", "GET", []string{"text/css"}, 6},
		{"no type", "Content-Length: 6\r\n\r\n<html>", "GET", nil, 6},
		{"no type, and nosniff", "X-Content-Type-Options: nosniff\r\nContent-Length: 6\r\n\r\n<html>", "GET", nil, 6},
		{"no type, after hints", "Link: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "GET", nil, 6},
		{"HEAD without a length", "\r\n", "HEAD", nil, -1},
		{"HEAD with a length", "Content-Length: 7\r\n\r\n", "HEAD", nil, 7},
	} {
		hinted := strings.HasPrefix(tt.answer, "Link")
		status := "HTTP/1.1 200 OK\r\n"
		if hinted {
			status = "HTTP/1.1 103 Early Hints\r\n"
		}
		for _, whole := range []bool{true, false} {
			hints := 0
			res, _, _ := askScripted(t, status+tt.answer, "http://shop.local", whole, func(r *http.Request) {
				r.Method = tt.method
				*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
					Got1xxResponse: func(int, textproto.MIMEHeader) error { hints++; return nil }}))
			})
			got := res.Header["Content-Type"]
			if strings.Join(got, ",") != strings.Join(tt.kind, ",") || res.ContentLength != tt.length ||
				(hints > 0) != (hinted && !whole) {
				t.Errorf("%s (whole: %v): got type %q, length %d and %d hints, want %q and %d",
					tt.name, whole, got, res.ContentLength, hints, tt.kind, tt.length)
			}
		}
	}
}

func TestTheTargetIsPassedOnByteForByte(t *testing.T) {
	for _, tt := range []struct{ to, target, want string }{
		{"http://shop.local", "/a%2Fb%2fc%25%5c", "/a%2Fb%2fc%25%5c"},
		{"http://shop.local/", "/a//b;c+d?", "/a//b;c+d?"},
		{"http://shop.local", "/a\"<b>|^`{}?\"<c>|^`{}\\;&=%zz", "/a\"<b>|^`{}?\"<c>|^`{}\\;&=%zz"},
		{"http://shop.local", "/%7e%C3%bc??x", "/%7e%C3%bc??x"},
		{"http://shop.local/base%2F1/", "/a%2F", "/base%2F1/a%2F"},
		{"http://shop.local/base", "/", "/base/"},
	} {
		_, _, s := askScripted(t, "HTTP/1.1 204 No Content\r\n\r\n", tt.to, true, func(r *http.Request) {
			path, query, asked := strings.Cut(tt.target, "?")
			r.URL.Opaque, r.URL.RawQuery, r.URL.ForceQuery = path, query, asked
			r.Header.Set("Expect", "100-continue")
			r.Header["X-L"] = []string{"gr\xfcn"}
		})
		head := s.head.Load().(string)
		line, fields, _ := strings.Cut(head, "\r\n")
		if want := "GET " + tt.want + " HTTP/1.1"; line != want {
			t.Errorf("%s to %s: the server was asked %q, want %q", tt.target, tt.to, line, want)
		}
		if strings.Contains(fields, "Expect:") || !strings.Contains(fields, "X-L: gr\xfcn\r\n") {
			t.Errorf("%s: the server was sent %q", tt.target, fields)
		}
	}
}
