package history

import "slices"

// counters: what a server counts while nobody does anything is what it has. I7.
func (j *Judge) counters(q *queueState) {
	for _, c := range q.counts {
		sum := c.Visible + c.InFlight + c.Delayed
		if min(c.Visible, c.InFlight, c.Delayed) < 0 {
			j.violate(Miscounted, q.name, "%d visible, %d in flight, %d delayed at %s", c.Visible, c.InFlight, c.Delayed, moment(c.Return))
		}
		if c.Scanned != nil && *c.Scanned != sum {
			j.violate(Miscounted, q.name, "%d visible, %d in flight and %d delayed are %d at %s, and a look at each found %d",
				c.Visible, c.InFlight, c.Delayed, sum, moment(c.Return), *c.Scanned)
		}
		if q.feeds || q.deadLetters != "" || len(q.purges) > 0 {
			continue // messages come and go without a client
		}
		if least, most := q.bounds(c.Call, c.Return); sum < least || sum > most {
			j.violate(Miscounted, q.name, "counted %d at %s; acknowledged sends and deletes leave %d to %d", sum, moment(c.Return), least, most)
		}
	}
}

// bounds says how many messages a queue has at least and at most, from what clients were told by the moment from, and
// had begun by the moment to.
func (q *queueState) bounds(from, to int64) (least, most int64) {
	for _, m := range q.subjects {
		if len(m.sends) == 0 || m.sends[0].call > to {
			continue
		}
		acked := slices.ContainsFunc(m.sends, func(s *op) bool { return s.done() && s.ret <= from })
		expired := to-m.sends[0].call >= q.retention
		if acked && !m.shared && !m.deleteBegun(to) && !expired {
			least++
		}
		if last := m.sends[len(m.sends)-1]; m.dedup != "" && last.call-m.sends[0].call < int64(dedupWindow) {
			most++
		} else {
			most += int64(len(m.sends))
		}
		if gone, _ := m.goneBy(); gone < from {
			most--
		}
	}
	return least, most
}

// liveness: what was sent after a time of grace was acknowledged, until something disturbs the server again. I11.
func (j *Judge) liveness() {
	for _, h := range j.healed {
		within := nanoseconds(h.Within)
		if within == 0 {
			within = int64(healedDefault)
		}
		from, to := h.Call+within, int64(never)
		if i, _ := slices.BinarySearch(j.disturb, h.Call+1); i < len(j.disturb) {
			to = j.disturb[i]
		}
		for _, m := range j.order {
			for i := range m.ops {
				o := &m.ops[i]
				if o.kind == OpSend && !o.done() && o.call > from && o.ret < to {
					j.violate(Stuck, m.key, "sent at %s, %s after all was well again, without success", moment(o.call), moment(o.call-h.Call))
				}
			}
		}
	}
}
