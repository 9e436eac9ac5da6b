package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

// logBook is a writer that may be read meanwhile.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// accessLine is a line of the log as its readers see it.
type accessLine struct {
	Time                            time.Time
	Method, Host, Path, Query       string
	Status                          int
	Bytes                           int64
	Duration, Wait                  float64
	Client, Route, Outcome, Request string
	RequestID                       string `json:"request_id"`
}

// ask has the gateway answer a request as its server does.
func (s *site) ask(ctx context.Context, method, target, body string, headers ...string) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(ctx, method, target, reader)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	defer func() {
		if cause := recover(); cause != nil && cause != http.ErrAbortHandler {
			panic(cause)
		}
	}()
	s.g.accessLogged().ServeHTTP(httptest.NewRecorder(), r)
}

func TestEachRequestHasALineInTheAccessLog(t *testing.T) {
	const secret = "s3cr3t"
	answer := func(change func(*queued.Reply)) func(*world) {
		return func(w *world) {
			q := w.mustTake()
			time.Sleep(2 * time.Second)
			w.reply(q, 200, "hello", change)
		}
	}
	for _, row := range []struct {
		name, method, target string
		headers              []string
		backend              func(*world)
		query                bool
		want                 accessLine // without times, and the id where it is empty
	}{
		{"a reply", "GET", "/a?key=" + secret, []string{"Authorization", secret}, answer(nil), false,
			accessLine{Path: "/a", Status: 200, Bytes: 5, Wait: 2, Duration: 2, Route: "requests", Outcome: "complete"}},
		{"a reply, and queries are wanted", "GET", "/a?x=1", nil, answer(nil), true,
			accessLine{Path: "/a", Query: "x=1", Status: 200, Bytes: 5, Wait: 2, Duration: 2, Route: "requests", Outcome: "complete"}},
		{"a client behind a proxy", "GET", "/a", []string{"X-Forwarded-For", "203.0.113.9"}, answer(nil), false,
			accessLine{Path: "/a", Status: 200, Bytes: 5, Wait: 2, Duration: 2, Client: "203.0.113.9", Route: "requests", Outcome: "complete"}},
		{"a request with a key", "POST", "/a", []string{"Idempotency-Key", "0123456789abcdef" + secret}, answer(nil), false,
			accessLine{Path: "/a", Status: 200, Bytes: 5, Wait: 2, Duration: 2, Route: "requests", Outcome: "complete"}},
		{"a wait that was too short", "GET", "/a", []string{"Prefer", "wait=3"}, nil, false,
			accessLine{Path: "/a", Status: 202, Bytes: -1, Wait: 3, Duration: 3, Route: "requests", Outcome: "pending"}},
		{"a refusal", "BREW", "/pot", nil, nil, false,
			accessLine{Path: "/pot", Status: 405, Bytes: -1, Outcome: "refused"}},
		{"a path that is wrong, with a line end", "GET", "/a%00", nil, nil, false,
			accessLine{Path: "/a\x00", Status: 400, Bytes: -1, Outcome: "refused"}},
		{"a token that is none", "GET", "/forebay/v1/replies/" + secret, nil, nil, true,
			accessLine{Path: "/forebay/v1/replies/*", Status: 403, Bytes: -1, Route: "replies", Outcome: "refused"}},
		{"a page of the gateway", "GET", "/livez", nil, nil, false,
			accessLine{Path: "/livez", Status: 200, Bytes: 3, Outcome: "own"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				book := &logBook{}
				s := w.gateway(1, func(o *Options) {
					o.AccessLog, o.AccessLogQuery = book, row.query
					o.Routes[0].Methods = []string{"GET", "POST"}
					o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
				})
				done := make(chan struct{})
				go func() {
					defer close(done)
					s.ask(t.Context(), row.method, row.target, "", row.headers...)
				}()
				if row.backend != nil {
					row.backend(w)
				}
				<-done
				synctest.Wait()
				if strings.Contains(book.String(), secret) {
					t.Errorf("a secret is in the log: %s", book)
				}
				checkLine(t, book.String(), row.method, row.want)
			})
		})
	}
}

// checkLine compares the one line of a log.
func checkLine(t *testing.T, text, method string, want accessLine) {
	t.Helper()
	var got accessLine
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%q is not one line of JSON: %v", text, err)
	}
	if (got.RequestID != "") != (want.Outcome == "complete" || want.Outcome == "pending") {
		t.Errorf("the request's id is %q with the outcome %s", got.RequestID, got.Outcome)
	}
	if got.Time.IsZero() || got.Host != "example.com" {
		t.Errorf("the time is %v, the host %q", got.Time, got.Host)
	}
	want.Method, want.RequestID, want.Time, want.Host = method, got.RequestID, got.Time, got.Host
	if want.Client == "" {
		want.Client = "192.0.2.1"
	}
	if want.Bytes < 0 {
		want.Bytes = got.Bytes
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestTheAccessLogTellsWhoLeftAndWhatBrokeOff(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		book := &logBook{}
		s := w.gateway(1, func(o *Options) { o.AccessLog = book })
		ctx, leave := context.WithCancel(t.Context())
		go s.ask(ctx, "GET", "/gone", "")
		w.mustTake()
		leave()
		go s.ask(t.Context(), "GET", "/broken", "")
		q := w.mustTake()
		w.reply(q, 200, "one", func(p *queued.Reply) { p.Last = false })
		w.reply(q, 0, "", func(p *queued.Reply) { p.Seq, p.Abort, p.Body = 1, true, nil })
		time.Sleep(time.Second)
		for _, want := range []string{`"path":"/gone","status":0,`, `"outcome":"gone"`, `"path":"/broken","status":`, `"outcome":"`} {
			if !strings.Contains(book.String(), want) {
				t.Errorf("%s is not in the log:\n%s", want, book)
			}
		}
	})
}

// blocked is a writer whose reader has stopped reading.
type blocked struct{ release chan struct{} }

func (b blocked) Write(p []byte) (int, error) { <-b.release; return len(p), nil }

func TestAnAccessLogThatIsNotReadHoldsNoRequestUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		book := &logBook{}
		a := newAccessLog(blocked{release}, false, slog.New(slog.NewTextHandler(book, nil)))
		for range accessLinesMax + 100 {
			if _, err := (lineWriter{a}).Write([]byte("line\n")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := a.dropped.Load(); n == 0 {
			t.Errorf("no line was dropped")
		}
		close(release)
		a.close()
		if !strings.Contains(book.String(), "the access log has gaps") {
			t.Errorf("nothing tells of the gaps: %s", book)
		}
	})
}

func TestTheFileOfAnAccessLogMayBeRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	f, err := OpenAccessLog(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		f.(*accessFile).looked = time.Time{} // as if it was some time ago
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("two\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("three\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{path + ".1": "one\n", path: "three\n"} {
		if got, err := os.ReadFile(name); string(got) != want || err != nil {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is open to others: %v, %v", info.Mode(), err)
	}
	if _, err := OpenAccessLog(filepath.Join(path, "below")); err == nil || errors.Unwrap(err) == nil {
		t.Errorf("a log below a file: got %v", err)
	}
}
