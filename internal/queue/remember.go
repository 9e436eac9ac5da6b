package queue

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// sendSlack is how long forgetting a deduplication id may lag, so that many go in one batch. Lookups compare
// times, so nobody sees it.
const sendSlack = time.Second

// memory is what a FIFO queue remembers of its accepted sends for DedupWindow.
type memory struct {
	byKey map[[16]byte]RememberedSend
	order fifo[sendTime]

	unsorted bool // order was filled by a restore
}

type sendTime struct {
	key [16]byte
	at  Millis
}

// sendKey names a deduplication id in its scope: the whole queue, or one message group.
func sendKey(byGroup bool, groupID, id string) [16]byte {
	h := sha256.New()
	if byGroup {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(groupID)))
		h.Write([]byte{1})
		h.Write(length[:])
		h.Write([]byte(groupID))
	} else {
		h.Write([]byte{0})
	}
	h.Write([]byte(id))
	var sum [sha256.Size]byte
	return [16]byte(h.Sum(sum[:0]))
}

// find returns the send that one with this key would repeat.
func (m *memory) find(key [16]byte, now Millis) (RememberedSend, bool) {
	s, ok := m.byKey[key]
	return s, ok && now < s.Sent.Add(DedupWindow)
}

// add remembers a send. Sends come in the order of their times.
func (m *memory) add(s RememberedSend) {
	if m.byKey == nil {
		m.byKey = make(map[[16]byte]RememberedSend)
	}
	m.byKey[s.Key] = s
	m.order.push(sendTime{s.Key, s.Sent})
}

// expire forgets what is older than the window.
func (m *memory) expire(q *queue, now Millis) {
	if m.unsorted {
		m.sort()
	}
	for m.order.size > 0 && m.order.peek().at.Add(DedupWindow+sendSlack) <= now {
		old := m.order.pop()
		// A key sent again after its window, but before it was forgotten, has a newer entry.
		if s, ok := m.byKey[old.key]; ok && s.Sent == old.at {
			delete(m.byKey, old.key)
			q.record(Record{Op: OpDropSend, Send: RememberedSend{Key: old.key}})
		}
	}
	if m.order.size == 0 {
		m.byKey = nil
	}
}

// attempt is what a ReceiveRequestAttemptId was answered with.
type attempt struct {
	at       Millis
	receipts []Receipt
}

// repeat returns the messages of an earlier receive with the same attempt id, if all of them are as that
// receive left them. Their timeouts start anew.
func (q *queue) repeat(id string, visibility time.Duration, now Millis) []*entry {
	a := q.attempts[id]
	if a == nil || now >= a.at.Add(AttemptWindow) {
		return nil
	}
	found := make([]*entry, 0, len(a.receipts))
	for _, r := range a.receipts {
		e := q.entries[r.Seq]
		if e == nil || e.touched || e.phase == phaseLeaving || !e.newest(r) {
			delete(q.attempts, id)
			return nil
		}
		found = append(found, e)
	}
	for _, e := range found {
		q.turnTo(phaseInFlight, e, now.Add(visibility))
		q.store(e)
	}
	return found
}

// rememberAttempt keeps the answer to a receive for its repetition.
func (q *queue) rememberAttempt(id string, deliveries []Delivery, now Millis) {
	if id == "" || len(deliveries) == 0 {
		return
	}
	a := &attempt{at: now}
	for i := range deliveries {
		a.receipts = append(a.receipts, deliveries[i].Receipt)
	}
	if q.attempts == nil {
		q.attempts = make(map[string]*attempt)
	}
	q.attempts[id] = a
	q.attemptOrder.push(attemptTime{id, now})
}

type attemptTime struct {
	id string
	at Millis
}

func (q *queue) expireAttempts(now Millis) {
	for q.attemptOrder.size > 0 && q.attemptOrder.peek().at.Add(AttemptWindow) <= now {
		old := q.attemptOrder.pop()
		if a := q.attempts[old.id]; a != nil && a.at == old.at {
			delete(q.attempts, old.id)
		}
	}
}

// sort puts what a restore has added in the order of its times.
func (m *memory) sort() {
	times := make([]sendTime, 0, m.order.size)
	for m.order.size > 0 {
		times = append(times, m.order.pop())
	}
	slices.SortFunc(times, func(a, b sendTime) int { return cmp.Compare(a.at, b.at) })
	for _, t := range times {
		m.order.push(t)
	}
	m.unsorted = false
}
