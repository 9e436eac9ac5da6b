package worker

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// settlesMax is how many calls of a kind are on their way at once. What has to be said meanwhile is said together by the
// next one, so that batches grow with the load and nothing waits without need.
const settlesMax = 2

// settled is the answer to a batch of deletes or of changes of visibility.
type settled struct {
	kind    want // remove, or back for all changes
	batch   []*delivery
	wants   []want // what was said of each
	until   time.Time
	err     error   // of the whole call
	refused []error // of each entry; nil where it was accepted
}

// settle tells the server what it has to know.
func (l *loop) settle(now time.Time) {
	if l.link.waits(now) {
		return
	}
	for _, kind := range []want{remove, back} {
		for l.settling[kind] < settlesMax {
			batch := l.batch(kind)
			if len(batch) == 0 {
				break
			}
			l.send(kind, batch)
		}
	}
}

// batch collects the next messages to speak about, and marks them.
func (l *loop) batch(kind want) []*delivery {
	var batch []*delivery
	for _, d := range l.held {
		change := d.want == beat || d.want == back
		if d.busy || d.want == nothing || change != (kind == back) {
			continue
		}
		d.busy = true
		if batch = append(batch, d); len(batch) == batchMax {
			break
		}
	}
	return batch
}

func (l *loop) send(kind want, batch []*delivery) {
	l.settling[kind]++
	s := settled{kind: kind, batch: batch, until: time.Now().Add(l.Lease), refused: make([]error, len(batch))}
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(batch))
	for i, d := range batch {
		s.wants = append(s.wants, d.want)
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &d.handle, VisibilityTimeout: d.delay}
		if d.want == beat {
			entries[i].VisibilityTimeout = int32(l.Lease / time.Second)
		}
	}
	l.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(l.calls, answerTimeout)
		defer cancel()
		if kind == remove {
			l.delete(ctx, &s, entries)
		} else {
			l.change(ctx, &s, entries)
		}
		select {
		case l.settled <- s:
		case <-l.gone:
		}
	})
}

func (l *loop) change(ctx context.Context, s *settled, entries []types.ChangeMessageVisibilityBatchRequestEntry) {
	out, err := l.Client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &l.QueueURL, Entries: entries}, once)
	if s.err = err; err == nil {
		s.note(out.Failed)
	}
}

func (l *loop) delete(ctx context.Context, s *settled, entries []types.ChangeMessageVisibilityBatchRequestEntry) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &l.QueueURL}
	for _, e := range entries {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: e.Id, ReceiptHandle: e.ReceiptHandle})
	}
	out, err := l.Client.DeleteMessageBatch(ctx, in, once)
	if s.err = err; err == nil {
		s.note(out.Failed)
	}
}

// note keeps which entries were refused.
func (s *settled) note(failed []types.BatchResultErrorEntry) {
	for _, f := range failed {
		if i, err := strconv.Atoi(aws.ToString(f.Id)); err == nil && i >= 0 && i < len(s.refused) {
			s.refused[i] = &entryError{f}
		}
	}
}

// entryError is why the server refused one entry of a batch.
type entryError struct{ types.BatchResultErrorEntry }

// Error returns the server's words.
func (e *entryError) Error() string { return aws.ToString(e.Code) + ": " + aws.ToString(e.Message) }

func (l *loop) onSettled(s settled) {
	l.settling[s.kind]--
	now := time.Now()
	if s.err != nil {
		l.link.failed(s.kind, s.err, now)
	} else {
		l.link.answered(s.kind, now)
	}
	for i, d := range s.batch {
		d.busy = false
		switch refused, _ := s.refused[i].(*entryError); {
		case s.err != nil && !(refusal(s.err) && !now.Before(d.until)): // it is said again later
		case s.err != nil:
			l.lose(d, s.err.Error())
		case refused == nil:
			l.accepted(d, s.wants[i], s.until)
		case refused.SenderFault:
			l.lose(d, refused.Error())
		default: // the server could not; it is said again later
			l.link.failed(s.kind, refused, now)
		}
	}
}

// accepted goes on with d after the server has taken what was said of it. Meanwhile the worker may want something else.
func (l *loop) accepted(d *delivery, said want, until time.Time) {
	switch said {
	case remove:
		l.stats.Done++
		l.drop(d)
	case back:
		l.drop(d)
	case beat:
		d.until = until
		if d.want == beat {
			d.want = nothing
		}
	}
}
