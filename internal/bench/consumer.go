package bench

import (
	"context"
	"errors"
	"time"
)

// consumer receives and deletes over one connection.
type consumer struct {
	run    *run
	number int
	conn   *conn
	got    []incoming
	marks  []delivery // of got
	done   []result

	queues rotation
	many   bool // queues, so that it cannot wait at one
}

// delivery is what the generator knows of a message that it received.
type delivery struct {
	mark   stamp
	ledger *ledger // nil: not a message of any run
}

func newConsumer(r *run, number int) *consumer {
	o := r.opts
	return &consumer{run: r, number: number, conn: r.newConn(), queues: newRotation(o.Queues, o.Consumers, number),
		many: o.Queues > o.Consumers}
}

// work receives and deletes until ctx ends.
func (c *consumer) work(ctx context.Context) {
	defer c.conn.close()
	for ctx.Err() == nil {
		q := c.pick(ctx)
		called := c.run.since()
		got, err := c.receive(ctx, q, called)
		if err == nil && got > 0 {
			err = c.delete(ctx, q, called)
		}
		if err != nil {
			c.run.failed(ctx, err)
		}
	}
}

// pick returns the queue to receive from. With many queues it passes by those in which nothing waits, as far as
// this run knows; a mode that does not send knows nothing.
func (c *consumer) pick(ctx context.Context) *queue {
	queues := c.run.queues
	if !c.many || !c.run.opts.Mode.sends() {
		return queues[c.queues.next()]
	}
	for ctx.Err() == nil {
		for range len(queues)/c.queues.step + 1 {
			if q := queues[c.queues.next()]; q.waiting.Load() > 0 {
				return q
			}
		}
		sleep(ctx, time.Millisecond)
	}
	return queues[0]
}

// receive receives messages into c.got and tells how many.
func (c *consumer) receive(ctx context.Context, q *queue, called time.Duration) (int, error) {
	r, o := c.run, c.run.opts
	wait := o.Wait
	if c.many {
		wait = 0
	}
	c.conn.body = r.codec.appendReceive(c.conn.body[:0], q, o.Batch, int(wait/time.Second), int(o.Visibility/time.Second))
	reply, err := c.conn.do(ctx, receiveMessage, r.codec.path(q), wait)
	if err != nil {
		return 0, err
	}
	now := r.since()
	c.got = r.codec.messages(reply, c.got)
	if len(c.got) == 0 {
		r.empties.Add(1)
		return 0, nil
	}
	r.empties.Store(0)
	r.latest.Store(int64(now))
	c.marks = c.marks[:0]
	bytes := 0
	for _, m := range c.got {
		bytes += len(m.body)
		c.marks = append(c.marks, c.note(q, m.body, called, now))
	}
	r.meter.record(stepReceive, c.number, now-called, len(c.got), bytes)
	return len(c.got), nil
}

// note recognises a message and writes it into its ledger.
func (c *consumer) note(q *queue, body []byte, called, now time.Duration) delivery {
	r := c.run
	mark, ok := readStamp(body)
	if !ok {
		r.strangers.Add(1)
		return delivery{}
	}
	d := delivery{mark, r.ledgers.ofRun(mark.run)}
	if d.ledger == nil {
		r.strangers.Add(1)
		return d
	}
	d.ledger.received(mark, called, now, q.fifo)
	if mark.run == r.ledgers.run {
		r.meter.record(stepThrough, c.number, now-mark.sent, 1, len(body))
	}
	return d
}

// delete deletes the messages in c.got.
func (c *consumer) delete(ctx context.Context, q *queue, called time.Duration) error {
	r := c.run
	act := deleteMessage
	if len(c.got) > 1 {
		act = deleteMessageBatch
	}
	from := r.since()
	c.conn.body = r.codec.appendDelete(c.conn.body[:0], q, c.got)
	reply, err := c.conn.do(ctx, act, r.codec.path(q), 0)
	if err != nil {
		return err
	}
	now := r.since()
	if act == deleteMessage {
		c.deleted(q, 0, called, now)
		r.meter.record(stepDelete, c.number, now-from, 1, 0)
		return nil
	}
	c.done = r.codec.results(reply, c.done)
	messages := 0
	var refused error
	for _, d := range c.done {
		switch {
		case d.code != "":
			refused = errors.Join(refused, entryError(d.code))
		case d.index < 0 || d.index >= len(c.got):
			refused = errors.Join(refused, errEntry)
		default:
			c.deleted(q, d.index, called, now)
			messages++
		}
	}
	r.meter.record(stepDelete, c.number, now-from, messages, 0)
	return refused
}

// deleted writes down that the delete of c.got[i] was acknowledged.
func (c *consumer) deleted(q *queue, i int, called, now time.Duration) {
	q.waiting.Add(-1)
	c.run.ahead.Add(-1)
	if d := c.marks[i]; d.ledger != nil {
		d.ledger.deleted(d.mark, called, now)
	}
}
