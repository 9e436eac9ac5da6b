//go:build linux

package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between some clients and the server. While it is told to cut, it makes of them slow and vanishing
// ones: it passes on so many bytes, in small bites with pauses or all at once, and then cuts the connection.
type proxy struct {
	address string
	target  string
	cutting atomic.Bool
	cuts    atomic.Int64
}

// newProxy starts a proxy that ends with the test.
func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &proxy{address: listener.Addr().String(), target: target}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// serve joins a client and the server until either goes, or one is cut off.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		p.pass(to, from)
		ended <- struct{}{}
	}
	go pass(server, client)
	go pass(client, server)
	<-ended // the deferred closes end the other
}

// pass copies until the end, and while the proxy is to cut, not so far.
func (p *proxy) pass(to io.Writer, from io.Reader) {
	piece := make([]byte, 4096)
	for {
		bite := piece
		if p.cutting.Load() && rand.IntN(4) == 0 {
			bite = piece[:1+rand.IntN(64)]
			time.Sleep(rand.N(5 * time.Millisecond))
		}
		n, err := from.Read(bite)
		if p.cutting.Load() && rand.IntN(12) == 0 {
			p.cuts.Add(1)
			_, _ = to.Write(bite[:rand.IntN(n+1)])
			return
		}
		if n > 0 {
			if _, err := to.Write(bite[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
