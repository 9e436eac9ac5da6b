package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
)

const fifoSuffix = ".fifo"

// queue is a queue under load.
type queue struct {
	name    string
	url     string
	urlJSON []byte // as a JSON string
	path    string // of the URL, for requests in the Query form
	fifo    bool
	waiting atomic.Int64 // messages acknowledged and not yet deleted, all from this run
}

// queueNames are the names of the queues that options ask for. run is a number that no other run has.
func queueNames(o Options, run uint32) []string {
	names := make([]string, o.Queues)
	base, fifo := strings.CutSuffix(o.Queue, fifoSuffix)
	if base == "" {
		base = fmt.Sprintf("forebay-bench-%08x", run)
	}
	for i := range names {
		names[i] = base
		if o.Queues > 1 {
			names[i] = fmt.Sprintf("%s-%d", base, i)
		}
		if fifo || o.Mode == FIFO {
			names[i] += fifoSuffix
		}
	}
	return names
}

// find finds the queue, or makes it.
func (c *conn) find(ctx context.Context, name string) (*queue, error) {
	c.body = c.codec.appendName(c.body[:0], getQueueURL, name)
	reply, err := c.do(ctx, getQueueURL, "/", 0)
	if api, ok := errors.AsType[*apiError](err); ok && missing(api.code) {
		c.body = c.codec.appendName(c.body[:0], createQueue, name)
		reply, err = c.do(ctx, createQueue, "/", 0)
	}
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", name, err)
	}
	q := &queue{name: name, url: c.codec.queueURL(reply), fifo: strings.HasSuffix(name, fifoSuffix)}
	u, err := url.Parse(q.url)
	if err != nil || q.url == "" {
		return nil, fmt.Errorf("queue %s: the server's reply names no URL", name)
	}
	q.urlJSON, q.path = quoted(q.url), strings.TrimPrefix(u.EscapedPath(), c.target.basePath)
	return q, nil
}

// missing tells whether a code says that a queue is not there.
func missing(code string) bool {
	return strings.HasSuffix(code, "QueueDoesNotExist") || strings.HasSuffix(code, "NonExistentQueue")
}

// remove deletes the queue.
func (c *conn) remove(ctx context.Context, q *queue) error {
	c.body = c.codec.appendQueue(c.body[:0], deleteQueue, q.url)
	_, err := c.do(ctx, deleteQueue, c.codec.path(q), 0)
	return err
}
