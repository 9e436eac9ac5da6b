package straight

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// seen is what a handler sees of a request.
type seen struct {
	Method, URI, Host, Proto string
	Header                   http.Header
	Body                     string
	Length                   int64
}

// mirror is a server that tells what it has seen of a request.
func mirror(t *testing.T, start func(http.Handler) *httptest.Server) (s *httptest.Server, last func() seen) {
	var mu sync.Mutex
	var saw seen
	s = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		saw = seen{r.Method, r.RequestURI, r.Host, r.Proto, r.Header, string(body), r.ContentLength}
		mu.Unlock()
		w.Header().Set("X-Reply", "yes")
		w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s, func() seen {
		mu.Lock()
		defer mu.Unlock()
		return saw
	}
}

var requests = []struct {
	name, method, path, body string
	change                   func(*http.Request)
	usual                    bool // it goes through net/http
}{
	{"a call", "POST", "/", `{"a":1}`, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
		r.Header.Set("User-Agent", "forebay")
	}, false},
	{"no path", "POST", "", "x", nil, false},
	{"an odd path and a query", "POST", "/a%20b/%7Ec//../d;e?x=%0A&y=ü", "x", nil, false},
	{"no body", "POST", "/", "", nil, false},
	{"a GET", "GET", "/q?", "", nil, false},
	{"a GET with a body", "GET", "/", "x", nil, false},
	{"another host", "POST", "/", "x", func(r *http.Request) { r.Host = "queue.example:80" }, false},
	{"no agent", "POST", "/", "x", func(r *http.Request) { r.Header["User-Agent"] = []string{""} }, false},
	{"values", "POST", "/", "x", func(r *http.Request) {
		r.Header["X-Many"] = []string{"one", " two ", "", "th\tree, ü"}
		r.Header["Host"], r.Header["Content-Length"] = []string{"other"}, []string{"7"}
	}, false},
	{"a body that fills more than one write", "POST", "/", strings.Repeat("0123456789", 40_000), nil, false},
	{"a body that ends with a write", "POST", "/", strings.Repeat("x", bufferLen), nil, false},
	{"a large head", "POST", "/", "x", func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("x", 2*bufferLen)) }, true},
	{"another method", "PUT", "/", "x", nil, true},
	{"a body of unknown length", "POST", "/", "x", func(r *http.Request) { r.ContentLength = -1 }, true},
	{"a body that cannot be had again", "POST", "/", "x", func(r *http.Request) { r.GetBody = nil }, true},
	{"the wish to close", "POST", "/", "x", func(r *http.Request) { r.Close = true }, true},
	{"an expectation", "POST", "/", "x", func(r *http.Request) { r.Header.Set("Expect", "100-continue") }, true},
	{"a header for the connection", "POST", "/", "x", func(r *http.Request) { r.Header.Set("Te", "trailers") }, true},
	{"somebody who watches", "POST", "/", "x", func(r *http.Request) {
		*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{}))
	}, true},
	{"a header of two lines", "POST", "/", "x", func(r *http.Request) { r.Header.Set("X", "a\r\nY: b") }, true},
	{"a header that has no name", "POST", "/", "x", func(r *http.Request) { r.Header["X y"] = []string{"z"} }, true},
	{"a host of two lines", "POST", "/", "x", func(r *http.Request) { r.Host = "a\r\nX: y" }, true},
	{"a query of two lines", "POST", "/", "x", func(r *http.Request) { r.URL.RawQuery = "a b\r\n" }, true},
	{"no scheme", "POST", "/", "x", func(r *http.Request) { r.URL.Scheme = "" }, true},
}

