package pool

import (
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// member is a worker that was ordered and has not ended, as far as is known.
type member struct {
	id       string
	started  time.Time // of the start order
	ready    time.Time // zero while it boots
	told     bool      // it has said itself that it is ready
	stays    bool      // it does not leave by itself
	draining bool
}

func (m *member) booting() bool { return m.ready.IsZero() }

// crew is the workers of a pool, oldest first.
type crew struct {
	members []*member
	needed  window // the most workers that were of use lately, when nobody tells how many there are
}

// tally counts a crew by state.
type tally struct {
	Up       int `json:"up"`
	Booting  int `json:"booting"`
	Draining int `json:"draining"`
}

func (t tally) active() int { return t.Up + t.Booting }

func (c *crew) tally() tally {
	var t tally
	for _, m := range c.members {
		switch {
		case m.draining:
			t.Draining++
		case m.booting():
			t.Booting++
		default:
			t.Up++
		}
	}
	return t
}

func (c *crew) find(id string) *member {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return c.members[i]
}

func (c *crew) remove(gone *member) {
	c.members = slices.DeleteFunc(c.members, func(m *member) bool { return m == gone })
}

// staying counts the workers that do not leave by themselves.
func (c *crew) staying() int {
	n := 0
	for _, m := range c.members {
		if m.stays && !m.draining {
			n++
		}
	}
	return n
}

// views shows the crew to a policy. Which workers are busy is known as a number alone: the oldest ones are said to be.
func (c *crew) views(busy int) []policy.Worker {
	all := make([]policy.Worker, 0, len(c.members))
	for _, m := range c.members {
		w := policy.Worker{Started: m.started}
		switch {
		case m.draining:
			w.State = policy.Draining
		case m.booting():
			w.State = policy.Booting
		case busy > 0:
			w.State = policy.Busy
			busy--
		default:
			w.State, w.IdleSince = policy.Idle, m.ready
		}
		all = append(all, w)
	}
	return all
}

// leavers picks n workers to drain: those that boot before those that are up, and the youngest first.
func (c *crew) leavers(n int) []*member {
	var all []*member
	for _, m := range slices.Backward(c.members) {
		if !m.draining {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b *member) int {
		switch {
		case a.booting() == b.booting():
			return 0
		case a.booting():
			return -1
		}
		return 1
	})
	return all[:min(n, len(all))]
}

// window remembers the largest of the values of the last while.
type window struct {
	values []value
}

type value struct {
	at time.Time
	n  int
}

// add takes in a value and returns the largest that is not older than span.
func (w *window) add(now time.Time, n int, span time.Duration) int {
	kept := w.values[:0]
	for _, v := range w.values {
		if now.Sub(v.at) <= span && v.n > n { // smaller and older ones never count again
			kept = append(kept, v)
		}
	}
	w.values = append(kept, value{now, n})
	return w.values[0].n
}

// youngest is when the last worker became ready.
func (c *crew) youngest() time.Time {
	var last time.Time
	for _, m := range c.members {
		if m.ready.After(last) {
			last = m.ready
		}
	}
	return last
}

// seen is what is known of a crew without events of single workers.
type seen struct {
	now       time.Time
	count     *Count // of the driver; nil: it does not know
	consumers int    // of the queues; negative: unknown
	work      int    // messages visible or in flight
	boot      time.Duration
	idle      time.Duration // zero: workers do not leave by themselves
	slots     int
}

// bootsMost is after how many usual boots a worker that nobody has seen is given up, but not before giveUpMin.
const (
	bootsMost = 5
	giveUpMin = time.Minute
)

// changes is what came of a comparison: workers that became ready, with what their boot is known to have taken, and
// those that ended.
type changes struct {
	boots  []time.Duration
	ended  []*member
	failed []*member // never became ready
}

// compare brings the crew in line with what is seen of it. The driver's own count is believed first, then the consumers
// of the queues, then the clock: a worker is up after the usual boot, and has gone when for its idle time fewer workers
// had been enough.
func (c *crew) compare(s seen) changes {
	var ch changes
	giveUp := max(bootsMost*s.boot, giveUpMin)
	up := -1
	switch {
	case s.count != nil:
		up = s.count.Ready
	case s.consumers >= 0:
		up = c.needed.add(s.now, s.consumers, max(s.idle/2, s.boot/2))
	}
	for _, m := range c.members {
		if !m.booting() {
			up--
			continue
		}
		switch age := s.now.Sub(m.started); {
		case up > 0:
			up--
			m.ready = s.now
			ch.boots = append(ch.boots, age)
		case s.count == nil && s.consumers < 0 && age >= s.boot:
			m.ready = s.now
		case age >= giveUp && (s.count == nil || len(c.members) > s.count.Total):
			ch.failed = append(ch.failed, m)
		}
	}
	for _, m := range ch.failed {
		c.remove(m)
	}
	c.dismiss(&ch, c.surplus(s))
	return ch
}

// surplus is how many of those that are up have gone.
func (c *crew) surplus(s seen) int {
	t := c.tally()
	have := t.Up + t.Draining
	switch {
	case s.count != nil:
		return len(c.members) - max(s.count.Total, t.Booting)
	case s.consumers >= 0:
		return have - c.needed.add(s.now, s.consumers, max(s.idle/2, s.boot/2))
	case s.idle <= 0 || s.now.Sub(c.youngest()) < s.idle:
		c.needed.add(s.now, (s.work+s.slots-1)/s.slots, s.idle)
		return 0
	}
	return have - max(c.needed.add(s.now, (s.work+s.slots-1)/s.slots, s.idle), c.staying())
}

// dismiss takes out n workers that are up, those that drain before those that leave by themselves, and the youngest
// first.
func (c *crew) dismiss(ch *changes, n int) {
	for _, drains := range []bool{true, false} {
		for _, m := range slices.Backward(slices.Clone(c.members)) {
			if n > 0 && !m.booting() && m.draining == drains {
				n--
				c.remove(m)
				ch.ended = append(ch.ended, m)
			}
		}
	}
}
