package queue

import (
	"fmt"
	"strings"
)

// depart takes a visible message out of delivery until it arrives in another queue.
func (q *queue) depart(e *entry, to ID, task string) {
	q.turnTo(phaseLeaving, e, e.visible)
	q.c.result.Departures = append(q.c.result.Departures, Departure{
		Queue: q.id, Seq: e.seq, To: to, Task: task, Message: e.message,
	})
}

// stay gives a message that could not leave back to delivery.
func (q *queue) stay(e *entry) { q.turnTo(phaseVisible, e, e.visible) }

func (cmd *Arrive) step(c *Catalog, now Millis) (any, error) {
	for i := range cmd.Departures {
		d := &cmd.Departures[i]
		q := c.queues[d.Queue]
		if q == nil {
			continue
		}
		c.use(q, now)
		// Receives that waited for the departure ask again.
		c.result.Ready = append(c.result.Ready, q.id)
		e := q.entries[d.Seq]
		if e != nil && e.phase == phaseLeaving {
			q.settleDeparture(e, d, now)
		}
		if t := q.task; t != nil && t.kept.ID == d.Task {
			t.arrived(now)
		}
	}
	return nil, nil
}

// settleDeparture moves the message, or keeps it where it cannot be moved.
func (q *queue) settleDeparture(e *entry, d *Departure, now Millis) {
	if d.Message == nil { // the store does not have it, so it is nowhere
		q.drop(e)
		return
	}
	if d.Task != "" {
		if q.task == nil || q.task.kept.ID != d.Task || !q.task.deliver(e, d, now) {
			q.stay(e)
		}
		return
	}
	target := q.c.queues[d.To]
	if target == nil || target.fifo() != q.fifo() || !q.c.mayMove(q.cfg.RedriveBy, target, now) {
		q.stay(e)
		return
	}
	moved := *d.Message
	moved.SourceARN, moved.Due = q.arn(), now // it waits there since now
	moved.Receives, moved.First = e.receives, e.first
	if q.fifo() {
		moved.DeduplicationID, moved.Sent = moved.ID.String(), now
	}
	q.transfer(e, target, &moved, now)
	q.counters.DeadLettered++
}

// transfer moves a message into another queue: the records of both ends are in the same step.
func (q *queue) transfer(e *entry, target *queue, m *Message, now Millis) {
	q.drop(e)
	q.c.use(target, now)
	target.put(m, now)
	target.wake()
}

func (cmd *Locate) step(c *Catalog, now Millis) (any, error) {
	q, err := c.find(&cmd.By, cmd.Queue, "ReceiveMessage", now)
	if err != nil {
		return nil, err
	}
	c.use(q, now)
	low := q.mark(now).Low
	for _, e := range q.entries {
		low = min(low, e.seq-1)
	}
	return Located{Queue: q.id, FIFO: q.fifo(), Low: low, Next: q.next}, nil
}

func (cmd *States) step(c *Catalog, now Millis) (any, error) {
	out := make([]StateNow, len(cmd.Seqs))
	q := c.queues[cmd.Queue]
	if q == nil {
		return nil, MissingQueue("")
	}
	c.use(q, now)
	for i, seq := range cmd.Seqs {
		out[i] = q.stateNow(seq)
	}
	return out, nil
}

func (q *queue) stateNow(seq Seq) StateNow {
	e := q.entries[seq]
	switch {
	case e == nil && seq <= q.cursor:
		return StateNow{Gone: true}
	case e == nil:
		return StateNow{State: PeekVisible}
	}
	now := StateNow{State: PeekVisible, Receives: e.receives, First: e.first}
	switch e.phase {
	case phaseDelayed:
		now.State, now.Until = PeekDelayed, e.visible
	case phaseInFlight:
		now.State, now.Until = PeekInFlight, e.visible
	case phaseVisible, phaseLeaving:
	}
	return now
}

// queueOf returns the queue that an ARN of this account and region names.
func (c *Catalog) queueOf(arn string) *queue {
	name, ok := strings.CutPrefix(arn, c.realm.ARN(""))
	if !ok {
		return nil
	}
	return c.byName[name]
}

// restored returns the queue that stored data belongs to.
func (c *Catalog) restored(id ID) (*queue, error) {
	q := c.queues[id]
	if q == nil {
		return nil, fmt.Errorf("stored data belongs to queue %d, which is not there", id)
	}
	return q, nil
}
