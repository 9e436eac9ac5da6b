package httpserve

import (
	"net"
	"net/netip"
	"testing"
)

// fakeConn is a connection from an address, on which nothing happens.
type fakeConn struct {
	net.Conn
	from   netip.Addr
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr {
	if !c.from.IsValid() {
		return &net.UnixAddr{Name: "@"}
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 1000))
}

func (c *fakeConn) Close() error { c.closed = true; return nil }

// crowd opens connections at a gate.
type crowd struct {
	gate *gate
	all  []*conn
}

func newCrowd(limits Limits) *crowd { return &crowd{gate: newGate(limits.withDefaults(false))} }

// open opens n connections from an address, and returns them.
func (k *crowd) open(from string, n int) []*conn {
	addr, _ := netip.ParseAddr(from)
	for range n {
		k.all = append(k.all, k.gate.admit(&fakeConn{from: addr}, false))
	}
	return k.all[len(k.all)-n:]
}

// work opens n connections from an address, on which a request is being worked for.
func (k *crowd) work(from string, n int, known bool) []*conn {
	for range n {
		c := k.open(from, 1)[0]
		k.gate.keep(c, known)
	}
	return k.all[len(k.all)-n:]
}

// state counts connections that are open, of the reserve, and closed to make room.
func state(conns []*conn) (open, reserve, closed int) {
	for _, c := range conns {
		switch {
		case c.Conn.(*fakeConn).closed:
			closed++
		case c.reserve:
			reserve++
		default:
			open++
		}
	}
	return open, reserve, closed
}

func TestAnAddressCannotKeepOthersOut(t *testing.T) {
	limits := Limits{Connections: 100, PerAddress: 75, Loose: 50, Reserve: 4}
	for _, row := range []struct {
		name string
		play func(k *crowd) (newcomer *conn)
		ok   bool // the newcomer is let in
	}{
		{"there is room", func(k *crowd) *conn { return k.open("10.0.0.1", 1)[0] }, true},
		{"one address has opened what it can and says nothing", func(k *crowd) *conn {
			k.open("10.0.0.1", 500)
			return k.open("10.0.0.2", 1)[0]
		}, true},
		{"the newcomer comes from the address that floods", func(k *crowd) *conn {
			k.open("10.0.0.1", 500)
			return k.open("10.0.0.1", 1)[0]
		}, true},
		{"one address waits on all connections that it may have", func(k *crowd) *conn {
			k.work("10.0.0.1", 75, false)
			return k.open("10.0.0.2", 1)[0]
		}, true},
		{"the address of the newcomer waits on all connections that it may have", func(k *crowd) *conn {
			k.work("10.0.0.1", 75, false)
			return k.open("10.0.0.1", 1)[0]
		}, false},
		{"one /64 of IPv6 waits on all connections that it may have", func(k *crowd) *conn {
			k.work("2001:db8::1", 40, false)
			k.work("2001:db8::2", 35, false)
			return k.open("2001:db8::3", 1)[0]
		}, false},
		{"known clients idle on all connections of two addresses", func(k *crowd) *conn {
			k.work("10.0.0.1", 60, true)
			k.work("10.0.0.2", 40, true)
			for _, c := range k.all {
				c.idle()
			}
			return k.open("10.0.0.3", 1)[0]
		}, true},
		{"known clients wait on all connections", func(k *crowd) *conn {
			k.work("10.0.0.1", 60, true)
			k.work("10.0.0.2", 40, true)
			return k.open("10.0.0.3", 1)[0]
		}, false},
		{"a proxy may have more than others", func(k *crowd) *conn {
			k.gate.limits.Proxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
			k.work("10.9.0.1", 90, true)
			return k.open("10.9.0.1", 1)[0]
		}, true},
		{"a Unix socket may have more than an address", func(k *crowd) *conn {
			k.work("", 90, true)
			return k.open("", 1)[0]
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			k := newCrowd(limits)
			c := row.play(k)
			if got := !c.reserve && !c.Conn.(*fakeConn).closed; got != row.ok {
				t.Errorf("the newcomer is let in: %v, want %v", got, row.ok)
			}
			if open, reserve, _ := state(k.all); open > limits.Connections || reserve > limits.Reserve || open != k.gate.open {
				t.Errorf("%d connections are open and %d of the reserve, and the gate counts %d", open, reserve, k.gate.open)
			}
		})
	}
}

func TestWhoIsClosedFirst(t *testing.T) {
	k := newCrowd(Limits{Connections: 10, PerAddress: 10, Loose: 10, Reserve: 2})
	knownIdle := k.work("10.0.0.1", 1, true)
	knownIdle[0].idle()
	working := k.work("10.0.0.2", 2, false)
	k.open("10.0.0.3", 2)
	many := k.open("10.0.0.4", 5)
	if _, _, closed := state(k.all); closed != 0 {
		t.Fatalf("%d were closed while there was room", closed)
	}
	k.open("10.0.0.5", 3)
	if _, _, closed := state(many[:3]); closed != 3 {
		t.Errorf("of the address with the most strangers %d were closed, the oldest first, want 3", closed)
	}
	k.open("10.0.0.6", 20)
	for name, conns := range map[string][]*conn{"a known client": knownIdle, "who is being worked for": working} {
		if _, _, closed := state(conns); closed != 0 {
			t.Errorf("%s was closed, while strangers were open", name)
		}
	}
}

// TestTheReserve checks that many on the reserve do not keep the one out that it is for.
func TestTheReserve(t *testing.T) {
	k := newCrowd(Limits{Connections: 10, PerAddress: 10, Reserve: 4})
	k.work("10.0.0.1", 10, false)
	k.open("10.0.0.1", 100)
	probe := k.open("10.0.0.2", 1)[0]
	k.open("10.0.0.1", 100)
	if !probe.reserve || probe.Conn.(*fakeConn).closed {
		t.Error("a health check from another address was closed before it could be answered")
	}
	if open, reserve, _ := state(k.all); open != 10 || reserve != 4 {
		t.Errorf("%d are open and %d of the reserve, want 10 and 4", open, reserve)
	}
}

// TestAGateForgetsWhoHasLeft checks its account after all have gone, twice each.
func TestAGateForgetsWhoHasLeft(t *testing.T) {
	k := newCrowd(Limits{Connections: 50, Loose: 20, Reserve: 5})
	for n, from := range []string{"10.0.0.1", "10.0.0.2", "", "2001:db8::1"} {
		for _, c := range k.work(from, 10, n%2 == 0)[:5] {
			c.idle()
		}
		k.open(from, 20)
	}
	for range 2 {
		for _, c := range k.all {
			_ = c.Close()
			c.idle() // which an engine may tell late
		}
	}
	g := k.gate
	if g.open != 0 || g.loose != 0 || len(g.addresses) != 0 || len(g.heaviest) != 0 || g.known.Len() != 0 || g.reserve.Len() != 0 {
		t.Errorf("left behind: %d open, %d loose, %d addresses, %d in the heap, %d known, %d of the reserve",
			g.open, g.loose, len(g.addresses), len(g.heaviest), g.known.Len(), g.reserve.Len())
	}
}
