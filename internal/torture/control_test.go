package torture

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/history"
	"github.com/forebay-mq/forebay/internal/queue"
)

// newPlaces returns the queues of a run: plain ones, whose histories are complete; ones with dead-letter queues;
// ones that are purged and changed; ones that come and go; and ones that keep messages for a short time.
func newPlaces() []*place {
	var all []*place
	add := func(p *place) *place {
		p.ids, p.sending = make(map[string]remembered), make(map[string]bool)
		if p.attributes == nil {
			p.attributes = make(map[string]string)
		}
		if p.fifo() {
			p.attributes["FifoQueue"] = "true"
		}
		all = append(all, p)
		return p
	}
	for _, suffix := range []string{"", ".fifo"} {
		add(&place{name: "plain" + suffix, log: new(history.Log)})
		dead := add(&place{name: "dead" + suffix})
		work := add(&place{name: "work" + suffix, dead: dead, receives: 2, attributes: map[string]string{
			"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":2}`, arn(dead)),
		}})
		dead.source = work
		add(&place{name: "tub" + suffix})
		add(&place{name: "fleeting" + suffix})
		add(&place{name: "brief" + suffix, retention: 5 * time.Minute, attributes: map[string]string{
			"MessageRetentionPeriod": "300",
		}})
	}
	return all
}

func arn(p *place) string { return "arn:aws:sqs:us-east-1:" + root.Account + ":" + p.name }

func (p *place) fleeting() bool { return strings.HasPrefix(p.name, "fleeting") }

// create starts to create p.
func (w *world) create(p *place) {
	p.exists, p.visibility, p.changing, p.floor, p.slack = pending, 30, 0, 0, 0
	clear(p.ids)
	began := w.tick()
	in := &queue.CreateQueueInput{Name: p.name, Attributes: maps.Clone(p.attributes)}
	w.start(func(ctx context.Context, s *server) error {
		_, err := s.CreateQueue(ctx, root, in)
		return err
	}, func(err error) {
		if w.succeeded(err, p.name, "create queue") {
			p.exists = yes
			w.durable = max(w.durable, began)
		}
	})
}

// drop starts to delete p. No other operation on p may be in flight, and none begins before the answer.
func (w *world) drop(p *place) {
	p.exists = pending
	there := w.leave(p)
	began := w.tick()
	w.start(func(ctx context.Context, s *server) error {
		return s.DeleteQueue(ctx, root, &queue.DeleteQueueInput{Queue: queue.Ref{Name: p.name}})
	}, func(err error) {
		if w.succeeded(err, p.name, "delete queue") {
			w.counts.drops++
			p.exists = no
			w.left(there, began)
		}
	})
}

// purge starts to purge p, which forgets deduplication ids too.
func (w *world) purge(p *place) {
	if p.purging || len(p.sending) > 0 {
		return
	}
	p.purging = true
	clear(p.ids)
	there := w.leave(p)
	began := w.tick()
	w.start(func(ctx context.Context, s *server) error {
		return s.PurgeQueue(ctx, root, &queue.PurgeQueueInput{Queue: queue.Ref{Name: p.name}})
	}, func(err error) {
		p.purging = false
		if w.succeeded(err, p.name, "purge") {
			w.counts.purges++
			w.left(there, began)
		}
	})
}

// leave notes that all messages of p are about to be removed. It returns those that are certainly in it.
func (w *world) leave(p *place) (there []*message) {
	for _, m := range w.messages {
		if m.home != p || m.gone != 0 || m.sent == no {
			continue
		}
		m.leaving, m.dropped = true, !m.leaving
		if m.sent == yes {
			there = append(there, m)
		}
	}
	return there
}

// left notes that a removal, begun at the given event, was acknowledged.
func (w *world) left(there []*message, began int) {
	w.durable = max(w.durable, began)
	for _, m := range there {
		if m.gone == 0 {
			w.ended(m)
		}
	}
}

// adjust starts to change an attribute of p.
func (w *world) adjust(p *place) {
	if p.changing != 0 || p.receiving > 0 {
		return
	}
	p.changing = p.visibility%40 + 1 + int64(w.rng.IntN(5))
	began, value := w.tick(), p.changing
	in := &queue.SetQueueAttributesInput{
		Queue: queue.Ref{Name: p.name}, Attributes: map[string]string{"VisibilityTimeout": fmt.Sprint(value)},
	}
	w.start(func(ctx context.Context, s *server) error {
		return s.SetQueueAttributes(ctx, root, in)
	}, func(err error) {
		if w.succeeded(err, p.name, "set attributes") {
			p.visibility, p.changing = value, 0
			w.durable = max(w.durable, began)
		}
	})
}

// move starts a move task from the dead-letter queue p, or cancels the one that runs.
func (w *world) move(p *place) {
	p.moves++
	in := &queue.StartMessageMoveTaskInput{SourceARN: arn(p)}
	if w.rng.IntN(2) == 0 {
		in.Rate = queue.IntOf(int64(1 + w.rng.IntN(20)))
	}
	cancel := w.rng.IntN(2) == 0
	w.start(func(ctx context.Context, s *server) error {
		if cancel {
			return cancelMove(ctx, s, p)
		}
		_, err := s.StartMessageMoveTask(ctx, root, in)
		return err
	}, func(err error) {
		switch {
		case err == nil && !cancel:
			w.counts.moves++
		case err != nil && !isRefusal(err):
			w.succeeded(err, p.name, "start or cancel a move task")
		}
	})
}

func cancelMove(ctx context.Context, s *server, p *place) error {
	out, err := s.ListMessageMoveTasks(ctx, root, &queue.ListMessageMoveTasksInput{SourceARN: arn(p)})
	if err != nil || len(out.Tasks) == 0 || out.Tasks[0].Status != queue.MoveRunning {
		return err
	}
	_, err = s.CancelMessageMoveTask(ctx, root, &queue.CancelMessageMoveTaskInput{TaskHandle: out.Tasks[0].Handle})
	return err
}
