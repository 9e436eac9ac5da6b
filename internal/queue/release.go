package queue

import "time"

func (cmd *Delete) step(c *Catalog, now Millis) (any, error) {
	return c.release(&cmd.By, cmd.Queue, "DeleteMessage", cmd.Invalid, cmd.Entries, now,
		func(q *queue, h *HeldReceipt) *Error { return q.delete(h, now) })
}

func (cmd *ChangeVisibility) step(c *Catalog, now Millis) (any, error) {
	return c.release(&cmd.By, cmd.Queue, "ChangeMessageVisibility", cmd.Invalid, cmd.Entries, now,
		func(q *queue, h *HeldReceipt) *Error {
			if cmd.Batch && !q.changeable(h.Receipt) {
				return Errorf(CodeReceiptHandleIsInvalid, "Message does not exist or is not available for visibility timeout change")
			}
			return q.changeVisibility(h, now)
		})
}

// release does to each of the held messages what each says.
func (c *Catalog) release(by *Caller, ref Ref, action string, invalid error, entries []HeldReceipt, now Millis,
	each func(*queue, *HeldReceipt) *Error) ([]*Error, error) {
	q, err := c.find(by, ref, action, now)
	if err != nil {
		return nil, err
	}
	if invalid != nil {
		return nil, invalid
	}
	c.use(q, now)
	out := make([]*Error, len(entries))
	for i := range entries {
		if out[i] = q.open(&entries[i]); out[i] == nil {
			out[i] = each(q, &entries[i])
		}
	}
	q.wake() // a FIFO group may be free now, or a message visible
	return out, nil
}

// open checks that a handle is one of this queue.
func (q *queue) open(h *HeldReceipt) *Error {
	switch {
	case h.Err != nil:
		return h.Err
	case h.Receipt.Queue != q.id:
		return foreignReceipt(h.Text)
	case h.Receipt.Seq == 0 || h.Receipt.Seq >= q.next:
		return InvalidReceipt(h.Text)
	}
	return nil
}

// expired reports whether the handle was given too long ago for a standard queue. The newest receive's time is known,
// and every older handle of the message is older than that.
func (q *queue) expired(e *entry, r Receipt, now Millis) bool {
	return !q.fifo() && e.received != 0 && !e.forgotten(r) && now >= e.received.Add(ReceiptMax)
}

// expiredReceipt is the answer for a receipt handle that was good once.
func expiredReceipt(h *HeldReceipt) *Error {
	return invalidValue(h.Text, "ReceiptHandle", "The receipt handle has expired.")
}

func (q *queue) delete(h *HeldReceipt, now Millis) *Error {
	r := h.Receipt
	e := q.entries[r.Seq]
	if e == nil {
		q.deleteUnseen(r)
		return nil
	}
	if q.fifo() && !e.forgotten(r) && (e.phase != phaseInFlight || !e.newest(r)) || q.expired(e, r, now) {
		return expiredReceipt(h)
	}
	// An old handle deletes a message that waits, and does nothing while another consumer has it.
	if e.newest(r) || e.forgotten(r) || e.phase == phaseVisible {
		q.finished(e, r, now)
		q.drop(e)
		q.counters.Deleted++
	}
	return nil
}

// deleteUnseen deletes a message that is not in memory: gone already, or behind the window because a crash
// has undone the receive that the handle is of. A refill counts what it finds and settles the difference.
func (q *queue) deleteUnseen(r Receipt) {
	if r.Seq <= q.cursor || q.overflow == 0 || r.Epoch == q.c.opts.Epoch {
		return
	}
	q.refill.removed(r.Seq, q.cursor)
	q.beyond.gone(r.Seq)
	q.record(Record{Op: OpDropMessage, Seq: r.Seq})
	q.counters.Deleted++
}

// changeable reports whether the message of a handle is in flight, as a batch asks of each.
func (q *queue) changeable(r Receipt) bool {
	e := q.entries[r.Seq]
	return e != nil && e.phase == phaseInFlight && (!q.fifo() || e.newest(r))
}

func (q *queue) changeVisibility(h *HeldReceipt, now Millis) *Error {
	e := q.entries[h.Receipt.Seq]
	if e == nil || e.phase == phaseLeaving {
		return invalidValue(h.Text, "ReceiptHandle",
			"Message does not exist or is not available for visibility timeout change.")
	}
	if q.fifo() && (e.phase != phaseInFlight || !e.newest(h.Receipt)) || q.expired(e, h.Receipt, now) {
		return expiredReceipt(h)
	}
	timeout := time.Duration(h.Visibility.N) * time.Second
	if e.received != 0 && now.Add(timeout) > e.received.Add(VisibilityMax) {
		return invalidValue(h.Visibility.N, "VisibilityTimeout",
			"Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	e.touched = true
	if timeout == 0 {
		q.turnTo(phaseVisible, e, now)
	} else {
		q.turnTo(phaseInFlight, e, now.Add(timeout))
	}
	q.store(e)
	return nil
}
