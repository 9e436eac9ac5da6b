package straight

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a server that is written by hand, connection by connection.
type peer struct {
	url      string
	accepted atomic.Int32
	requests atomic.Int32
}

// serve gives each connection, with its number from 1, to handle. It closes it afterwards.
func serve(t *testing.T, handle func(p *peer, n int, c net.Conn, in *bufio.Reader)) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{url: "http://" + listener.Addr().String()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			n := int(p.accepted.Add(1))
			go func() {
				defer c.Close()
				handle(p, n, c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-ended
	})
	return p
}

// hear reads a request and returns its body; false when there is none.
func (p *peer) hear(in *bufio.Reader) (string, bool) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return "", false
	}
	text, err := io.ReadAll(r.Body)
	p.requests.Add(1)
	return string(text), err == nil
}

// fresh returns a Transport that is closed with the test.
func fresh(t testing.TB, usual *http.Transport) *Transport {
	tr := New(usual)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// post makes a call and reads the reply.
func post(ctx context.Context, tr http.RoundTripper, url, body string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// idle returns the connections that are kept.
func idle(tr *Transport) (all []*conn) {
	tr.pool.mu.Lock()
	defer tr.pool.mu.Unlock()
	for _, list := range tr.pool.idle {
		all = append(all, list...)
	}
	return all
}
