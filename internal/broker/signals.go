package broker

import (
	"context"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// WatchesMax is how many calls of AwaitWork can wait at a time.
const WatchesMax = 1000

// watches are the calls that wait for work, by queue. The owner uses it.
type watches map[queue.ID][]chan reply

// Stats returns each queue's figures in name order, for at most max queues (zero: all), and how many queues there
// are. After Close there are none.
func (b *Broker) Stats(max int) (stats []queue.Stats, queues int) {
	b.ask(func(o *owner) { stats, queues = o.stats(max) })
	return stats, queues
}

func (o *owner) stats(max int) ([]queue.Stats, int) {
	stats, queues := o.catalog.Stats(o.now, max)
	for i := range stats {
		stats[i].Waiters = o.waiters.polling(stats[i].ID)
	}
	return stats, queues
}

// StatsOf returns the figures of one queue; ok is false when there is none of that name, and after Close.
func (b *Broker) StatsOf(name string) (stats queue.Stats, ok bool) {
	b.ask(func(o *owner) {
		stats, ok = o.catalog.StatsOf(o.now, name)
		stats.Waiters = o.waiters.polling(stats.ID)
	})
	return stats, ok
}

// Names returns the names of all queues, sorted.
func (b *Broker) Names() (names []string) {
	b.ask(func(o *owner) { names = o.catalog.Names() })
	return names
}

// Sample returns some present figures of the queues that were used since the last Sample and of those in kept that
// are still there, and the moment. It is for one caller, who asks again and again. ok is false after Close.
func (b *Broker) Sample(kept []queue.ID) (samples []queue.Sample, at time.Time, ok bool) {
	ok = b.ask(func(o *owner) { samples, at = o.catalog.Sample(o.now, kept), o.now })
	return samples, at, ok
}

// AwaitWork returns as soon as the queue has a message that could be received and no long poll waits for it, when
// that is durable; at the end of ctx; when the queue is gone; or when the server drains. It returns nil in all of
// these cases, and an error with CodeThrottled when WatchesMax calls are waiting already.
func (b *Broker) AwaitWork(ctx context.Context, id queue.ID) error {
	told := make(chan reply, 1)
	var full bool
	if !b.ask(func(o *owner) { full = !o.watch(id, told) }) {
		return b.closing()
	}
	if full {
		return queue.Errorf(queue.CodeThrottled,
			"%d requests are waiting for work on this server, which is its limit. Ask without wait, or later.", WatchesMax)
	}
	select {
	case <-told:
	case <-b.over:
	case <-ctx.Done():
		b.ask(func(o *owner) { o.unwatch(id, told) })
	}
	return nil
}

// watch has told written to once there is work, which may be at once. It returns false when too many wait.
func (o *owner) watch(id queue.ID, told chan reply) bool {
	waiting := 0
	for _, list := range o.watches {
		waiting += len(list)
	}
	if waiting >= WatchesMax {
		return false
	}
	o.watches[id] = append(o.watches[id], told)
	o.tell(id)
	if o.draining {
		o.tellAll()
	}
	return true
}

func (o *owner) unwatch(id queue.ID, told chan reply) {
	list := o.watches[id]
	for i := range list {
		if list[i] == told {
			list[i] = list[len(list)-1]
			o.watches[id] = list[:len(list)-1]
			break
		}
	}
	if len(o.watches[id]) == 0 {
		delete(o.watches, id)
	}
}

// tell tells those who watch a queue that it has work for which nobody polls, or is gone, if that is so. They
// hear of it with the answers of this round, once it is durable.
func (o *owner) tell(id queue.ID) {
	list := o.watches[id]
	if len(list) == 0 || o.catalog.Has(id) && (!o.catalog.Deliverable(id) || o.waiters.polling(id) > 0) {
		return
	}
	o.release(id)
}

// release ends the watching of a queue.
func (o *owner) release(id queue.ID) {
	list := o.watches[id]
	delete(o.watches, id)
	for _, told := range list {
		o.round.replies = append(o.round.replies, answer{to: told})
	}
}

// tellAll ends all watching.
func (o *owner) tellAll() {
	for id := range o.watches {
		o.release(id)
	}
}
