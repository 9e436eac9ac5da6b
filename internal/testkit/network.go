package testkit

import (
	"context"
	"errors"
	"net"
	"sync"
)

// network is a listener and its dialer, joined by net.Pipe. A dialed connection looks like one from loopback.
type network struct {
	conns  chan net.Conn // written by dial, read by Accept
	closed chan struct{}
	once   sync.Once
}

func newNetwork() *network {
	return &network{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next dialed connection.
func (n *network) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and refuses dials. Open connections stay open.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// Addr is a name only; nothing listens on the real network.
func (n *network) Addr() net.Addr { return loopback() }

// dial has the signature of http.Transport's DialContext. The address does not matter.
func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- conn{server}:
		return conn{client}, nil
	case <-n.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// conn is a pipe with addresses that servers can parse.
type conn struct{ net.Conn }

func (conn) LocalAddr() net.Addr  { return loopback() }
func (conn) RemoteAddr() net.Addr { return loopback() }

func loopback() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4566} }
