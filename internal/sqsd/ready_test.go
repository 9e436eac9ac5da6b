package sqsd

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/forebay-mq/forebay/worker"
)

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// breaking is a server that reads a request and hangs up.
func breaking(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	return server.URL
}

// TestWhatSaysThatTheApplicationIsNotThere is what costs no receive, and what counts since a message may have been seen.
func TestWhatSaysThatTheApplicationIsNotThere(t *testing.T) {
	answering := func(status int) string {
		server, _ := application(t, status)
		return server.URL
	}
	plain := strings.TrimPrefix(answering(200), "http://")
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, row := range []struct {
		name, url string
		away      bool // it is waited for
		ready     bool
	}{
		{"nothing listens", "http://" + closedPort(t) + "/", true, false},
		{"its name is not known", "http://no-such-host.invalid/", true, false},
		{"it does not speak TLS", "https://" + plain + "/", true, false},
		{"its certificate is not trusted", secure.URL, true, false},
		{"it hangs up without an answer", breaking(t), false, true},
		{"a proxy, or itself, answers 502", answering(502), false, true},
		{"a proxy, or itself, answers 503", answering(503), false, true},
		{"a proxy, or itself, answers 504", answering(504), false, true},
		{"it answers 404", answering(404), false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := poster(t, Options{URL: row.url})
			if err := p.Ready(t.Context()); (err == nil) != row.ready {
				t.Errorf("Ready: %v, want ready %v", err, row.ready)
			}
			err := p.Handle(t.Context(), message(nil))
			if err == nil {
				t.Fatal("the message counts as done")
			}
			away := errors.Is(err, worker.ErrUnavailable)
			if away != row.away {
				t.Errorf("Handle: %v, away %v, want %v", err, away, row.away)
			}
		})
	}
}

func TestAnApplicationThatWasSeenIsNotAsked(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			asked.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	p := poster(t, Options{URL: server.URL})
	for range 10 {
		if err := p.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n > 1 {
		t.Errorf("%d connections were made, want one", n)
	}
}

func TestPasswordsInTheAddressAreNotLogged(t *testing.T) {
	p := poster(t, Options{URL: "http://user:geheim@" + closedPort(t) + "/"})
	err := errors.Join(p.Ready(t.Context()), p.Handle(t.Context(), message(nil)))
	if err == nil || bytes.Contains([]byte(err.Error()), []byte("geheim")) {
		t.Errorf("the error is %v, want one without the password", err)
	}
}
