package straight

import (
	"slices"
	"sync"
	"time"
)

// place is where connections lead.
type place struct{ scheme, host string }

// pool keeps connections that no call is using.
type pool struct {
	most int           // for each place
	age  time.Duration // for which one is kept

	mu    sync.Mutex
	idle  map[place][]*conn // the one that came last at the end
	armed bool              // a timer will call sweep
}

// take returns the connection to a place that was used last, or nil when none is kept. The others can grow old then.
func (p *pool) take(to place) *conn {
	for {
		p.mu.Lock()
		list := p.idle[to]
		if len(list) == 0 {
			p.mu.Unlock()
			return nil
		}
		c := list[len(list)-1]
		p.idle[to] = slices.Delete(list, len(list)-1, len(list))
		p.mu.Unlock()
		if time.Since(c.since) < p.age && c.usable() {
			return c
		}
		c.net.Close()
	}
}

// put keeps a connection, or closes it when there are enough.
func (p *pool) put(c *conn) {
	c.since = time.Now()
	p.mu.Lock()
	list := p.idle[c.to]
	full := len(list) >= p.most
	if !full {
		if p.idle == nil {
			p.idle = make(map[place][]*conn)
		}
		p.idle[c.to] = append(list, c)
		if !p.armed {
			p.armed = true
			time.AfterFunc(p.age, p.sweep)
		}
	}
	p.mu.Unlock()
	if full {
		c.net.Close()
	}
}

// sweep closes what is too old. It is called by a timer, which runs while there is something to sweep.
func (p *pool) sweep() {
	now := time.Now()
	var old []*conn
	p.mu.Lock()
	next := p.age
	for to, list := range p.idle {
		n := 0
		for n < len(list) && now.Sub(list[n].since) >= p.age {
			n++
		}
		old = append(old, list[:n]...)
		if n == len(list) {
			delete(p.idle, to)
			continue
		}
		next = min(next, p.age-now.Sub(list[n].since))
		p.idle[to] = slices.Delete(list, 0, n)
	}
	if p.armed = len(p.idle) > 0; p.armed {
		time.AfterFunc(next, p.sweep)
	}
	p.mu.Unlock()
	for _, c := range old {
		c.net.Close()
	}
}

// clear closes all.
func (p *pool) clear() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, list := range idle {
		for _, c := range list {
			c.net.Close()
		}
	}
}
