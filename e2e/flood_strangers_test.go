//go:build unix

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// strangersAt names the variable that makes the test's binary a crowd of strangers, and tells it whom to flood. They live
// in a process of their own with the lowest priority, since the processors of those who flood would be elsewhere.
const strangersAt = "FOREBAY_E2E_STRANGERS"

// stranger is one way to flood, and how many do so at a time. Each way comes from a loopback address of its own.
type stranger struct {
	name string
	n    int
	act  func(ctx context.Context, d *dialler)
}

const strangersPost = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"

// strangersOf are the ways. key is the id of a key that there is; its secret they do not have.
func strangersOf(key string) []stranger {
	return []stranger{
		{"announce 8 MiB and send a byte", 64, func(ctx context.Context, d *dialler) {
			d.hold(ctx, strangersPost+"Content-Length: 8388608\r\n\r\n{", 0)
		}},
		{"send a body a byte a second", 64, func(ctx context.Context, d *dialler) {
			d.hold(ctx, strangersPost+"Content-Length: 100000\r\n\r\n{", time.Second)
		}},
		{"send a head a byte at a time", 500, func(ctx context.Context, d *dialler) {
			d.hold(ctx, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", 100*time.Millisecond)
		}},
		{"connect and say nothing", 4000, func(ctx context.Context, d *dialler) { d.hold(ctx, "", 0) }},
		{"send garbage", 8, func(ctx context.Context, d *dialler) {
			junk := make([]byte, 300)
			rand.Read(junk)
			d.ask(string(junk))
		}},
		{"send what is right and unsigned", 8, func(ctx context.Context, d *dialler) {
			for range 20 {
				d.ask("GET /?Action=ListQueues HTTP/1.1\r\nHost: localhost\r\n\r\n")
			}
		}},
		{"look at the metrics", 4, func(ctx context.Context, d *dialler) {
			d.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}},
		{"send 1 MiB unsigned", 4, func(ctx context.Context, d *dialler) {
			d.ask(strangersPost + "Content-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20))
		}},
		{"sign wrongly with a key that there is", 4, func(ctx context.Context, d *dialler) {
			d.ask(strangersPost + wrongly(key) + "Content-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20))
		}},
		{"sign with a key that there is not", 8, func(ctx context.Context, d *dialler) {
			d.ask(strangersPost + wrongly("AKIDNOBODY") + "Content-Length: 300000\r\n\r\n" + strings.Repeat("x", 300_000))
		}},
	}
}

// wrongly is a signature of the present that is wrong.
func wrongly(key string) string {
	now := time.Now().UTC()
	return fmt.Sprintf("X-Amz-Date: %s\r\nAuthorization: AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/sqs/aws4_request, "+
		"SignedHeaders=host;x-amz-date;x-amz-target, Signature=%064d\r\n", now.Format("20060102T150405Z"), key, now.Format("20060102"), 0)
}

// dialler opens connections to the server from one address, and keeps one for what is asked.
type dialler struct {
	net.Dialer
	server string
	conn   net.Conn
	asked  *atomic.Int64
}

// hold opens a connection, sends the first bytes, and then one each pause, unless that is zero. It returns when the server
// has closed it.
func (d *dialler) hold(ctx context.Context, first string, pause time.Duration) {
	conn, err := d.DialContext(ctx, "tcp", d.server)
	if err != nil {
		return
	}
	defer conn.Close()
	d.asked.Add(1)
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, _ = io.WriteString(conn, first)
	if pause > 0 {
		go func() {
			for {
				time.Sleep(pause)
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
			}
		}()
	}
	_, _ = io.Copy(io.Discard, conn)
}

// ask sends a request and reads some of its answer. A connection that was closed is replaced the next time.
func (d *dialler) ask(request string) {
	d.asked.Add(1)
	if d.conn == nil {
		conn, err := d.Dial("tcp", d.server)
		if err != nil {
			return
		}
		d.conn = conn
	}
	_ = d.conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, err := io.WriteString(d.conn, request)
	answer := make([]byte, 64<<10)
	n, readErr := d.conn.Read(answer)
	if err != nil || readErr != nil || n == len(answer) || strings.Contains(string(answer[:n]), "Connection: close") {
		_ = d.conn.Close()
		d.conn = nil
	}
}

// runStrangers floods a server until standard input ends, and then prints how often each way was gone.
func runStrangers(server string) int {
	beLast()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	ways := strangersOf(os.Getenv("FOREBAY_E2E_KEY"))
	asked := make([]atomic.Int64, len(ways))
	address := netip.MustParseAddr("127.0.0.2")
	for i, way := range ways {
		from := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, 0)), Timeout: 5 * time.Second}
		for range way.n {
			all.Go(func() {
				d := &dialler{Dialer: from, server: server, asked: &asked[i]}
				for ctx.Err() == nil {
					way.act(ctx, d)
				}
			})
		}
		address = address.Next()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	for i, way := range ways {
		fmt.Printf("%8d times: %s\n", asked[i].Load(), way.name)
	}
	return 0
}
