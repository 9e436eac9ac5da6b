package http1

import (
	"io"
	"log"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seen is a request as a handler sees it.
type seen struct {
	Method, URI, URL, Proto, Host string
	Length                        int64
	Header                        http.Header
	Body                          string
	Cut                           bool // the body ended with an error
}

// recorder is a handler that remembers what it was asked.
type recorder struct {
	mu   sync.Mutex
	seen []seen
}

// ServeHTTP implements http.Handler.
func (h *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	header := maps.Clone(r.Header)
	for name, values := range header {
		header[name] = append([]string(nil), values...)
	}
	delete(header, "Trailer") // net/http makes something else of it
	if header.Get("Pragma") == "no-cache" {
		delete(header, "Cache-Control") // net/http adds it
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, seen{r.Method, r.RequestURI, r.URL.String(), r.Proto, r.Host, r.ContentLength, header, string(body), err != nil})
	if err != nil {
		w.Header().Set("Connection", "close")
	}
}

// sentTo returns what the handler of a server sees when a client sends raw.
func sentTo(t *testing.T, s func(http.Handler) server, raw string) []seen {
	h := new(recorder)
	synctest.Test(t, func(t *testing.T) {
		exchangeRaw(s(h), raw)
		synctest.Wait()
	})
	return h.seen
}

func own(h http.Handler) server { return &Server{Handler: h} }
func netHTTP(h http.Handler) server {
	return &http.Server{Handler: h, DisableGeneralOptionsHandler: true, ErrorLog: log.New(io.Discard, "", 0)}
}

// checkAlike checks that net/http sees whatever this package lets through, and sees the same in it. This package
// refuses more, so it may stop earlier; but it passes over an empty line before a request, which net/http does only
// behind a POST.
func checkAlike(t *testing.T, raw string) {
	t.Helper()
	got, want := sentTo(t, own, raw), sentTo(t, netHTTP, raw)
	for at := 0; len(got) > len(want); at += 2 {
		next := strings.Index(raw[at:], "\r\n")
		if next < 0 {
			break
		}
		at += next
		if without := sentTo(t, netHTTP, raw[:at]+raw[at+2:]); len(without) > len(want) {
			raw, want = raw[:at]+raw[at+2:], without
		}
	}
	if len(got) > len(want) {
		t.Fatalf("%q:\nnet/http lets %d requests through, we %d: %+v", raw, len(want), len(got), got[len(want):])
	}
	for i := range got {
		if got[i].Cut { // where it is cut may differ
			got[i].Body, want[i].Body, want[i].Cut = "", "", true
		}
	}
	if diff := cmp.Diff(want[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%q is read differently (-net/http +ours):\n%s", raw, diff)
	}
}

func TestRequestsAreReadAsByNetHTTP(t *testing.T) {
	for _, test := range exactRequests() {
		t.Run(test.name, func(t *testing.T) { checkAlike(t, test.raw) })
	}
}

// smuggling are requests by which one of two servers in a row could be made to see another request than the
// other does.
var smuggling = []string{
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nX: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3 \r\n\r\nabcGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 03\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent_Length: 30\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n000\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZ\r\nQ\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\nxx\r\n4c\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET http://a/b HTTP/1.1\r\nHost: c\r\nHost: d\r\n\r\n",
	"GET //a/b?c#d HTTP/1.1\r\nhOST: h\r\nx-AMZ-tarGET: y\r\nX: \t v\t w \t\r\nX: 2\r\nX-Empty:\r\n\r\n",
	"GET /a%2Fb/%e9?x=%zz;y HTTP/1.1\r\nHost: [::1]:80\r\nPragma: no-cache\r\n\r\n",
	"GET /\x80\xff HTTP/1.1\r\nHost: h\r\nX: \x80\xff\r\n\r\n",
	"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nX\x80: y\r\n\r\n",
	"GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
	"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
	"GET / HTTP/01.1\r\nHost: h\r\n\r\n",
	"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
	"\x00GET / HTTP/1.1\r\nHost: h\r\n\r\n",
}

func TestSmugglers(t *testing.T) {
	for _, raw := range smuggling {
		checkAlike(t, raw)
	}
}

// FuzzAlike holds any bytes against net/http.
func FuzzAlike(f *testing.F) {
	for _, test := range exactRequests() {
		if len(test.raw) < 1000 {
			f.Add(test.raw)
		}
	}
	for _, raw := range smuggling {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.Contains(raw, "CONNECT") {
			t.Skip("net/http understands tunnels")
		}
		checkAlike(t, raw)
	})
}
