package sqs

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// dial connects to l and tells whether the connection stays open.
func dial(t *testing.T, l net.Listener) (net.Conn, bool) {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Read(make([]byte, 1)) // one byte for those let in, the end for the others
	return conn, err == nil
}

// welcome accepts connections and sends each one byte.
func welcome(l net.Listener, conns chan<- net.Conn) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte{1})
		conns <- conn
	}
}

func TestLimit(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits ListenLimits
		let    int // how many are let in
	}{
		{"no limits", ListenLimits{}, 4},
		{"a total", ListenLimits{Total: 2}, 2},
		{"a number for each address", ListenLimits{Total: 9, PerAddress: 3}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			refused := make(chan bool, 9)
			test.limits.Refused = func() { refused <- true }
			l := Limit(inner, test.limits)
			t.Cleanup(func() { _ = l.Close() })
			conns := make(chan net.Conn, 9)
			go welcome(l, conns)

			for i := range 4 {
				if _, open := dial(t, l); open != (i < test.let) {
					t.Errorf("connection %d is open: %v", i+1, open)
				}
			}
			if got := len(refused); got != 4-test.let {
				t.Errorf("%d refusals were told, want %d", got, 4-test.let)
			}
			first := <-conns
			_ = first.Close()
			_ = first.Close() // closing twice frees one place only
			if _, open := dial(t, l); !open {
				t.Error("a place that became free is not given again")
			}
			if _, open := dial(t, l); open && test.let < 4 {
				t.Error("one closed connection freed two places")
			}
		})
	}
}

// TestServerBoundsHeaders is the part of S7 that net/http does for us, once told.
func TestServerBoundsHeaders(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(newFront(&fake{}), ServerOptions{})
	server.Start()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/?Action=ListQueues", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ bytes, status int }{{12 << 10, 200}, {64 << 10, 431}} {
		r.Header.Set("X-Large", strings.Repeat("a", test.bytes))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != test.status {
			t.Errorf("%d bytes of headers are answered %d, want %d", test.bytes, res.StatusCode, test.status)
		}
	}
}
