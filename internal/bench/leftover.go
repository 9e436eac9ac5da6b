package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// leftoverTime bounds how long a run empties its queues before it measures.
const leftoverTime = time.Minute

// empty takes out of the queues what was in them before the run, and counts it. Otherwise the first messages of a run that
// measures latency would wait behind what an earlier one has left.
func (r *run) empty(ctx context.Context) error {
	if r.opts.Mode != Latency || r.opts.Queue == "" {
		return nil
	}
	r.opts.tell(Leftover)
	limit, cancel := context.WithTimeout(ctx, leftoverTime)
	defer cancel()
	var all sync.WaitGroup
	var removed atomic.Int64
	failures := make([]error, r.opts.Consumers)
	for w := range r.opts.Consumers {
		all.Go(func() {
			c := r.newConn()
			defer c.close()
			for i := w; i < max(r.opts.Queues, r.opts.Consumers) && failures[w] == nil; i += r.opts.Consumers {
				failures[w] = r.emptyQueue(limit, c, r.queues[i%r.opts.Queues], &removed)
			}
		})
	}
	all.Wait()
	r.leftover = removed.Load()
	if limit.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("queue %s still had messages after %s; latencies need one that is empty and that nothing else sends to: "+
			"forebay bench drain --queue %s", r.opts.Queue, leftoverTime, r.opts.Queue)
	}
	return errors.Join(failures...)
}

// emptyQueue receives and deletes until a receive finds nothing.
func (r *run) emptyQueue(ctx context.Context, c *conn, q *queue, removed *atomic.Int64) error {
	var got []incoming
	for ctx.Err() == nil {
		c.body = r.codec.appendReceive(c.body[:0], q, batchMax, 0, int(r.opts.Visibility/time.Second))
		reply, err := c.do(ctx, receiveMessage, r.codec.path(q), 0)
		if err != nil {
			return err
		}
		if got = r.codec.messages(reply, got); len(got) == 0 {
			return nil
		}
		act := deleteMessage
		if len(got) > 1 {
			act = deleteMessageBatch
		}
		c.body = r.codec.appendDelete(c.body[:0], q, got)
		if _, err := c.do(ctx, act, r.codec.path(q), 0); err != nil {
			return err
		}
		removed.Add(int64(len(got)))
	}
	return ctx.Err()
}
