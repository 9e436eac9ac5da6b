package queue

// Sizes of the window on the backlog.
const (
	windowStandard = 32 << 10  // entries that sends may put into memory
	windowFIFO     = 128 << 10 // the service itself looks at the first 120,000 messages of a FIFO queue
	windowSmall    = 1 << 10   // of each queue once all together hold more than Options.EntriesMax
	delayedMax     = 1 << 20   // delayed messages of a queue in memory; later ones wait for earlier delays
	entriesDefault = 2 << 20
	refillLow      = 4 << 10 // deliverable entries below which more are asked for
	refillFirst    = 256     // entries of a queue's first refill; the next ones double
	refillMax      = 4 << 10
	refillBytes    = 8 << 20
)

// refilling is the state of the one refill a queue may have under way.
type refilling struct {
	active  bool
	number  uint64
	limit   int
	dropped map[Seq]struct{} // messages behind the cursor that have gone since it was asked for
}

// removed remembers that a message behind the cursor has gone, since the refill may still bring it.
func (r *refilling) removed(seq, cursor Seq) {
	if !r.active || seq <= cursor {
		return
	}
	if r.dropped == nil {
		r.dropped = make(map[Seq]struct{})
	}
	r.dropped[seq] = struct{}{}
}

// window is how many deliverable entries sends may put into memory.
func (q *queue) window() int {
	if q.c.entries > q.c.entriesMax {
		return windowSmall
	}
	if q.c.opts.WindowMax > 0 {
		return q.c.opts.WindowMax
	}
	if q.fifo() {
		return windowFIFO
	}
	return windowStandard
}

// admits tells whether a new message comes into memory or stays in the store for now.
func (q *queue) admits(groupID string, delayed bool) bool {
	if delayed {
		return q.delayed < delayedMax
	}
	if q.overflow == 0 && q.inMemory < q.window() {
		return true
	}
	if q.inMemory >= 2*q.window() || !q.line.light(groupID) {
		return false
	}
	q.passed++
	return true
}

// ask asks for more of the backlog when the window runs low, and when what is behind it grows too old.
func (q *queue) ask(now Millis) {
	if q.overflow == 0 || q.refill.active || !q.low() && now < q.oldest.Add(q.retention()) {
		return
	}
	q.refill.active = true
	q.passed = 0
	q.refill.number++
	q.refill.limit = min(max(2*q.refill.limit, refillFirst), refillMax)
	q.c.result.Refills = append(q.c.result.Refills, Refill{
		Queue: q.id, Number: q.refill.number, After: q.cursor, UpTo: q.next - 1,
		Limit: min(q.refill.limit, q.window()) + 1, Bytes: refillBytes, // one is held back
	})
}

// low tells whether the window has room for more. In a FIFO queue what is in memory may all be behind locked
// heads, so there it is filled as long as few groups are open. In a standard queue those that pass the backlog may keep
// the window full for ever, so there the backlog has its turn after so many of them.
func (q *queue) low() bool {
	if q.fifo() {
		return len(q.entries) < q.window() && (q.inMemory < refillLow || q.blockedMostly())
	}
	few := min(refillLow, q.window())
	return q.delayed < delayedMax && (q.inMemory < few || q.passed >= few && q.inMemory < 2*q.window())
}

func (q *queue) blockedMostly() bool {
	gs, ok := q.line.(*groups)
	return ok && gs.turns.size < refillFirst
}

// pending tells whether messages are on their way from the store.
func (q *queue) pending() bool { return q.refill.active }

func (cmd *Refilled) step(c *Catalog, now Millis) (any, error) {
	q := c.queues[cmd.Refill.Queue]
	if q == nil || !q.refill.active || cmd.Refill.Number != q.refill.number {
		return nil, nil
	}
	items := cmd.Items
	if !cmd.End {
		items = q.holdBack(items)
	}
	for i := range items {
		q.load(&items[i], now)
	}
	if n := len(items); n > 0 {
		q.oldest = items[n-1].Message.Sent
	}
	if cmd.End {
		q.beyond.reached()
		q.cursor = cmd.Refill.UpTo
		if q.cursor == q.next-1 {
			q.settle()
		}
	}
	q.refill.active, q.refill.dropped = false, nil
	q.beyond.later = nil
	q.touch()
	q.advance(now)
	q.ask(now)
	// Receives that waited for this refill ask again, whether it brought anything or not.
	c.result.Ready = append(c.result.Ready, q.id)
	return nil, nil
}

// load brings a message of the backlog into memory.
func (q *queue) load(s *Stored, now Millis) {
	q.cursor = s.Seq
	if _, gone := q.refill.dropped[s.Seq]; gone || q.entries[s.Seq] != nil {
		return
	}
	m := s.Message
	e := q.newEntry(s.Seq, m, now)
	q.overflow--
	q.add(e, m.GroupID)
	if !s.Partial {
		q.c.cache.put(e, m)
	}
}

// hiddenUntil is when a message that was never received shows. A FIFO queue's delay holds for all its messages
// as it is set now; on a standard queue each message keeps its own. What comes from another queue as a dead
// letter is not delayed.
func (q *queue) hiddenUntil(m *Message) Millis {
	if q.fifo() && m.SourceARN == "" {
		return m.Sent.Add(q.cfg.Attributes.Delay)
	}
	return m.Due
}

// settle sets the counters right when the whole backlog is in memory. They are wrong only after a crash that
// undid receives whose messages were then deleted unseen.
func (q *queue) settle() {
	if q.overflow == 0 {
		return
	}
	q.overflow, q.live, q.bytes = 0, 0, 0
	for _, e := range q.entries {
		q.live++
		q.bytes += int64(e.size)
	}
}
