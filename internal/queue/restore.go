package queue

import "fmt"

// RestoreQueue adds a queue as it was stored. Restore calls come before the first Step, a queue's own first.
// The error tells what is wrong with the data.
func (c *Catalog) RestoreQueue(id ID, cfg *Config, mark Mark) error {
	if c.queues[id] != nil || c.byName[cfg.Name] != nil {
		return fmt.Errorf("queue %s (%d) is stored twice", cfg.Name, id)
	}
	if mark.Live < 0 || mark.Low >= max(mark.Next, 1) {
		return fmt.Errorf("the stored mark of queue %s is impossible: %+v", cfg.Name, mark)
	}
	policy, err := parsedPolicy(cfg)
	if err != nil {
		return fmt.Errorf("the stored policy of queue %s: %w", cfg.Name, err)
	}
	q := newQueue(c, id, cfg)
	q.policy = policy
	q.next, q.cursor = max(mark.Next, 1), mark.Low
	q.live, q.bytes, q.overflow = mark.Live, mark.Bytes, mark.Live
	c.queues[id], c.byName[cfg.Name] = q, q
	c.nextID = max(c.nextID, id+1)
	c.lastClock = max(c.lastClock, mark.Now, cfg.Modified)
	c.agenda.plan(q, 0) // the first Tick looks at every queue
	return nil
}

// RestoreState adds the state of a message of a restored queue.
func (c *Catalog) RestoreState(id ID, seq Seq, s State) error {
	q, err := c.restored(id)
	if err != nil {
		return err
	}
	if q.entries[seq] != nil || seq >= q.next {
		return fmt.Errorf("the stored state of message %d of queue %s is impossible", seq, q.cfg.Name)
	}
	e := &entry{
		seq: seq, sent: s.Sent, visible: s.Visible, received: s.Received, first: s.First,
		receives: s.Receives, epoch: s.Epoch, size: s.Size, late: s.Late, stated: true, adopted: s.Adopted,
	}
	// Whether the moment has passed, the first Tick finds out.
	if s.Delayed {
		e.phase = phaseDelayed
	} else if s.Visible > s.Received {
		e.phase = phaseInFlight
	}
	q.overflow--
	q.add(e, s.GroupID)
	return nil
}

// RestoreSend adds a remembered deduplication id. They come in any order of one queue at a time and are put in
// the order of their times by the first look at them.
func (c *Catalog) RestoreSend(id ID, s RememberedSend) error {
	q, err := c.restored(id)
	if err != nil {
		return err
	}
	if mutant == "dedup-lost" {
		return nil
	}
	q.sends.add(s)
	q.sends.unsorted = true
	return nil
}

// RestoreTask adds a move task. The tasks of a queue may come in any order.
func (c *Catalog) RestoreTask(t *Task) error {
	q, err := c.restored(t.Source)
	if err != nil {
		return err
	}
	i := len(q.tasks)
	for i > 0 && q.tasks[i-1].startedAfter(t) {
		i--
	}
	q.tasks = append(q.tasks, nil)
	copy(q.tasks[i+1:], q.tasks[i:])
	q.tasks[i] = t
	if t.Status == MoveRunning {
		q.task = &mover{q: q, kept: t, began: c.lastClock}
	}
	return nil
}

// startedAfter puts the tasks of a queue in order. Of several that began in the same millisecond only the last one
// can be running.
func (t *Task) startedAfter(other *Task) bool {
	return t.Started > other.Started || t.Started == other.Started && t.Status == MoveRunning
}

// RestoreDeleted adds a queue name in its cool-down.
func (c *Catalog) RestoreDeleted(name string, at Millis) {
	c.deleted[name] = at
	c.lastClock = max(c.lastClock, at)
}
