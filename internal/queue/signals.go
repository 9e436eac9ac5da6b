package queue

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// started notes for the signals that e is being received, before the receive has changed it.
func (q *queue) started(e *entry, now Millis) {
	if e.received == 0 {
		q.waited.add(now - e.since())
	} else {
		q.counters.Redelivered++
	}
	q.counters.Received++
}

// finished notes for the signals that e is being deleted by the receipt r.
func (q *queue) finished(e *entry, r Receipt, now Millis) {
	if e.newest(r) {
		q.processed.add(now - e.received)
	}
	if e.holder != nil {
		q.c.stir(e.holder)
	}
}

// Stats returns each queue's figures in name order, for at most max queues (zero: all), and how many there are.
func (c *Catalog) Stats(now time.Time, max int) (stats []Stats, queues int) {
	names := c.Names()
	queues = len(names)
	if max > 0 && max < len(names) {
		names = names[:max]
	}
	for _, name := range names {
		stats = append(stats, c.byName[name].stats(ToMillis(now)))
	}
	return stats, queues
}

// Names returns the names of all queues, sorted.
func (c *Catalog) Names() []string { return slices.Sorted(maps.Keys(c.byName)) }

// StatsOf returns the figures of one queue, its Holders among them; ok is false when there is none of that name.
func (c *Catalog) StatsOf(now time.Time, name string) (stats Stats, ok bool) {
	q := c.byName[name]
	if q == nil {
		return Stats{}, false
	}
	stats = q.stats(ToMillis(now))
	stats.Holders = q.held()
	return stats, true
}

func (q *queue) stats(now Millis) Stats {
	s := Stats{
		ID: q.id, Name: q.cfg.Name, ARN: q.arn(), FIFO: q.fifo(), Time: now.Time(),
		Visible: q.visible(), InFlight: int64(q.inFlight), Delayed: int64(q.delayed),
		Bytes: q.bytes, Blocked: int64(q.line.blocked()), Holding: int64(len(q.holders)),
		Poison: int64(q.ages.poison.len()),
		Waited: q.waited.Clone(), Processed: q.processed.Clone(), Counters: q.counters,
	}
	s.OldestAge, s.Waiting = q.oldestAge(now)
	if e := q.ages.poison.min(); e != nil {
		s.PoisonAge = age(now, e.since())
	}
	for i, within := range ComingWithin {
		s.Coming[i] = q.coming.within(now, within)
	}
	return s
}

func (q *queue) oldestAge(now Millis) (_ time.Duration, waiting bool) {
	since, ok := q.waitingSince(now)
	if !ok {
		return 0, false
	}
	return age(now, since), true
}

func age(now, since Millis) time.Duration { return time.Duration(max(0, now-since)) * time.Millisecond }

// Sample returns the present figures of the queues that were used since the last Sample, and of those kept that
// are still there.
func (c *Catalog) Sample(now time.Time, kept []ID) []Sample {
	samples := make([]Sample, 0, len(c.active)+len(kept))
	for id := range c.active {
		samples = append(samples, c.queues[id].sample(ToMillis(now)))
	}
	for _, id := range kept {
		if q := c.queues[id]; q != nil && !q.active {
			samples = append(samples, q.sample(ToMillis(now)))
		}
	}
	for id := range c.active {
		c.queues[id].active = false
	}
	clear(c.active)
	return samples
}

func (q *queue) sample(now Millis) Sample {
	s := Sample{
		ID: q.id, Name: q.cfg.Name, Active: q.active, Visible: q.visible(), InFlight: int64(q.inFlight),
		Sent: q.counters.Sent, Received: q.counters.Received, Deleted: q.counters.Deleted,
	}
	s.OldestAge, s.Waiting = q.oldestAge(now)
	return s
}

// Has tells whether there is a queue with this id.
func (c *Catalog) Has(id ID) bool { return c.queues[id] != nil }

// Deliverable tells whether a receive on the queue would find a message. A queue that is not there has none.
func (c *Catalog) Deliverable(id ID) bool {
	q := c.queues[id]
	return q != nil && q.line.deliverable()
}

// extraAttributes are those that SQS does not have; GetQueueAttributes shows them when they are asked for by name.
var extraAttributes = map[string]func(Stats) (value string, ok bool){
	"ApproximateAgeOfOldestMessage": func(s Stats) (string, bool) {
		return strconv.FormatInt(int64(s.OldestAge/time.Second), 10), s.Waiting
	},
	"ForebayOldestSeconds":       func(s Stats) (string, bool) { return secondsText(s.OldestAge), s.Waiting },
	"ForebayPoisonMessages":      func(s Stats) (string, bool) { return strconv.FormatInt(s.Poison, 10), true },
	"ForebayPoisonOldestSeconds": func(s Stats) (string, bool) { return secondsText(s.PoisonAge), s.Poison > 0 },
	"ForebayConsumersHolding":    func(s Stats) (string, bool) { return strconv.FormatInt(s.Holding, 10), true },
	"ForebayMessagesSent":        func(s Stats) (string, bool) { return strconv.FormatInt(s.Sent, 10), true },
	"ForebayMessagesReceived":    func(s Stats) (string, bool) { return strconv.FormatInt(s.Received, 10), true },
	"ForebayMessagesDeleted":     func(s Stats) (string, bool) { return strconv.FormatInt(s.Deleted, 10), true },
	"ForebayMessagesRedelivered": func(s Stats) (string, bool) { return strconv.FormatInt(s.Redelivered, 10), true },
}

func secondsText(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
