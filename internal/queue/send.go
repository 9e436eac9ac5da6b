package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

func (cmd *Send) step(c *Catalog, now Millis) (any, error) {
	if err := c.autoCreate(&cmd.By, cmd.Queue, now); err != nil {
		return nil, err
	}
	q, err := c.find(&cmd.By, cmd.Queue, "SendMessage", now)
	if err != nil {
		return nil, err
	}
	if cmd.Invalid != nil {
		return nil, cmd.Invalid
	}
	if q.fifo() {
		if err := q.checkOrdered(cmd); err != nil {
			return nil, err
		}
	}
	if !cmd.Batch {
		if err := q.checkEntry(&cmd.Entries[0], false); err != nil {
			return nil, err
		}
	}
	c.use(q, now)
	out := make([]SendOutcome, len(cmd.Entries))
	for i := range cmd.Entries {
		p := &cmd.Entries[i]
		if err := q.checkEntry(p, cmd.Batch); err != nil {
			out[i].Err = err
			continue
		}
		out[i].Sent, out[i].Err = q.send(p, now)
	}
	q.wake()
	return out, nil
}

// checkOrdered checks what a FIFO queue asks of a request as a whole: a message group for each message, and a
// way to tell its duplicates.
func (q *queue) checkOrdered(cmd *Send) error {
	for i := range cmd.Entries {
		p := &cmd.Entries[i]
		if p.Err != nil {
			if !cmd.Batch {
				return p.Err
			}
			continue
		}
		if p.Message.GroupID == "" {
			if cmd.Batch {
				return Errorf(CodeInvalidParameterValue, "The request must contain the parameter MessageGroupId.")
			}
			return MissingParameter("MessageGroupId")
		}
		if p.Message.DeduplicationID == "" && !q.cfg.Attributes.ContentDedup {
			return Errorf(CodeInvalidParameterValue,
				"The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
	}
	return nil
}

// checkEntry checks one message against its queue.
func (q *queue) checkEntry(p *Prepared, batch bool) *Error {
	if p.Err != nil {
		return p.Err
	}
	const wrongType = "The request include parameter that is not valid for this queue type."
	switch {
	case p.Message.Size > q.cfg.Attributes.MaxBytes && batch:
		return Errorf(CodeInvalidParameterValue, "One or more parameters cannot be validated. "+
			"Reason: Message must be shorter than %d bytes.", q.cfg.Attributes.MaxBytes)
	case p.Message.Size > q.cfg.Attributes.MaxBytes:
		return Errorf(CodeInvalidParameterValue, "One or more parameters are invalid. "+
			"Reason: Message must be shorter than %d bytes.", q.cfg.Attributes.MaxBytes)
	case !q.fifo() && p.Message.DeduplicationID != "":
		return invalidValue(p.Message.DeduplicationID, "MessageDeduplicationId", wrongType)
	case q.fifo() && p.Delay.Set && p.Delay.N != 0:
		return invalidValue(p.Delay.N, "DelaySeconds", wrongType)
	}
	return nil
}

// send puts a checked message into the queue, unless it repeats one.
func (q *queue) send(p *Prepared, now Millis) (Sent, *Error) {
	m := p.Message
	sent := Sent{BodyMD5: m.BodyMD5, AttributesMD5: m.AttributesMD5, SystemAttributesMD5: p.SystemMD5}
	if !q.fifo() {
		if delay := q.delayOf(p); delay > 0 {
			m.Due = now + delay
		}
		q.arrive(m, q.c.newMessageID(), now)
		sent.ID = m.ID
		return sent, nil
	}
	if m.DeduplicationID == "" {
		sum := sha256.Sum256(m.Body)
		m.DeduplicationID = hex.EncodeToString(sum[:])
	}
	key := sendKey(q.cfg.Attributes.DedupByGroup, m.GroupID, m.DeduplicationID)
	first, ok := q.sends.find(key, now)
	if !ok {
		// What was sent before DeduplicationScope changed was remembered in the other scope, and counts still.
		first, ok = q.sends.find(sendKey(!q.cfg.Attributes.DedupByGroup, m.GroupID, m.DeduplicationID), now)
	}
	if ok {
		q.counters.Deduplicated++
		sent.ID, sent.Sequence = first.ID, first.Seq
		return sent, nil
	}
	if len(q.sends.byKey) >= RememberedSendMax {
		return Sent{}, &Error{Code: CodeRequestThrottled, Queue: q.cfg.Name, Message: fmt.Sprintf(
			"The queue remembers %d deduplication ids of the last five minutes, which is its limit. Send more slowly.", RememberedSendMax)}
	}
	sent.Sequence = q.arrive(m, q.c.newMessageID(), now)
	sent.ID = m.ID
	remembered := RememberedSend{Key: key, ID: m.ID, Seq: sent.Sequence, Sent: now}
	q.sends.add(remembered)
	q.record(Record{Op: OpPutSend, Send: remembered})
	return sent, nil
}

// delayOf is the delay of a message on a standard queue: its own, or else the queue's.
func (q *queue) delayOf(p *Prepared) Millis {
	if p.Delay.Set {
		return Millis(p.Delay.N * 1000)
	}
	return Millis(0).Add(q.cfg.Attributes.Delay)
}

// arrive gives a new message its id, time and place and stores it.
func (q *queue) arrive(m *Message, id MessageID, now Millis) Seq {
	m.ID, m.Sent = id, now
	q.counters.Sent++
	return q.put(m, now)
}

// put stores a message that has its id and time, and brings it into memory if the window admits it.
func (q *queue) put(m *Message, now Millis) Seq {
	seq := q.next
	q.next++
	q.live++
	q.bytes += int64(m.Size)
	q.record(Record{Op: OpPutMessage, Seq: seq, Message: m})

	delayed := q.hiddenUntil(m) > now
	if !q.admits(m.GroupID, delayed && !q.fifo()) {
		if q.overflow == 0 || m.Sent < q.oldest {
			q.oldest = m.Sent
		}
		q.beyond.went(q, seq, m)
		q.overflow++
		return seq
	}
	if q.overflow == 0 {
		q.cursor = seq
	}
	e := q.newEntry(seq, m, now)
	q.add(e, m.GroupID)
	q.c.cache.put(e, m)
	if delayed && !q.fifo() {
		q.store(e) // so that a restart finds it wherever it stands in the backlog
	}
	return seq
}
