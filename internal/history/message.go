package history

import (
	"slices"
	"time"
)

// identity: what was received was sent, unchanged, and no more messages came of a key than were sent. I2, I6.
func (j *Judge) identity(m *subject) {
	if m.queue == nil {
		j.violate(Invented, m.key, "received or deleted, and never sent")
		return
	}
	digests := make(map[uint64]bool)
	ids := make(map[string]bool)
	for _, s := range m.sends {
		digests[s.digest] = true
		if s.done() && s.id != "" {
			ids[s.id] = true
		}
	}
	if len(m.sends) == 0 && len(m.receives) > 0 {
		j.violate(Invented, m.key, "received, but each send of it was refused")
	}
	for _, r := range m.receives {
		if r.digest != 0 && !digests[0] && !digests[r.digest] {
			j.violate(Altered, m.key, "received at %s with another content than was sent", moment(r.ret))
		}
		if r.id != "" {
			ids[r.id] = true
		}
		if len(m.sends) > 0 && r.ret < m.sends[0].call {
			j.violate(Invented, m.key, "received at %s, and sent only at %s", moment(r.ret), moment(m.sends[0].call))
		}
	}
	if m.dedup == "" && len(ids) > max(1, len(m.sends)) {
		j.violate(Doubled, m.key, "%d attempts to send it became %d messages", len(m.sends), len(ids))
	}
}

// visibility: nobody gets a message that must be hidden, by a delay or by somebody's receive. I3, I9.
func (j *Judge) visibility(m *subject) {
	if len(m.sends) > 0 && len(m.receives) > 0 {
		s, r := m.sends[0], m.receives[0]
		if s.timeout > 0 && r.ret < s.until {
			j.violate(Early, m.key, "sent at %s with a delay of %v, and received by %s", moment(s.call), time.Duration(s.timeout), moment(r.ret))
		}
	}
	for i := 1; i < len(m.receives); i++ {
		before, after := m.receives[i-1], m.receives[i]
		if before.id != after.id {
			continue // two attempts that both worked
		}
		// Where the calls overlap, either may have come first.
		if after.ret < m.hidden(before, after.ret) && before.ret < m.hidden(after, before.ret) {
			j.violate(Early, m.key, "received by the call at %s, which hides it until %s, and again by %s",
				moment(before.call), moment(m.hidden(before, after.ret)), moment(after.ret))
		}
	}
}

// hidden says until when a receive surely hides its message, as seen at a moment: changes of its timeout that had
// begun by then may have shortened it.
func (m *subject) hidden(r *op, at int64) int64 {
	until := r.until
	for _, c := range m.changes {
		if c.call >= r.call && c.call <= at {
			until = min(until, c.until)
		}
	}
	return until
}

// deleted: an acknowledged delete with the current receipt is for ever. I4.
func (j *Judge) deleted(m *subject) {
	gone, id := m.goneBy()
	for _, r := range m.receives {
		if r.call > gone && r.id == id {
			j.violate(Revived, m.key, "its delete was answered at %s, and it was received by the call at %s", moment(gone), moment(r.call))
			return
		}
	}
}

// goneBy is the moment from which a message is surely deleted, and its id.
func (m *subject) goneBy() (int64, string) {
	gone, id := int64(never), ""
	for _, d := range m.deletes {
		if !d.done() || d.ret >= gone {
			continue
		}
		for _, r := range m.receives {
			if d.receipt != 0 && r.receipt == d.receipt && r.call <= d.call && d.ret < m.hidden(r, d.ret) {
				gone, id = d.ret, r.id
			}
		}
	}
	return gone, id
}

// lost: what was acknowledged and never deleted cannot be gone when its queue is found empty. I1.
func (j *Judge) lost(m *subject) {
	if m.queue == nil || len(m.deletes) > 0 {
		return
	}
	i := slices.IndexFunc(m.sends, (*op).done)
	if i < 0 {
		return
	}
	s := m.sends[i]
	empty, ok := j.emptyAfter(m.queue, s.ret)
	if !ok || empty.ret-s.call > m.queue.retention || empty.ret < s.ret+s.timeout || m.queue.purged(s) || m.absorbed(s) {
		return
	}
	if len(m.receives) == 0 {
		j.violate(Lost, m.key, "acknowledged at %s as %s, and not received by %s, when %s was empty",
			moment(s.ret), s.id, moment(empty.ret), m.queue.name)
		return
	}
	if last := m.receives[len(m.receives)-1]; last.ret+last.timeout < empty.ret {
		j.violate(Lost, m.key, "received last at %s, never deleted, and not received again by %s, when %s was empty",
			moment(last.ret), moment(empty.ret), m.queue.name)
	}
}

// emptyAfter finds the first time after at in which a queue, and then its dead-letter queue, was found empty.
func (j *Judge) emptyAfter(q *queueState, at int64) (*op, bool) {
	for range 2 {
		i := slices.IndexFunc(q.drained, func(o op) bool { return o.call > at })
		if i < 0 {
			return nil, false
		}
		if q.deadLetters == "" {
			return &q.drained[i], true
		}
		at, q = q.drained[i].ret, j.queue(q.deadLetters)
	}
	return nil, false // the dead-letter queue has one, too
}

// purged is true when a purge may have taken what a send has made.
func (q *queueState) purged(s *op) bool {
	return slices.ContainsFunc(q.purges, func(p op) bool { return p.result != Failed && s.call <= p.ret })
}

// absorbed is true when a send was a duplicate of another key's: it has that message's id.
func (m *subject) absorbed(s *op) bool {
	return m.shared && slices.ContainsFunc(m.queue.subjects, func(other *subject) bool {
		return other != m && other.dedup == m.dedup && slices.ContainsFunc(other.sends, func(o *op) bool { return o.id == s.id })
	})
}

// deadLetters: a message moves exactly when it was received as often as its queue allows, and is then in one queue
// only. I8.
func (j *Judge) deadLetters(m *subject) {
	if m.queue == nil || m.queue.deadLetters == "" || m.queue.maxReceives == 0 {
		return
	}
	var own, dead []*op
	for _, r := range m.receives {
		switch r.queue.name {
		case m.queue.name:
			own = append(own, r)
		case m.queue.deadLetters:
			dead = append(dead, r)
		}
	}
	limit := m.queue.maxReceives
	if len(own) > limit+len(j.crashes) { // each crash may have forgotten a receive
		j.violate(Misplaced, m.key, "received %d times from %s, which allows %d", len(own), m.queue.name, limit)
	}
	if len(dead) == 0 {
		return
	}
	moved := dead[0].ret
	unseen := 0
	for _, u := range m.queue.unseen {
		if u.call <= moved {
			unseen++
		}
	}
	if len(own)+unseen < limit {
		j.violate(Misplaced, m.key, "received %d times from %s, which allows %d, and then from %s", len(own), m.queue.name, limit, m.queue.deadLetters)
	}
	for _, r := range own {
		if r.call > moved {
			j.violate(Misplaced, m.key, "received from %s at %s, and again from %s by the call at %s", m.queue.deadLetters, moment(moved), m.queue.name, moment(r.call))
			return
		}
	}
}
