package http1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestNetHTTPEndsAConnectionAfterAnUnclearLength sends two requests at once and counts the answers.
func TestNetHTTPEndsAConnectionAfterAnUnclearLength(t *testing.T) {
	const next = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, row := range []struct {
		name, request string
		answers       string // a status for each
	}{
		{"a length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "200 200"},
		{"no body", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "200 200"},
		{"both lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200"},
		{"both lengths, the other way round", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200"},
		{"chunks, which net/http does not tell from both", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200"},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", "200"},
		{"another coding beside a length", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\nabc", "501"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"},
	} {
		t.Run(row.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: EndUnclear(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}))}
			go func() { _ = server.Serve(listener) }()
			defer server.Close()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, row.request+next); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := statuses(conn); got != row.answers {
				t.Errorf("got the answers %s, want %s", got, row.answers)
			}
		})
	}
}

// statuses reads answers until the connection ends.
func statuses(r io.Reader) string {
	var all []string
	for in := bufio.NewReader(r); ; {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return strings.Join(all, " ")
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		all = append(all, res.Status[:3])
	}
}
