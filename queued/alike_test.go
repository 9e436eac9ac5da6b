package queued_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exchanges are handlers with the requests that are sent to them, behind net/http and behind a queue.
var exchanges = []struct {
	name    string
	handler http.HandlerFunc
	method  string // GET if empty
	path    string // / if empty
	body    string
	header  http.Header
}{
	{name: "nothing written", handler: func(http.ResponseWriter, *http.Request) {}},
	{name: "a text", handler: write("hello")},
	{name: "HTML is recognised", handler: write("<html><body>")},
	{name: "binary is recognised", handler: write("\x89PNG\r\n\x1a\n\x00\xff")},
	{name: "a type that is not to be guessed", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html><body>")
	}},
	{name: "names in small letters", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-small"] = []string{"1", "2"}
		w.Header()["x bad"] = []string{"1"}
	}},
	{name: "a status alone", handler: status(http.StatusTeapot)},
	{name: "a status that nobody has named", handler: status(299)},
	{name: "no content", handler: status(http.StatusNoContent)},
	{name: "a body where none may be", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		_, err := io.WriteString(w, "x")
		if err != http.ErrBodyNotAllowed {
			panic(err)
		}
	}},
	{name: "not modified", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"1"`)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotModified)
	}},
	{name: "an error page", handler: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }},
	{name: "GET is echoed", handler: echo, path: "/a%2Fb/c%20d?q=1&q=%0a", header: http.Header{"X-A": {"1", "2"}, "Accept": {"*/*"}}},
	{name: "POST is echoed", handler: echo, method: "POST", body: "a=b", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
	{name: "PUT of binary", handler: echo, method: "PUT", body: "\x00\xff\xfe\n"},
	{name: "PATCH", handler: echo, method: "PATCH", body: "grüße"},
	{name: "DELETE", handler: echo, method: "DELETE"},
	{name: "OPTIONS", handler: echo, method: "OPTIONS"},
	{name: "a method of one's own", handler: echo, method: "PROPFIND"},
	{name: "HEAD of a text", handler: write("hello"), method: "HEAD"},
	{name: "HEAD with a length", method: "HEAD", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "12345")
	}},
	{name: "POST without a body", handler: echo, method: "POST"},
	{name: "repeated header fields", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header()["X-Empty"] = []string{""}
	}},
	{name: "Latin-1 in a header value", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-L"] = []string{"Gr\xfc\xdfe", "grün"}
	}},
	{name: "Latin-1 in a request", handler: echo, header: http.Header{"X-L": {"Gr\xfc\xdfe", "grün"}}},
	{name: "a status beyond those of HTTP", handler: status(999)},
	{name: "a backslash in the query", handler: echo, path: `/a?b\c`},
	{name: "Latin-1 in a trailer", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "gr\xfcn")
	}},
	{name: "line ends in a header value", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Bad", "a\r\nSet-Cookie: b")
	}},
	{name: "a header after the status", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		w.Header().Set("X-Late", "1")
	}},
	{name: "two statuses", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(500)
	}},
	{name: "a redirect", handler: http.RedirectHandler("/there?x=1", http.StatusFound).ServeHTTP, path: "/here"},
	{name: "a relative redirect of a POST", handler: http.RedirectHandler("there", http.StatusTemporaryRedirect).ServeHTTP, method: "POST", body: "x", path: "/a/here"},
	{name: "a file", handler: file},
	{name: "a range of a file", handler: file, header: http.Header{"Range": {"bytes=5-9"}}},
	{name: "two ranges of a file", handler: file, header: http.Header{"Range": {"bytes=0-1,5-6"}}},
	{name: "a range beyond the file", handler: file, header: http.Header{"Range": {"bytes=5000-"}}},
	{name: "HEAD of a file", handler: file, method: "HEAD"},
	{name: "a file not modified", handler: file, header: http.Header{"If-Modified-Since": {"Sat, 21 Nov 2026 12:00:00 GMT"}}},
	{name: "trailers that were announced", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-None")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "4")
	}},
	{name: "trailers that were not announced", handler: func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "4")
	}},
	{name: "in pieces", handler: func(w http.ResponseWriter, _ *http.Request) {
		for i := range 5 {
			fmt.Fprintf(w, "piece %d\n", i)
			w.(http.Flusher).Flush()
		}
	}},
	{name: "flushed and empty", handler: func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
	{name: "two megabytes", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("0123456789abcde\xff"), 1<<17))
	}},
	{name: "more than announced", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		io.WriteString(w, "ab")
		if _, err := io.WriteString(w, "c"); err != http.ErrContentLength {
			panic(err)
		}
	}},
	{name: "early hints", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</s.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		io.WriteString(w, "page")
	}},
	{name: "a mux that cleans", handler: mux().ServeHTTP, path: "/dir"},
	{name: "a mux that does not know", handler: mux().ServeHTTP, path: "/other"},
	{name: "a mux with another method", handler: mux().ServeHTTP, path: "/get", method: "POST"},
	{name: "an answer that is cut short", handler: func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}},
	{name: "less than announced", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
	}},
	{name: "an aborted answer", handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
}

func write(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// echo tells all that a handler sees of its request.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	r.Header.Del("User-Agent") // that of net/http's own transport
	fmt.Fprintf(w, "%s %s %s %q %q %s\n%v %d %v\n%q %v\n%v\n", r.Method, r.RequestURI, r.URL, r.URL.Path, r.URL.RawPath, r.Host,
		r.Header, r.ContentLength, r.TransferEncoding, body, err, r.FormValue("q"))
}

func file(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "f.txt", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), strings.NewReader(strings.Repeat("0123456789", 100)))
}

func mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("/dir/", write("dir"))
	m.HandleFunc("GET /get", write("got"))
	return m
}

// seen is what a client sees of an answer.
type seen struct {
	Interim []string
	Status  int
	Length  string // announced, or empty where net/http was free to choose
	Header  http.Header
	Trailer http.Header
	Body    string
	Broken  bool // it ended before its end
	Refused bool // no answer at all
}

// ask makes the request and looks at everything.
func ask(t *testing.T, c *http.Client, base string, i int) seen {
	t.Helper()
	x := exchanges[i]
	r, err := http.NewRequestWithContext(t.Context(), x.method, base+x.path, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "shop.example"
	if x.header != nil {
		r.Header = x.header.Clone()
	}
	var s seen
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			s.Interim = append(s.Interim, fmt.Sprint(code, h))
			return nil
		}}))
	res, err := c.Do(r)
	if err != nil {
		s.Refused = true
		return s
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	s.Status, s.Header, s.Body, s.Broken = res.StatusCode, res.Header, string(body), err != nil
	for name, values := range res.Trailer {
		if len(values) > 0 {
			if s.Trailer == nil {
				s.Trailer = http.Header{}
			}
			s.Trailer[name] = values
		}
	}
	s.Length = s.Header.Get("Content-Length")
	if slices.Contains(res.TransferEncoding, "chunked") || s.Length == fmt.Sprint(len(body)) || x.method == http.MethodHead && s.Length == "" {
		s.Length = ""
	}
	if s.Header.Get("Date") == "" {
		t.Errorf("%s: no Date", x.name)
	}
	for _, name := range []string{"Date", "Content-Length"} {
		s.Header.Del(name)
	}
	if kind, boundary, ok := strings.Cut(s.Header.Get("Content-Type"), "boundary="); ok { // a random text
		s.Header.Set("Content-Type", kind)
		s.Body = strings.ReplaceAll(s.Body, boundary, "")
	}
	return s
}

func TestAHandlerBehavesBehindAQueueAsBehindNetHTTP(t *testing.T) {
	direct := make([]seen, len(exchanges))
	for i, x := range exchanges {
		server := httptest.NewUnstartedServer(x.handler)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Start()
		c := &http.Client{Transport: &http.Transport{DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		direct[i] = ask(t, c, server.URL, i)
		c.CloseIdleConnections()
		server.Close()
	}
	inWorld(t, func(t *testing.T, w *world) {
		for i, x := range exchanges {
			stop := w.serve(x.handler)
			transport, c := w.transport(nil)
			got := ask(t, c, "http://ignored", i)
			if diff := cmp.Diff(direct[i], got); diff != "" {
				t.Errorf("%s (-net/http +queue):\n%s", x.name, diff)
			}
			stop()
			if err := transport.Close(); err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
		}
	})
}
