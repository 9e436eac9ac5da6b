package http1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// requestOf is a request as an SDK sends it, unsigned, with a body of so many bytes.
func requestOf(bytes int) string {
	return "POST / HTTP/1.1\r\nHost: 127.0.0.1:4566\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n" +
		"User-Agent: aws-sdk-go-v2/1.30 os/linux lang/go#1.26\r\nAmz-Sdk-Invocation-Id: 8226c329-079b-47c9-9e76-c24c35a10292\r\n" +
		"Amz-Sdk-Request: attempt=1\r\nX-Amz-Date: 20261120T144917Z\r\nAccept-Encoding: identity\r\nContent-Length: " + strconv.Itoa(bytes) + "\r\n\r\n" +
		strings.Repeat("x", bytes)
}

// small reads the body and answers a little, as a send does.
func small(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	h := w.Header()
	h["Content-Type"], h["Content-Length"] = []string{"application/x-amz-json-1.0"}, []string{"100"}
	_, _ = w.Write(make([]byte, 100))
}

// endless is a connection on which the same request comes for ever.
type endless struct {
	net.Conn
	request string
	left    int // requests
}

func (c *endless) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	c.left--
	return copy(p, c.request), nil
}

func (c *endless) Write(p []byte) (int, error)      { return len(p), nil }
func (c *endless) Close() error                     { return nil }
func (c *endless) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *endless) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *endless) SetReadDeadline(time.Time) error  { return nil }
func (c *endless) SetWriteDeadline(time.Time) error { return nil }
func (c *endless) SetDeadline(time.Time) error      { return nil }

// BenchmarkRequest measures reading a request and answering it, without the kernel and without a handler to
// speak of.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 12 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := &Server{Handler: http.HandlerFunc(small)}
			s.start()
			b.ReportAllocs()
			c := &conn{server: s, net: &endless{request: requestOf(size), left: b.N}}
			c.serve()
		})
	}
}

// BenchmarkLoopback measures a request over the loopback device, both sides together, in turns.
func BenchmarkLoopback(b *testing.B) {
	for name, newServer := range map[string]func(http.Handler) server{"http1": own, "net/http": netHTTP} {
		b.Run(name, func(b *testing.B) {
			s := newServer(http.HandlerFunc(small))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go func() { _ = s.Serve(l) }()
			b.ReportAllocs()
			request := requestOf(1 << 10)
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				answers := bufio.NewReader(conn)
				for pb.Next() {
					if _, err := io.WriteString(conn, request); err != nil {
						b.Error(err)
						return
					}
					if err := skipAnswer(answers); err != nil {
						b.Error(err)
						return
					}
				}
			})
			_ = s.Close()
		})
	}
}

// skipAnswer reads a response with a body of 100 bytes.
func skipAnswer(b *bufio.Reader) error {
	for {
		line, err := b.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := b.Discard(100)
			return err
		}
	}
}