func TestRequestsArriveAsNetHTTPSendsThem(t *testing.T) {
	s, last := mirror(t, httptest.NewServer)
	for _, row := range requests {
		settings := &http.Transport{DisableCompression: true}
		tr := fresh(t, settings)
		var saw [2]any
		for i, way := range []http.RoundTripper{tr, &http.Transport{DisableCompression: true}} {
			r, err := http.NewRequestWithContext(t.Context(), row.method, s.URL+row.path, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			if row.change != nil {
				row.change(r)
			}
			resp, err := way.RoundTrip(r)
			if err != nil {
				saw[i] = err.Error()
				continue
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			resp.Header.Del("Date")
			saw[i] = fmt.Sprintf("%q %v %q %v %d %v", fmt.Sprintf("%+v", last()), resp.Header, text, err, resp.ContentLength, resp.Request == r)
			if i == 0 && (len(idle(tr)) == 0) != row.usual {
				t.Errorf("%s: it went through net/http: %v, want %v", row.name, len(idle(tr)) == 0, row.usual)
			}
			way.(interface{ CloseIdleConnections() }).CloseIdleConnections()
		}
		if !reflect.DeepEqual(saw[0], saw[1]) {
			t.Errorf("%s: got\n%.2000v\nby net/http\n%.2000v", row.name, saw[0], saw[1])
		}
	}
}

func TestTLS(t *testing.T) {
	s, last := mirror(t, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true
		s.StartTLS()
		return s
	})
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	tr := fresh(t, &http.Transport{TLSClientConfig: config})
	for range 3 {
		if _, text, err := post(t.Context(), tr, s.URL, "hello"); err != nil || text != "hello" || last().Proto != "HTTP/1.1" {
			t.Fatalf("got %q, %v, over %s; want hello over HTTP/1.1", text, err, last().Proto)
		}
		if kept := idle(tr); len(kept) != 1 {
			t.Fatalf("%d connections are kept, want 1", len(kept))
		}
	}
	if _, _, err := post(t.Context(), fresh(t, &http.Transport{}), s.URL, "x"); err == nil {
		t.Error("a certificate was accepted that nobody has signed")
	}
	if _, _, err := post(t.Context(), tr, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), "x"); err == nil {
		t.Error("a certificate was accepted that is for another name")
	}
}

func TestWhatNeedsNetHTTPGoesThroughIt(t *testing.T) {
	s, last := mirror(t, httptest.NewServer)
	proxy, _ := url.Parse(s.URL)
	tr := fresh(t, &http.Transport{Proxy: http.ProxyURL(proxy)})
	if _, _, err := post(t.Context(), tr, "http://queue.test/q", "x"); err != nil || last().URI != "http://queue.test/q" {
		t.Errorf("%v, the proxy was asked for %q", err, last().URI)
	}
	for name, change := range map[string]func(*http.Transport){
		"no kept connections":    func(t *http.Transport) { t.DisableKeepAlives = true },
		"a bound of connections": func(t *http.Transport) { t.MaxConnsPerHost = 1 },
		"TLS of its own":         func(t *http.Transport) { t.DialTLSContext = (&tls.Dialer{}).DialContext },
		"no HTTP/1":              func(t *http.Transport) { t.Protocols = new(http.Protocols); t.Protocols.SetUnencryptedHTTP2(true) },
		"a wrong proxy": func(t *http.Transport) {
			t.Proxy = func(*http.Request) (*url.URL, error) { return nil, io.ErrNoProgress }
		},
		"a proxy for some servers": func(t *http.Transport) { t.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil } },
	} {
		settings := &http.Transport{}
		change(settings)
		tr := fresh(t, settings)
		_, _, err := post(t.Context(), tr, s.URL, "x")
		if kept := len(idle(tr)) == 1; kept != (name == "a proxy for some servers") {
			t.Errorf("%s: the straight way was taken: %v", name, kept)
		}
		if wrong := err != nil; wrong != (name == "a wrong proxy" || name == "no HTTP/1") {
			t.Errorf("%s: %v", name, err)
		}
		tr.CloseIdleConnections()
	}
}

func TestManyCallsAtOnceGetTheirOwnReplies(t *testing.T) {
	s, _ := mirror(t, httptest.NewServer)
	tr := fresh(t, &http.Transport{MaxIdleConnsPerHost: 4})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 50 {
				body := fmt.Sprint(i, " ", j)
				ctx, cancel := context.WithCancel(t.Context())
				if j%5 == 0 {
					go cancel() // at any time
				}
				_, got, err := post(ctx, tr, s.URL, body)
				cancel()
				if err == nil && got != body || err != nil && j%5 != 0 {
					t.Errorf("got %q, %v; want %q", got, err, body)
				}
			}
		})
	}
	all.Wait()
	if n := len(idle(tr)); n > 4 {
		t.Errorf("%d connections are kept, want 4 at most", n)
	}
	tr.CloseIdleConnections()
}
