package queue

// PoisonReceives is how often a message is received until it counts as poison: somebody fails on it, and its age
// no longer tells how long others wait.
const PoisonReceives = 3

// ages knows how old the messages in memory are. Each is in waiting or in others; those that wait since later than
// their sending, and poison, are in one more heap. A message that is sent, received and deleted without a delay
// costs no more than one heap for all would: it only changes from the long one to the short one.
type ages struct {
	waiting heap // visible, since they were sent
	others  heap // in flight, delayed, leaving, late, poison; by the moment they were sent
	late    heap // visible, by since
	poison  heap // in whatever phase, by since
}

func newAges() ages {
	return ages{
		waiting: heap{slot: slotAge}, others: heap{slot: slotAge},
		late: heap{slot: slotLate}, poison: heap{slot: slotLate},
	}
}

// put puts e where it belongs now.
func (a *ages) put(e *entry) {
	to, from := &a.others, &a.waiting
	poison := e.poison()
	visible := e.phase == phaseVisible && !poison
	if visible && e.late == 0 {
		to, from = from, to
	}
	from.leave(e)
	to.join(e, e.sent)
	if !poison && e.late == 0 {
		return // it never was in the heaps below: neither changes back
	}
	if poison {
		a.late.leave(e)
		a.poison.join(e, e.since())
	} else if visible {
		a.late.join(e, e.since())
	} else {
		a.late.leave(e)
	}
}

// remove takes e out.
func (a *ages) remove(e *entry) {
	for _, h := range []*heap{&a.waiting, &a.others, &a.late, &a.poison} {
		h.leave(e)
	}
}

// first returns the entry that was sent first, nil when there is none.
func (a *ages) first() *entry {
	w, o := a.waiting.min(), a.others.min()
	if w == nil || o != nil && o.sent < w.sent {
		return o
	}
	return w
}

// leave takes e out of h if it is in it, and join puts it in unless it is; the slot may have other heaps.
func (h *heap) leave(e *entry) {
	if h.holds(e) {
		h.remove(e)
	}
}

func (h *heap) join(e *entry, key Millis) {
	if !h.holds(e) {
		h.push(e, int64(key))
	}
}

// beyond is what is known of the messages behind the window. Only Sent, Due and SourceARN of first and later are
// filled in.
type beyond struct {
	first *Message // the one that waits longest; nil: not known, until a refill tells
	seq   Seq      // of first
	later *Message // the first that came behind the window since the present refill was asked for
	after Seq      // of later
}

// went notes that a message has been sent that stays behind the window.
func (b *beyond) went(q *queue, seq Seq, m *Message) {
	if q.overflow == 0 {
		b.first, b.seq = m.moments(), seq
	}
	if q.refill.active && b.later == nil {
		b.later, b.after = m.moments(), seq
	}
}

// reached notes that a refill has brought everything that it was asked for.
func (b *beyond) reached() { *b = beyond{first: b.later, seq: b.after} }

// gone notes that a message behind the window was deleted.
func (b *beyond) gone(seq Seq) {
	if seq == b.seq {
		b.first = nil
	}
}

func (m *Message) moments() *Message {
	return &Message{Sent: m.Sent, Due: m.Due, SourceARN: m.SourceARN}
}

// holdBack returns the messages of a refill that has not reached its end without the last of those that are not in
// memory: it stays behind the window, so that the age of what is there is known.
func (q *queue) holdBack(items []Stored) []Stored {
	q.beyond.first = nil
	for k := len(items) - 1; k > 0; k-- {
		seq := items[k].Seq
		if _, gone := q.refill.dropped[seq]; !gone && q.entries[seq] == nil {
			q.beyond.first, q.beyond.seq = items[k].Message.moments(), seq
			return items[:k]
		}
	}
	return items
}

// sinceOf is the moment since when a message that was never received waits.
func (q *queue) sinceOf(m *Message) Millis { return max(m.Sent, q.hiddenUntil(m)) }

// newEntry returns the entry of a message that was never received in this queue.
func (q *queue) newEntry(seq Seq, m *Message, now Millis) *entry {
	e := &entry{
		seq: seq, sent: m.Sent, size: uint32(m.Size), receives: m.Receives, first: m.First,
		adopted: m.SourceARN != "", late: lateness(m.Sent, q.sinceOf(m)),
	}
	if until := q.hiddenUntil(m); until > now {
		e.phase, e.visible = phaseDelayed, until
	}
	return e
}

// lateness is the time between two moments as an entry keeps it: up to 49 days, more than any retention.
func lateness(sent, since Millis) uint32 { return uint32(min(max(since-sent, 0), 1<<32-1)) }

// waitingSince is the moment since when the message that waits longest does so, poison aside; ok is false when
// none waits.
func (q *queue) waitingSince(now Millis) (since Millis, ok bool) {
	since = never
	if e := q.ages.waiting.min(); e != nil {
		since = e.sent
	}
	if e := q.ages.late.min(); e != nil {
		since = min(since, e.since())
	}
	if q.overflow > 0 && q.beyond.first != nil {
		since = min(since, q.sinceOf(q.beyond.first))
	}
	return since, since <= now
}
