package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Bounds of what is kept about consumers with a name.
const (
	ConsumerLenMax = 128
	consumersMax   = 100_000          // of all queues; who comes when they are full is nobody in particular
	consumerIdle   = 90 * time.Second // without a receive or a message, after which one is forgotten for others

	// HoldersMax is how many Holders a Stats has at most.
	HoldersMax = 100
)

// Consumer is somebody who says in each receive who he is, as a worker of a pool does. It belongs to the catalog:
// only its owner may call methods.
type Consumer struct {
	id      string
	busy    uint64
	seen    Millis
	holding int // messages in flight
	place   int // in the holders of its queue, while it holds any
}

// Holder is a consumer that gave its name and has messages in flight.
type Holder struct {
	Name     string
	Messages int // at least one
}

// Busy grows with every message that the consumer receives or deletes: of two, the greater was busy more recently.
// Zero: never.
func (c *Consumer) Busy() uint64 { return c.busy }

// consumerKey names a consumer of a queue.
type consumerKey struct {
	queue ID
	id    string
}

// consumer returns the consumer who calls himself id, nil for nobody in particular.
func (c *Catalog) consumer(q *queue, id string, now Millis) *Consumer {
	if id == "" {
		return nil
	}
	who := c.consumers[consumerKey{q.id, id}]
	if who == nil {
		if len(c.consumers) >= c.opts.ConsumersMax && !c.forgetConsumers(now) {
			return nil
		}
		who = &Consumer{id: strings.Clone(id)} // not the whole header it came in
		c.consumers[consumerKey{q.id, who.id}] = who
	}
	who.seen = now
	return who
}

// forgetConsumers makes room by forgetting those who have nothing and have not been heard of. It looks at most
// once a second.
func (c *Catalog) forgetConsumers(now Millis) (room bool) {
	if now < c.nextSweep {
		return false
	}
	c.nextSweep = now + 1000
	for key, who := range c.consumers {
		if c.queues[key.queue] == nil || who.holding == 0 && who.seen.Add(consumerIdle) <= now {
			delete(c.consumers, key)
		}
	}
	return len(c.consumers) < c.opts.ConsumersMax
}

// stir notes that a consumer has received or deleted something.
func (c *Catalog) stir(who *Consumer) {
	c.stirs++
	who.busy = c.stirs
	c.result.Busy = append(c.result.Busy, who)
}

// hold notes that e is in flight for who.
func (q *queue) hold(e *entry, who *Consumer) {
	e.holder = who
	if who.holding++; who.holding == 1 {
		who.place = len(q.holders)
		q.holders = append(q.holders, who)
	}
}

// letGo notes that e is not in flight for its holder any more.
func (q *queue) letGo(e *entry) {
	who := e.holder
	e.holder = nil
	if who.holding--; who.holding > 0 {
		return
	}
	last := len(q.holders) - 1
	moved := q.holders[last]
	q.holders[who.place], moved.place = moved, who.place
	q.holders[last] = nil
	q.holders = q.holders[:last]
}

// held tells who has how many messages in flight: those with the most first, at most HoldersMax.
func (q *queue) held() []Holder {
	var held []Holder
	for i, who := range q.holders {
		held = append(held, Holder{who.id, who.holding})
		if last := i == len(q.holders)-1; last || len(held) == 2*HoldersMax { // there can be very many
			slices.SortFunc(held, func(a, b Holder) int {
				return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Name, b.Name))
			})
			held = held[:min(len(held), HoldersMax)]
		}
	}
	return held
}

// checkConsumer says what is wrong with the name that a consumer gives itself, or nil.
func checkConsumer(id string) error {
	if id == "" || len(id) > ConsumerLenMax || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return invalidValue(excerpt(id), "X-Forebay-Consumer", "Must be 1 to 128 visible ASCII characters.")
	}
	return nil
}
