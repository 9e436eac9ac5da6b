package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestShutdown checks that idle connections end at once and busy ones with their answer.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := listenInMemory(), newPoller()
		s := &Server{Handler: p}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()

		idle, fresh, busy := l.dial(), l.dial(), l.dial()
		_, _ = io.WriteString(busy, "GET /poll HTTP/1.1\r\nHost: h\r\n\r\n")
		_, _ = io.WriteString(idle, get)
		go func() { _, _ = io.Copy(io.Discard, fresh) }()
		rest := make(chan string, 1)
		go func() {
			b, _ := io.ReadAll(idle)
			rest <- string(b)
		}()
		time.Sleep(time.Second)

		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
		if got := <-rest; !strings.Contains(got, "200 OK") {
			t.Errorf("the idle connection got %q", got)
		}
		select {
		case err := <-ended:
			t.Fatalf("Shutdown returned %v with a request in the air", err)
		default:
		}
		p.tell <- "told"
		if got, _ := io.ReadAll(busy); !strings.Contains(string(got), "Connection: close") || !strings.HasSuffix(string(got), "told") {
			t.Errorf("the busy connection got %q", got)
		}
		if err := <-ended; err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
		if err := s.Serve(listenInMemory()); err != http.ErrServerClosed {
			t.Errorf("Serve after Shutdown returned %v", err)
		}
	})
}

// TestShutdownHasAnEnd checks that a handler that does not end is left behind.
func TestShutdownHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := listenInMemory(), newPoller()
		s := &Server{Handler: p}
		go func() { _ = s.Serve(l) }()
		busy := l.dial()
		_, _ = io.WriteString(busy, "GET /poll HTTP/1.1\r\nHost: h\r\n\r\n")
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		_ = s.Close()
		<-p.left // Close has ended its context
	})
}

// TestPanics checks that a panic ends its connection and nothing else, and is told.
func TestPanics(t *testing.T) {
	for _, test := range []struct {
		name   string
		handle http.HandlerFunc
		logged string
	}{
		{"a panic", func(http.ResponseWriter, *http.Request) { panic("ouch") }, "ouch"},
		{"an abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
		{"a panic while watched", func(_ http.ResponseWriter, r *http.Request) {
			r.Context().Done()
			time.Sleep(time.Second)
			panic("ouch")
		}, "ouch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &Server{Handler: test.handle, Logger: slog.New(slog.NewTextHandler(&log, nil))}
				l := listenInMemory()
				go func() { _ = s.Serve(l) }()
				for range 2 {
					conn := l.dial()
					_, _ = io.WriteString(conn, get)
					if got, _ := io.ReadAll(conn); len(got) > 0 {
						t.Errorf("the answer is %q", got)
					}
				}
				_ = s.Shutdown(t.Context())
				if got := log.String(); !strings.Contains(got, test.logged) || (got == "") != (test.logged == "") {
					t.Errorf("the log is %q, want %q in it", got, test.logged)
				}
			})
		})
	}
}

// failing is a listener whose Accept fails a few times.
type failing struct {
	*pipes
	errs []error
}

func (l *failing) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		return l.pipes.Accept()
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

// TestAccepting checks that a moment without file descriptors does not end a server.
func TestAccepting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{listenInMemory(), []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED}}
		s := own(http.HandlerFunc(echo))
		go func() { _ = s.Serve(l) }()
		conn := l.dial()
		_, _ = io.WriteString(conn, get[:len(get)-4]+"\r\nConnection: close\r\n\r\n")
		if got, _ := io.ReadAll(conn); !strings.Contains(string(got), "200 OK") {
			t.Errorf("the answer is %q", got)
		}
		_ = s.Close()

		broken := errors.New("broken")
		if err := own(http.HandlerFunc(echo)).Serve(&failing{listenInMemory(), []error{broken}}); err != broken {
			t.Errorf("Serve returned %v, want %v", err, broken)
		}
	})
}
