//go:build unix

package nonblock

import (
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// echoAt names the variable that makes the test's binary an echo, and tells it where to connect, and echoBy how.
const echoAt, echoBy = "FOREBAY_ECHO_AT", "FOREBAY_ECHO_BY"

var ways = map[string]func(net.Conn) net.Conn{
	"usual":    func(c net.Conn) net.Conn { return c },
	"nonblock": Conn,
}

func TestMain(m *testing.M) {
	if at := os.Getenv(echoAt); at != "" {
		echo(at, ways[os.Getenv(echoBy)])
		return
	}
	os.Exit(m.Run())
}

func echo(at string, way func(net.Conn) net.Conn) {
	c, err := net.Dial("tcp", at)
	if err != nil {
		os.Exit(1)
	}
	c = way(c)
	p := make([]byte, 1200)
	for {
		if _, err := io.ReadFull(c, p); err != nil {
			return
		}
		c.Write(p)
	}
}

// BenchmarkWoken sends 1,200 bytes a thousand times a second to a process that sends them back and does nothing else.
// cpu-ns/op is what that process has used.
func BenchmarkWoken(b *testing.B) {
	for _, way := range []string{"usual", "nonblock"} {
		b.Run(way, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			echo := exec.Command(os.Args[0])
			echo.Env = append(os.Environ(), echoAt+"="+l.Addr().String(), echoBy+"="+way)
			if err := echo.Start(); err != nil {
				b.Fatal(err)
			}
			c, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			p := make([]byte, 1200)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for b.Loop() {
				<-tick.C
				c.Write(p)
				if _, err := io.ReadFull(c, p); err != nil {
					b.Fatal(err)
				}
			}
			c.Close()
			if err := echo.Wait(); err != nil {
				b.Fatal(err)
			}
			used := echo.ProcessState.SysUsage().(*syscall.Rusage)
			b.ReportMetric(float64(used.Utime.Nano()+used.Stime.Nano())/float64(b.N), "cpu-ns/op")
		})
	}
}
