package history

import (
	"cmp"
	"slices"
)

// deduplication: one deduplication id within the window is one message. I6.
func (j *Judge) deduplication(q *queueState) {
	byDedup := make(map[string][]*subject)
	for _, m := range q.subjects {
		if m.dedup != "" && m.group != "" {
			byDedup[m.dedup] = append(byDedup[m.dedup], m)
		}
	}
	window := int64(dedupWindow) - j.stepped
	for dedup, all := range byDedup {
		for _, m := range all {
			m.shared = len(all) > 1
		}
		first, last := int64(never), int64(0)
		ids := make(map[string]bool)
		numbers := make(map[string]bool)
		for _, m := range all {
			for _, o := range slices.Concat(m.sends, m.receives) {
				if o.kind == OpSend {
					first, last = min(first, o.call), max(last, o.ret)
				}
				if o.done() && o.id != "" {
					ids[o.id] = true
				}
				if o.done() && o.sequence != "" && o.queue == q {
					numbers[o.sequence] = true
				}
			}
		}
		if last-first < window && (len(ids) > 1 || len(numbers) > 1) {
			j.violate(Doubled, all[0].key, "the deduplication id %q became %d messages with %d sequence numbers", dedup, len(ids), len(numbers))
		}
	}
}

// step is something that happened to one message of a group, with the message's place in it.
type step struct {
	m         *subject
	number    string // sequence number
	call, ret int64
	place     int
	receive   *op
}

// groups: sequence numbers rise with the sends, first deliveries follow them, and nobody gets a message while one
// before it is in flight. I5.
func (j *Judge) groups(q *queueState) {
	byGroup := make(map[string][]*subject)
	for _, m := range q.subjects {
		if m.group != "" {
			byGroup[m.group] = append(byGroup[m.group], m)
		}
	}
	for group, members := range byGroup {
		if !q.fifo && !slices.ContainsFunc(members, func(m *subject) bool { return m.number() != "" }) {
			continue // a fair queue has groups, and no order
		}
		var sent, first, all []step
		for _, m := range members {
			number := m.number()
			if number == "" {
				continue
			}
			if i := slices.IndexFunc(m.sends, (*op).done); i >= 0 && !m.shared {
				sent = append(sent, step{m, number, m.sends[0].call, m.sends[i].ret, 0, nil})
			}
			for i, r := range m.receives {
				if r.queue != q {
					continue // in the dead-letter queue it is one of another order
				}
				s := step{m, number, r.call, r.ret, r.place, r}
				all = append(all, s)
				if i == 0 {
					first = append(first, s)
				}
			}
		}
		j.rising(group, sent, "acknowledged")
		j.rising(group, first, "first delivered")
		if len(q.purges) == 0 {
			j.overtaken(group, all)
		}
	}
}

// number is the sequence number of a message, empty when nobody was told.
func (m *subject) number() string {
	for _, o := range slices.Concat(m.sends, m.receives) {
		if o.done() && o.sequence != "" {
			return o.sequence
		}
	}
	return ""
}

// rising wants that of two steps of which one had ended when the other began, the later has the higher number; and
// the same of two in one reply.
func (j *Judge) rising(group string, steps []step, what string) {
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.ret, b.ret), cmp.Compare(a.place, b.place))
	})
	ended := slices.Clone(steps)
	slices.SortStableFunc(ended, func(a, b step) int { return cmp.Compare(a.ret, b.ret) })
	highest := ""
	next := 0
	for i, s := range steps {
		for next < len(ended) && ended[next].ret < s.call {
			if later(ended[next].number, highest) {
				highest = ended[next].number
			}
			next++
		}
		limit := highest
		if i > 0 && steps[i-1].receive != nil && sameReply(steps[i-1], s) && later(steps[i-1].number, limit) {
			limit = steps[i-1].number
		}
		if limit != "" && !later(s.number, limit) {
			j.violate(Unordered, s.m.key, "%s as %s in group %s, after %s", what, s.number, group, limit)
		}
	}
}

func sameReply(a, b step) bool { return a.call == b.call && a.ret == b.ret && a.place != b.place }

// overtaken wants that no message is received while an earlier one of its group, of another reply, must be in flight.
func (j *Judge) overtaken(group string, steps []step) {
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.call, b.call) })
	var held []step // received, and perhaps still in flight
	for _, s := range steps {
		held = slices.DeleteFunc(held, func(h step) bool { return h.m.hidden(h.receive, s.call) <= s.call || h.m.deleteBegun(s.call) })
		for _, h := range held {
			if h.m != s.m && h.ret < s.call && later(s.number, h.number) &&
				s.ret < h.m.hidden(h.receive, s.ret) && !h.m.deleteBegun(s.ret) {
				j.violate(Overtaken, s.m.key, "received as %s of group %s by %s, while %s (%s) was in flight until %s",
					s.number, group, moment(s.ret), h.number, h.m.key, moment(h.receive.until))
				break
			}
		}
		held = append(held, s)
	}
}

// deleteBegun is true when somebody had begun to delete the message by the moment.
func (m *subject) deleteBegun(at int64) bool {
	return slices.ContainsFunc(m.deletes, func(d *op) bool { return d.call <= at })
}
