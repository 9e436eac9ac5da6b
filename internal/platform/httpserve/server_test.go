package httpserve

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipeNet is a network in memory, for servers in virtual time. All of its peers have the same address.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
	end   sync.Once
}

func newPipeNet() *pipeNet { return &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *pipeNet) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- peer{server}
	return client
}

// peer is a connection from an address.
type peer struct{ net.Conn }

func (peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1000} }

// Accept implements net.Listener.
func (l *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeNet) Close() error   { l.end.Do(func() { close(l.done) }); return nil }
func (l *pipeNet) Addr() net.Addr { return &net.TCPAddr{} }

// serving runs f in virtual time against a server that speaks by one engine and then by the other.
func serving(t *testing.T, opts Options, f func(t *testing.T, l *pipeNet, s *Server)) {
	for _, netHTTP := range []bool{false, true} {
		t.Run(fmt.Sprintf("net/http=%v", netHTTP), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts.NetHTTP = netHTTP
				s, l := New(opts), newPipeNet()
				served := make(chan error, 1)
				go func() { served <- s.Serve(l) }()
				f(t, l, s)
				_ = s.Close()
				if err := <-served; err != http.ErrServerClosed {
					t.Errorf("Serve: got %v, want http.ErrServerClosed", err)
				}
			})
		})
	}
}

// drain reads bodies and answers with as many bytes as it is asked for, in pieces.
var drain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusRequestTimeout)
		return
	}
	var n int
	_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
	for ; n > 0; n -= 1024 {
		_, _ = w.Write(make([]byte, 1024))
	}
})

// TestEverythingIsBounded lets clients be as slow as they can be, and looks how long their connections last.
func TestEverythingIsBounded(t *testing.T) {
	for _, row := range []struct {
		name  string
		first string
		drip  time.Duration // between bytes sent afterwards; zero: none
		take  time.Duration // between bytes read; zero: all at once
		most  time.Duration
	}{
		{"nothing is sent", "", 0, 0, 6 * time.Second},
		{"a head that stops", "GET / HTTP/1.1\r\nHo", 0, 0, 6 * time.Second},
		{"a head that drips", "GET / HTTP/1.1\r\nX: ", 100 * time.Millisecond, 0, 6 * time.Second},
		{"a body that stops", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\nx", 0, 0, 12 * time.Second},
		{"a body that drips", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\nx", 100 * time.Millisecond, 0, 12 * time.Second},
		{"chunks that drip", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\nx", 100 * time.Millisecond, 0, 12 * time.Second},
		{"an answer that is not taken", "GET /?n=10000000 HTTP/1.1\r\nHost: h\r\n\r\n", 0, time.Hour, 20 * time.Second},
		{"an answer that is taken byte by byte", "GET /?n=10000000 HTTP/1.1\r\nHost: h\r\n\r\n", 0, 10 * time.Millisecond, 25 * time.Second},
		{"no further request", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, 0, 61 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			serving(t, Options{Handler: drain}, func(t *testing.T, l *pipeNet, s *Server) {
				conn, start := l.dial(), time.Now()
				var sending sync.WaitGroup
				sending.Go(func() {
					_, _ = io.WriteString(conn, row.first)
					for row.drip > 0 {
						time.Sleep(row.drip)
						if _, err := io.WriteString(conn, "x"); err != nil {
							return
						}
					}
				})
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					b := make([]byte, 1)
					for err := error(nil); err == nil; {
						if row.take == 0 {
							b = make([]byte, 4096)
						}
						time.Sleep(min(row.take, row.most))
						_, err = conn.Read(b)
					}
				}()
				<-ended
				if took := time.Since(start); took > row.most+time.Second {
					t.Errorf("the connection lasted %v, want at most %v", took, row.most)
				}
				_ = conn.Close()
				sending.Wait()
				synctest.Wait()
				if s.gate.open != 0 {
					t.Errorf("%d connections are counted after it", s.gate.open)
				}
			})
		})
	}
}

// TestLongWaitsAreNotCut checks that a handler may be silent, and a body steady, for longer than any of the bounds.
func TestLongWaitsAreNotCut(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(5 * time.Minute):
		case <-r.Context().Done():
		}
		fmt.Fprintf(w, "%d %v", n, err)
	})
	serving(t, Options{Handler: handler}, func(t *testing.T, l *pipeNet, _ *Server) {
		conn := l.dial()
		for range 2 {
			go func() {
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 60*RateDefault)
				for range 60 {
					_, _ = conn.Write(make([]byte, RateDefault))
					time.Sleep(time.Second)
				}
			}()
			answer := make([]byte, 4096)
			n, err := conn.Read(answer)
			if want := fmt.Sprintf("%d <nil>", 60*RateDefault); err != nil || !strings.HasSuffix(string(answer[:n]), want) {
				t.Errorf("got %q, %v, want an answer that ends with %q", answer[:n], err, want)
			}
		}
		_ = conn.Close()
	})
}

