package sqs

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestClientsThatOnlySendNothingMoreAreTold closes half of a connection during a long poll. No message goes to such a client,
// which most often has gone; but one that reads must not take the end for an empty answer.
func TestClientsThatOnlySendNothingMoreAreTold(t *testing.T) {
	for name, newServer := range webServers {
		t.Run(name, func(t *testing.T) {
			f := &fake{err: context.Canceled, hook: func(ctx context.Context) { <-ctx.Done() }}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := newServer(New(Options{Service: f, Account: account}))
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = server.Serve(listener)
			}()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "GET /?Action=ReceiveMessage HTTP/1.1\r\nHost: q\r\n\r\n")
			_ = conn.(*net.TCPConn).CloseWrite()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if res.StatusCode < 500 || len(body) == 0 || err != nil {
				t.Errorf("got %d %q, %v, want an error", res.StatusCode, body, err)
			}
			_ = conn.Close()
			_ = server.Close()
			<-done
		})
	}
}
