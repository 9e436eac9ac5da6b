package httpserve

import (
	"container/heap"
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// looksMax is how many connections of known clients are looked at to find one that is idle.
const looksMax = 64

// gate decides which connections are open. All of its connections' fields that are not atomic are its own.
type gate struct {
	limits Limits

	mu        sync.Mutex
	open      int // but for those of the reserve
	loose     int
	addresses map[netip.Addr]*address // that have connections
	heaviest  byLoose
	known     *list.List // of *conn, of known clients, in no order that matters
	reserve   *list.List // of *conn, oldest first
}

// address is what one address has open.
type address struct {
	addr    netip.Addr
	open    int
	reserve int
	loose   *list.List // of *conn, oldest first
	index   int        // in the heap; -1: it has no loose connection
}

func newGate(limits Limits) *gate {
	return &gate{limits: limits, addresses: make(map[netip.Addr]*address), known: list.New(), reserve: list.New()}
}

// admit takes a new connection in, if need be by closing another one.
func (g *gate) admit(nc net.Conn, paced bool) *conn {
	c := &conn{Conn: nc, gate: g, paced: paced}
	addr := peerOf(nc)
	proxy := !addr.IsValid() || g.limits.proxy(addr)
	g.mu.Lock()
	at := g.address(client(addr))
	victim, room := g.makeRoom(at, proxy)
	c.at = at
	if !room {
		victim = g.lastResort(c)
	} else {
		g.open++
		at.open++
		g.setLoose(c)
		if proxy {
			g.setKnown(c)
		}
	}
	if victim != nil {
		g.remove(victim)
	}
	g.mu.Unlock()
	if victim != nil {
		_ = victim.Conn.Close()
	}
	return c
}

// lastResort puts a new connection into the reserve, and returns the one that must go for it, or nil. That is the
// oldest of the address with the most of them, but for those on which a health check is being answered.
func (g *gate) lastResort(c *conn) (victim *conn) {
	c.reserve = true
	c.place = g.reserve.PushBack(c)
	c.at.reserve++
	if g.reserve.Len() <= g.limits.Reserve {
		return nil
	}
	victim = c
	for e := g.reserve.Front(); e != nil; e = e.Next() {
		if o := e.Value.(*conn); !o.held.Load() && o.at.reserve > victim.at.reserve || victim == c && o.at == c.at {
			victim = o
		}
	}
	return victim
}

// makeRoom finds out whether one connection more may be open, once victim is closed unless that is nil.
func (g *gate) makeRoom(at *address, proxy bool) (victim *conn, room bool) {
	switch {
	case !proxy && at.open >= g.limits.PerAddress:
		victim = g.spare(at)
	case g.open >= g.limits.Connections:
		if victim = g.looseOfHeaviest(); victim == nil {
			victim = g.idle(func(c *conn) bool { return c.at == at || c.at.open > at.open })
		}
	case !proxy && g.loose >= g.limits.Loose:
		victim = g.looseOfHeaviest()
	default:
		return nil, true
	}
	return victim, victim != nil
}

// spare returns a connection of an address that can be closed for another of the same.
func (g *gate) spare(at *address) *conn {
	if front := at.loose.Front(); front != nil {
		return front.Value.(*conn)
	}
	return g.idle(func(c *conn) bool { return c.at == at })
}

// looseOfHeaviest returns the oldest loose connection of the address that has the most of them.
func (g *gate) looseOfHeaviest() *conn {
	if len(g.heaviest) == 0 {
		return nil
	}
	return g.heaviest[0].loose.Front().Value.(*conn)
}

// idle looks for an idle connection of a known client. Those it has looked at have their turn again last.
func (g *gate) idle(fits func(*conn) bool) *conn {
	for range min(looksMax, g.known.Len()) {
		front := g.known.Front()
		g.known.MoveToBack(front)
		if c := front.Value.(*conn); !c.held.Load() && fits(c) {
			return c
		}
	}
	return nil
}

// address returns the entry of an address.
func (g *gate) address(addr netip.Addr) *address {
	at := g.addresses[addr]
	if at == nil {
		at = &address{addr: addr, loose: list.New(), index: -1}
		g.addresses[addr] = at
	}
	return at
}

// drop forgets an address that has nothing open.
func (g *gate) drop(at *address) {
	if at.open == 0 && at.reserve == 0 {
		delete(g.addresses, at.addr)
	}
}

// setLoose makes a connection loose that is in no list.
func (g *gate) setLoose(c *conn) {
	c.place = c.at.loose.PushBack(c)
	g.loose++
	g.weigh(c.at)
}

// unsetLoose takes a loose connection out of its list.
func (g *gate) unsetLoose(c *conn) {
	c.at.loose.Remove(c.place)
	c.place = nil
	g.loose--
	g.weigh(c.at)
}

// weigh puts an address where it belongs in the heap.
func (g *gate) weigh(at *address) {
	switch {
	case at.index < 0:
		heap.Push(&g.heaviest, at)
	case at.loose.Len() == 0:
		heap.Remove(&g.heaviest, at.index)
	default:
		heap.Fix(&g.heaviest, at.index)
	}
}

// setKnown makes a connection that of a known client.
func (g *gate) setKnown(c *conn) {
	if c.place != nil {
		g.unsetLoose(c)
	}
	c.place = g.known.PushBack(c)
	c.known.Store(true)
}

// keep notes that a request on a connection is being worked for, and whether its client is known.
func (g *gate) keep(c *conn, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.held.Store(true)
	if c.removed || c.reserve || c.known.Load() {
		return
	}
	if known {
		g.setKnown(c)
	} else if c.place != nil {
		g.unsetLoose(c)
	}
}

// release notes that no request on a connection is being worked for.
func (g *gate) release(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.held.Store(false)
	if !c.removed && !c.reserve && c.place == nil {
		g.setLoose(c)
	}
}

// remove takes a connection out of the account. It does so once.
func (g *gate) remove(c *conn) {
	if c.removed {
		return
	}
	c.removed = true
	switch {
	case c.reserve:
		g.reserve.Remove(c.place)
		c.at.reserve--
		g.drop(c.at)
		return
	case c.known.Load():
		g.known.Remove(c.place)
	case c.place != nil:
		g.unsetLoose(c)
	}
	g.open--
	c.at.open--
	g.drop(c.at)
}

// leave is called when a connection closes.
func (g *gate) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(c)
}

// peerOf returns a peer's address, the zero one when it has none.
func peerOf(nc net.Conn) netip.Addr {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	if nc.RemoteAddr() == nil {
		return netip.Addr{}
	}
	peer, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

// byLoose is a heap of addresses, the one with the most loose connections first.
type byLoose []*address

func (h byLoose) Len() int           { return len(h) }
func (h byLoose) Less(i, j int) bool { return h[i].loose.Len() > h[j].loose.Len() }
func (h byLoose) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *byLoose) Push(x any) {
	at := x.(*address)
	at.index = len(*h)
	*h = append(*h, at)
}

// Pop implements heap.Interface.
func (h *byLoose) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	last.index = -1
	return last
}