// TestHealthHasAReserve fills a server with requests that it works for, and asks how it is.
func TestHealthHasAReserve(t *testing.T) {
	var waiting atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/livez" {
			fmt.Fprintln(w, "ok")
			return
		}
		waiting.Add(1)
		defer waiting.Add(-1)
		select {
		case <-time.After(time.Minute):
		case <-r.Context().Done():
		}
	})
	opts := Options{
		Handler: handler, Health: func(r *http.Request) bool { return r.URL.Path == "/livez" },
		Limits: Limits{Connections: 10, PerAddress: 10, Reserve: 3},
	}
	serving(t, opts, func(t *testing.T, l *pipeNet, s *Server) {
		var conns []net.Conn
		open := func(request string) net.Conn {
			conn := l.dial()
			conns = append(conns, conn)
			_, _ = io.WriteString(conn, request)
			synctest.Wait()
			return conn
		}
		for range 10 {
			open("GET /work HTTP/1.1\r\nHost: h\r\n\r\n")
		}
		for range 20 { // which say nothing, and push each other out of the reserve
			open("")
		}
		for range 3 {
			want(t, open("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 200")
			want(t, open("GET /work HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 503")
		}
		if n := waiting.Load(); n != 10 {
			t.Errorf("%d requests are being worked for, want the 10 that were first", n)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
		time.Sleep(time.Minute)
	})
}

// want checks how an answer begins.
func want(t *testing.T, conn net.Conn, begins string) {
	t.Helper()
	answer := make([]byte, 4096)
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := conn.Read(answer)
	if got := string(answer[:n]); !strings.HasPrefix(got, begins) {
		t.Errorf("got %.80q, %v, want it to begin with %q", got, err, begins)
	}
}

// TestStrangersMakeRoom checks that connections whose requests came to nothing go before those of clients that are known.
func TestStrangersMakeRoom(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			Keep(r.Context(), true)
		}
	})
	serving(t, Options{Handler: handler, Decides: true, Limits: Limits{Connections: 4, PerAddress: 4, Loose: 4}}, func(t *testing.T, l *pipeNet, s *Server) {
		ask := func(path string) net.Conn {
			conn := l.dial()
			_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
			want(t, conn, "HTTP/1.1 200")
			return conn
		}
		known := []net.Conn{ask("/known"), ask("/known")}
		for range 10 {
			ask("/stranger")
		}
		synctest.Wait()
		for _, conn := range known {
			_, _ = io.WriteString(conn, "GET /known HTTP/1.1\r\nHost: h\r\n\r\n")
			want(t, conn, "HTTP/1.1 200")
			_ = conn.Close()
		}
	})
}

// TestKeepElsewhere checks that Keep may be called for contexts that are no server's.
func TestKeepElsewhere(t *testing.T) { Keep(context.Background(), true) }

func TestAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := AtMost(2, time.Second)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(700 * time.Millisecond) }))
		codes := make(chan int, 6)
		for range 6 {
			go func() {
				w := &codeWriter{}
				h.ServeHTTP(w, nil)
				codes <- w.code
			}()
		}
		count := map[int]int{}
		for range 6 {
			count[<-codes]++
		}
		if count[0] != 4 || count[http.StatusServiceUnavailable] != 2 {
			t.Errorf("answered %v, want 4 of them within their second and 2 refused", count)
		}
	})
}

// codeWriter remembers a status.
type codeWriter struct{ code int }

func (w *codeWriter) Header() http.Header         { return http.Header{} }
func (w *codeWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *codeWriter) WriteHeader(code int)        { w.code = code }
