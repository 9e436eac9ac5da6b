package http1

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pipes is a listener in memory, for servers in virtual time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func listenInMemory() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (l *pipes) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { close(l.done); return nil }
func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// server is what this package and net/http have in common.
type server interface {
	Serve(net.Listener) error
	Close() error
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "body: "+err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %s %s host=%s length=%d body=%q", r.Method, r.RequestURI, r.Proto, r.Host, r.ContentLength, body)
}

// exchangeRaw sends raw bytes over a connection to a new server, one write for each piece, and returns all that
// comes back, and whether the server ended the connection. The client does after a second, in virtual time.
func exchangeRaw(s server, pieces ...string) (got string, closed bool) {
	l := listenInMemory()
	go func() { _ = s.Serve(l) }()
	conn := l.dial()
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(conn)
		read <- string(b)
	}()
	for _, piece := range pieces {
		if _, err := io.WriteString(conn, piece); err != nil {
			break // refused already
		}
	}
	select {
	case got = <-read:
		_ = s.Close()
		return got, true
	case <-time.After(time.Second):
	}
	_ = conn.Close()
	_ = s.Close()
	return <-read, false
}

// answer is a response as a test sees it.
type answer struct {
	status int
	header http.Header
	body   string
}

// answers reads the responses to requests of these methods.
func answers(t testing.TB, raw string, methods ...string) []answer {
	t.Helper()
	var all []answer
	b := bufio.NewReader(strings.NewReader(raw))
	for {
		if _, err := b.Peek(1); err != nil {
			return all
		}
		method := "POST"
		if len(all) < len(methods) {
			method = methods[len(all)]
		}
		res, err := http.ReadResponse(b, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			body = append(body, "(cut)"...)
		}
		res.Header.Del("Date")
		all = append(all, answer{res.StatusCode, res.Header, string(body)})
	}
}
