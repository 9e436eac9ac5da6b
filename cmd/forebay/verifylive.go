package main

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/history"
)

// How a queue is looked through.
const (
	livePage   = 1000            // messages of a request
	liveTries  = 5               // looks at a queue that is in use, until its counters stand still
	liveWindow = 5 * time.Minute // deduplication
)

// liveQueue is what a look at a queue has shown.
type liveQueue struct {
	Queue      string              `json:"queue"`
	Visible    int64               `json:"visible"`
	InFlight   int64               `json:"inFlight"`
	Delayed    int64               `json:"delayed"`
	Scanned    int64               `json:"scanned"`
	Quiet      bool                `json:"quiet"` // the counters stood still, so they were compared
	Violations []history.Violation `json:"violations"`

	sequences map[string]bool
	dedups    map[string]int64 // deduplication id → when sent, milliseconds
	last      string           // sequence of the message before
}

// verifyLive looks through queues of a running server.
func (a *app) verifyLive(ctx context.Context, names []string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		urls, err := c.list(ctx, "")
		if err != nil {
			return err
		}
		for _, u := range urls {
			names = append(names, nameOf(u))
		}
	}
	at := atomic.Pointer[string]{}
	stop := a.progress(func(elapsed time.Duration) string {
		return fmt.Sprintf("%3.0fs  looking through %s", elapsed.Seconds(), *cmp.Or(at.Load(), new("")))
	})
	defer stop()
	found := listing{columns: []string{"QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED", "SCANNED", "VIOLATIONS"}}
	wrong := 0
	var remarks []string // for after the progress, which would be drawn over them
	for _, name := range names {
		at.Store(&name)
		q, err := c.look(ctx, name)
		if err != nil {
			return err
		}
		wrong += len(q.Violations)
		remarks = append(remarks, q.remarks()...)
		found.rows = append(found.rows, row{name: q.Queue, item: q, cells: []string{q.Queue, fmt.Sprint(q.Visible), fmt.Sprint(q.InFlight),
			fmt.Sprint(q.Delayed), fmt.Sprint(q.Scanned), fmt.Sprint(len(q.Violations))}})
	}
	stop()
	for _, text := range remarks {
		a.remark("%s", text)
	}
	if len(names) == 0 {
		a.remark("there is no queue to look through")
	}
	if err := a.print(found); err != nil {
		return err
	}
	if wrong > 0 {
		return fail("%s of what a queue promises", plural(wrong, "violation"))
	}
	return nil
}

// remarks are what people are told of a queue besides its line.
func (q *liveQueue) remarks() []string {
	var all []string
	for _, v := range q.Violations[:min(len(q.Violations), violationsShown)] {
		all = append(all, fmt.Sprintf("violation  %s: %s", q.Queue, v))
	}
	if !q.Quiet {
		all = append(all, q.Queue+" is in use: its counters changed during each look and were not compared")
	}
	return all
}

// look looks through a queue until its counters are the same before and after.
func (c *client) look(ctx context.Context, name string) (*liveQueue, error) {
	for try := 1; ; try++ {
		q := &liveQueue{Queue: nameOf(name), Violations: []history.Violation{}, sequences: make(map[string]bool), dedups: make(map[string]int64)}
		before, err := c.counters(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := c.scan(ctx, q); err != nil {
			return nil, err
		}
		after, err := c.counters(ctx, name)
		if err != nil {
			return nil, err
		}
		q.Visible, q.InFlight, q.Delayed = after[0], after[1], after[2]
		sum := after[0] + after[1] + after[2]
		// Timeouts end by themselves and move messages from one counter to another; the sum stays.
		q.Quiet = sum == before[0]+before[1]+before[2]
		if q.Quiet && q.Scanned != sum && try < liveTries {
			continue // as much came as went
		}
		if q.Quiet && q.Scanned != sum {
			q.violate(history.Miscounted, q.Queue, fmt.Sprintf("the counters add up to %d, and %d messages are there", sum, q.Scanned))
		}
		if min(after[0], after[1], after[2]) < 0 {
			q.violate(history.Miscounted, q.Queue, fmt.Sprintf("a counter is below zero: %v", after))
		}
		if q.Quiet || try == liveTries {
			return q, nil
		}
	}
}

// counters reads how many messages are visible, in flight and delayed.
func (c *client) counters(ctx context.Context, name string) (counts [3]int64, err error) {
	names := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed}
	values, err := c.attributes(ctx, name, names...)
	if err != nil {
		return counts, err
	}
	for i, n := range names {
		if counts[i], err = strconv.ParseInt(values[string(n)], 10, 64); err != nil {
			return counts, fail("%s: %s is %q, which is no number", name, n, values[string(n)])
		}
	}
	return counts, nil
}

// scan looks at every message, a page at a time.
func (c *client) scan(ctx context.Context, q *liveQueue) error {
	for {
		page, err := c.peekPage(ctx, q.Queue, url.Values{"max": {strconv.Itoa(livePage)}, "after": {q.last}})
		if err != nil {
			return c.explain(ctx, q.Queue, err)
		}
		for i := range page.Messages {
			q.message(&page.Messages[i], page.FIFO)
		}
		if len(page.Messages) == 0 {
			return nil // a page of large messages is shorter than was asked for
		}
	}
}

// message holds a message against itself and those before it.
func (q *liveQueue) message(m *peekedMessage, fifo bool) {
	q.Scanned++
	if m.Sequence <= q.last {
		q.violate(history.Unordered, m.ID, fmt.Sprintf("its sequence %s comes after %s", m.Sequence, q.last))
	}
	q.last = m.Sequence
	if q.sequences[m.ID] {
		q.violate(history.Doubled, m.ID, "the queue has it twice")
	}
	q.sequences[m.ID] = true
	if sum := md5.Sum([]byte(m.Body)); hex.EncodeToString(sum[:]) != m.MD5 {
		q.violate(history.Altered, m.ID, "its body has the MD5 "+hex.EncodeToString(sum[:])+", and was sent with "+m.MD5)
	}
	dedup := m.System["MessageDeduplicationId"]
	if !fifo || dedup == "" {
		return
	}
	scope := m.System["MessageGroupId"] + "\x00" + dedup // the narrowest that a queue can be set to
	if sent, ok := q.dedups[scope]; ok && m.SentAt-sent < liveWindow.Milliseconds() {
		q.violate(history.Doubled, m.ID, fmt.Sprintf("the deduplication id %q was sent %d ms before in the same group", dedup, m.SentAt-sent))
	}
	q.dedups[scope] = m.SentAt
}

func (q *liveQueue) violate(kind history.Kind, key, detail string) {
	q.Violations = append(q.Violations, history.Violation{Kind: kind, Key: key, Detail: detail})
}
