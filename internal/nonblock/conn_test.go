package nonblock

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair returns both ends of a connection.
func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

var past = time.Unix(1, 0)

// scenes are what can happen to a connection. Each returns what was seen of it.
var scenes = []struct {
	name string
	play func(c, peer net.Conn) []any
}{
	{"a read of what is there", func(c, peer net.Conn) []any {
		peer.Write([]byte("hello"))
		p := make([]byte, 3)
		n, err := c.Read(p)
		m, again := c.Read(p)
		return []any{n, err, m, again, string(p)}
	}},
	{"a read that waits", func(c, peer net.Conn) []any {
		p := make([]byte, 8)
		var n int
		var err error
		var reading sync.WaitGroup
		reading.Go(func() { n, err = c.Read(p) })
		peer.Write([]byte("later"))
		reading.Wait()
		return []any{n, err, string(p[:n])}
	}},
	{"nothing", func(c, peer net.Conn) []any {
		n, err := c.Read(nil)
		m, again := c.Write(nil)
		return []any{n, err, m, again}
	}},
	{"an end", func(c, peer net.Conn) []any {
		peer.Write([]byte("x"))
		peer.Close()
		all, err := io.ReadAll(c)
		n, again := c.Read(make([]byte, 1))
		m, empty := c.Read(nil)
		return []any{string(all), err, n, again, m, empty}
	}},
	{"half an end", func(c, peer net.Conn) []any {
		err := c.(interface{ CloseWrite() error }).CloseWrite()
		all, heard := io.ReadAll(peer)
		n, refused := c.Write([]byte("x"))
		peer.Write([]byte("still"))
		peer.Close()
		rest, end := io.ReadAll(c)
		return []any{err, len(all), heard, n, refused, string(rest), end}
	}},
	{"a reset", func(c, peer net.Conn) []any {
		c.Write([]byte("unread"))
		peer.(*net.TCPConn).SetLinger(0)
		peer.Close()
		n, err := c.Read(make([]byte, 1))
		m, again := c.Write([]byte("x"))
		return []any{n, err, m, again}
	}},
	{"a deadline before", func(c, peer net.Conn) []any {
		peer.Write([]byte("there"))
		c.SetDeadline(past)
		n, err := c.Read(make([]byte, 8))
		m, again := c.Write([]byte("x"))
		c.SetDeadline(time.Time{})
		k, fine := c.Read(make([]byte, 8))
		return []any{n, err, m, again, k, fine}
	}},
	{"a deadline while it waits", func(c, peer net.Conn) []any {
		var n int
		var err error
		var reading sync.WaitGroup
		reading.Go(func() { n, err = c.Read(make([]byte, 1)) })
		c.SetReadDeadline(past)
		reading.Wait()
		return []any{n, err}
	}},
	{"a close while it waits", func(c, peer net.Conn) []any {
		var n int
		var err error
		var reading sync.WaitGroup
		reading.Go(func() { n, err = c.Read(make([]byte, 1)) })
		closed := c.Close()
		reading.Wait()
		return []any{n, err, closed}
	}},
	{"after a close", func(c, peer net.Conn) []any {
		closed := c.Close()
		n, err := c.Read(make([]byte, 1))
		m, again := c.Write([]byte("x"))
		return []any{closed, n, err, m, again, c.Close()}
	}},
	{"a deadline while nobody reads", func(c, peer net.Conn) []any {
		const much = 64 << 20
		var n int
		var err error
		var writing sync.WaitGroup
		writing.Go(func() { n, err = c.Write(make([]byte, much)) })
		peer.Read(make([]byte, 1))
		c.SetWriteDeadline(past)
		writing.Wait()
		return []any{n > 0 && n < much, err}
	}},
}

func TestAConnectionBehavesAsGosOwn(t *testing.T) {
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			var saw [2]string
			for i, change := range []func(net.Conn) net.Conn{func(c net.Conn) net.Conn { return c }, Conn} {
				c, peer := pair(t)
				c = change(c)
				saw[i] = told(scene.play(c, peer), c)
			}
			if saw[0] != saw[1] {
				t.Errorf("got\n%s\nwhere Go's own has\n%s", saw[1], saw[0])
			}
		})
	}
}

// told writes down what was seen, without the addresses of c, and errors with what they are.
func told(all []any, c net.Conn) string {
	for i, v := range all {
		err, ok := v.(error)
		if !ok {
			continue
		}
		n, _ := errors.AsType[net.Error](err)
		all[i] = fmt.Sprintf("%v (%T, timeout %v, late %v, closed %v)",
			err, err, n != nil && n.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed))
	}
	text := fmt.Sprintf("%q", all)
	return strings.NewReplacer(c.LocalAddr().String(), "HERE", c.RemoteAddr().String(), "THERE").Replace(text)
}

// Much goes both ways at once, in pieces of odd lengths, through sockets that are full most of the time.
func TestMuchArrivesAsItWasSent(t *testing.T) {
	c, peer := pair(t)
	ends := []net.Conn{Conn(c), Conn(peer)}
	var all sync.WaitGroup
	for i, end := range ends {
		sent := make([]byte, 5<<20)
		rand.Read(sent)
		all.Go(func() {
			for piece := range slices.Chunk(sent, 1<<20-7) {
				if n, err := end.Write(piece); n != len(piece) || err != nil {
					t.Errorf("%d of %d bytes were written, %v", n, len(piece), err)
				}
			}
		})
		all.Go(func() {
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(ends[1-i], got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("something else arrived than was sent, %v", err)
			}
		})
	}
	all.Wait()
}

// Writers share a connection, and none gets into the middle of what another one writes.
func TestWritesAreNotMixed(t *testing.T) {
	c, peer := pair(t)
	c = Conn(c)
	const writers, length = 8, 300_000
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() { c.Write(bytes.Repeat([]byte{byte(i)}, length)) })
	}
	got := make([]byte, length)
	for range writers {
		if _, err := io.ReadFull(peer, got); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(got, got[:1]); n != length {
			t.Fatalf("%d of %d bytes are of one writer", n, length)
		}
	}
	all.Wait()
}

func TestWhatIsNoTCPIsLeftAlone(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Conn(a) != a {
		t.Error("a pipe was changed")
	}
}

func TestNoMemoryIsTaken(t *testing.T) {
	c, peer := pair(t)
	c, peer = Conn(c), Conn(peer)
	p := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		c.Write(p)
		peer.Read(p)
	}); n > 0 {
		t.Errorf("a write and a read make %v objects", n)
	}
}
