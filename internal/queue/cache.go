package queue

const cacheDefault = 64 << 20 // bytes

// cache bounds the bodies kept in memory. A healthy queue delivers what has just arrived, so the oldest go
// first and a hit does not renew.
type cache struct {
	max   int64
	bytes int64
	order fifo[*entry] // in the order they came; those whose message is nil have gone
	dead  int          // how many of order have gone
}

// cost is what a message is counted for: its body and attributes, and the memory around them.
func cost(m *Message) int64 { return int64(m.Size) + 256 }

// put keeps the message of an entry that has come into memory; it is called once for an entry.
func (c *cache) put(e *entry, m *Message) {
	e.message = m
	c.bytes += cost(m)
	c.order.push(e)
	for c.bytes > c.max && c.order.size > 0 {
		if old := c.order.pop(); old.message == nil {
			c.dead--
		} else {
			c.release(old)
		}
	}
}

func (c *cache) release(e *entry) {
	c.bytes -= cost(e.message)
	e.message = nil
}

// drop forgets the body of an entry that goes away.
func (c *cache) drop(e *entry) {
	if e.message == nil {
		return
	}
	c.release(e)
	if c.dead++; c.dead > 1024 && c.dead > c.order.size/2 {
		c.compact()
	}
}

// compact leaves out what has gone, so that order does not grow with it.
func (c *cache) compact() {
	var kept fifo[*entry]
	for c.order.size > 0 {
		if e := c.order.pop(); e.message != nil {
			kept.push(e)
		}
	}
	c.order, c.dead = kept, 0
}
