package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// start makes a call in a goroutine of its own. answered is called with the ledger locked, unless the power was cut
// before the answer.
func (w *world) start(call func(ctx context.Context, s *server) error, answered func(err error)) {
	life, s := w.life, w.server
	w.flying.Go(func() {
		err := call(context.Background(), s)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.life == life {
			answered(err)
		}
	})
}

// succeeded tells whether a call that must succeed did. A server that is being stopped may refuse it.
func (w *world) succeeded(err error, key, what string) bool {
	var e *queue.Error
	if err != nil && !(w.stopping && errors.As(err, &e) && e.Code == queue.CodeUnavailable) {
		w.violate(refused, key, "%s: %v", what, err)
	}
	return err == nil
}

// send starts to send a few messages to p.
func (w *world) send(p *place) {
	group := ""
	if p.fifo() {
		group = fmt.Sprintf("g%d", w.rng.IntN(4))
	}
	if p.sending[group] {
		return
	}
	in := &queue.SendMessageBatchInput{Queue: queue.Ref{Name: p.name}}
	messages := make([]*message, 1+w.rng.IntN(4))
	firsts := make([]*remembered, len(messages))
	for i := range messages {
		m := w.compose(p, group)
		if i == 0 && p.fifo() && w.rng.IntN(2) == 0 {
			firsts[i] = w.repeat(m)
		}
		draft := queue.Draft{Body: slices.Clone(m.body), Attributes: m.attributes}
		if p.fifo() {
			draft.GroupID, draft.GroupIDSet, draft.DeduplicationID, draft.DedupIDSet = group, true, m.dedup, true
		} else if w.rng.IntN(6) == 0 {
			seconds := int64(1 + w.rng.IntN(60))
			draft.Delay = queue.IntOf(seconds)
			m.earliest, m.settled = time.Now().Add(time.Duration(seconds)*time.Second), true
		}
		in.Entries = append(in.Entries, queue.SendMessageBatchEntry{ID: m.key, Draft: draft})
		messages[i] = m
		if firsts[i] == nil {
			w.attempt(m)
		} else {
			w.messages[m.key] = m // its fate is no: it may not appear
		}
	}
	if p.fifo() {
		p.sending[group] = true
	}
	began, floor := w.tick(), p.floor
	var sent []queue.Sent
	w.start(func(ctx context.Context, s *server) (err error) {
		sent, err = sendAll(ctx, s, in)
		return err
	}, func(err error) {
		delete(p.sending, group)
		if !w.succeeded(err, messages[0].key, "send to "+p.name) {
			return
		}
		for i, m := range messages {
			w.accepted(m, sent[i], began, floor, firsts[i])
		}
	})
}

// sendAll sends the entries, a single one as a single message.
func sendAll(ctx context.Context, s *server, in *queue.SendMessageBatchInput) ([]queue.Sent, error) {
	if len(in.Entries) == 1 {
		out, err := s.SendMessage(ctx, root, &queue.SendMessageInput{Queue: in.Queue, Draft: in.Entries[0].Draft})
		if err != nil {
			return nil, err
		}
		return []queue.Sent{out.Sent}, nil
	}
	out, err := s.SendMessageBatch(ctx, root, in)
	if err != nil {
		return nil, err
	}
	if len(out.Failed) > 0 {
		return nil, fmt.Errorf("entry refused: %+v", out.Failed[0])
	}
	sent := make([]queue.Sent, len(out.Successful))
	for i := range sent {
		sent[i] = out.Successful[i].Sent
	}
	return sent, nil
}

// compose makes a message for p.
func (w *world) compose(p *place, group string) *message {
	w.composed++
	m := &message{key: fmt.Sprintf("m%d", w.composed), home: p, group: group}
	m.dedup = m.key
	size := w.rng.IntN(200)
	if w.rng.IntN(40) == 0 {
		size = 30 << 10 // also messages that the store keeps apart
	}
	m.body = []byte(m.key + " " + strings.Repeat("x", size))
	if w.rng.IntN(4) == 0 {
		m.attributes = []queue.MessageAttribute{
			{Name: "key", DataType: "String", Kind: queue.KindString, Value: []byte(m.key)},
			{Name: "bytes", DataType: "Binary.raw", Kind: queue.KindBinary, Value: []byte{0, byte(size), 255}},
		}
	}
	return m
}

// repeat gives m the deduplication id of an earlier send, if there is one in its group, and returns that one if the
// repetition must be noticed.
func (w *world) repeat(m *message) *remembered {
	for _, id := range w.shuffledIDs(m.home) {
		first := m.home.ids[id]
		if first.group != m.group {
			continue
		}
		m.dedup = id
		if time.Now().Before(first.at.Add(queue.DedupWindow)) {
			return &first
		}
		return nil
	}
	return nil
}

// receive starts to receive from p.
func (w *world) receive(p *place) {
	seconds := int64(1 + w.rng.IntN(40))
	if p.dead != nil {
		seconds = 1 // a consumer that fails at once
	}
	in := &queue.ReceiveMessageInput{
		Queue: queue.Ref{Name: p.name}, Max: queue.IntOf(int64(1 + w.rng.IntN(10))), Wait: queue.IntOf(0), System: queue.SystemAll,
	}
	if w.rng.IntN(4) == 0 && p.changing == 0 {
		seconds = p.visibility
	} else {
		in.Visibility = queue.IntOf(seconds)
	}
	p.receiving++
	p.taken++
	began := w.tick()
	var out *queue.ReceiveMessageOutput
	w.start(func(ctx context.Context, s *server) (err error) {
		out, err = s.ReceiveMessage(ctx, root, in)
		return err
	}, func(err error) {
		if w.succeeded(err, p.name, "receive") {
			p.receiving--
			w.delivered(p, out.Messages, began, time.Duration(seconds)*time.Second)
		}
	})
}

// delete starts to delete messages that were received.
func (w *world) delete() {
	p, held := w.held(1+w.rng.IntN(6), w.rng.IntN(5) > 0)
	if len(held) == 0 {
		return
	}
	in := &queue.DeleteMessageBatchInput{Queue: queue.Ref{Name: p.name}}
	there := make([]bool, len(held)) // it must be there to be deleted
	for i, m := range held {
		in.Entries = append(in.Entries, queue.DeleteMessageBatchEntry{ID: m.key, Receipt: m.receipt})
		there[i] = m.certain()
		m.busy, m.leaving = true, true
		if m.undone {
			p.slack++
		}
	}
	began, taken, alone := w.tick(), p.taken, p.receiving == 0
	var out *queue.BatchOutput
	w.start(func(ctx context.Context, s *server) (err error) {
		if out, err = deleteAll(ctx, s, in); err != nil && isRefusal(err) {
			out, err = &queue.BatchOutput{}, nil
		}
		return err
	}, func(err error) {
		for i, m := range held {
			m.busy = false
			if err != nil || m.receipt != in.Entries[i].Receipt || m.gone != 0 {
				continue
			}
			inTime := time.Now().Before(m.earliest)
			switch deleted := slices.Contains(out.Successful, m.key); {
			case !deleted && inTime:
				w.violate(refused, m.key, "delete from %s with a good receipt handle: %+v", p.name, out.Failed)
			case deleted && (inTime || alone && p.taken == taken && m.home.dead == nil):
				w.counts.deletes++
				w.ended(m)
				if there[i] && !m.expired(0) { // else nothing may have changed, and nothing been synced
					w.durable = max(w.durable, began)
				}
			}
		}
		w.succeeded(err, p.name, "delete")
	})
}

// isRefusal tells an expired receipt handle from a server that fails.
func isRefusal(err error) bool {
	var e *queue.Error
	return errors.As(err, &e) && e.Code != queue.CodeUnavailable && e.Code != queue.CodeInternal
}

// deleteAll deletes the entries, a single one as a single message.
func deleteAll(ctx context.Context, s *server, in *queue.DeleteMessageBatchInput) (*queue.BatchOutput, error) {
	if len(in.Entries) > 1 {
		return s.DeleteMessageBatch(ctx, root, in)
	}
	err := s.DeleteMessage(ctx, root, &queue.DeleteMessageInput{Queue: in.Queue, Receipt: in.Entries[0].Receipt})
	return &queue.BatchOutput{Successful: []string{in.Entries[0].ID}}, err
}

// held picks up to n messages of one queue whose receipt is known, by choice only those that are in flight.
func (w *world) held(n int, inFlight bool) (*place, []*message) {
	var p *place
	var held []*message
	for _, m := range w.shuffled() {
		if m.receipt == "" || m.busy || m.gone != 0 || m.from.exists != yes || p != nil && m.from != p {
			continue
		}
		if inFlight && !time.Now().Before(m.earliest) || m.from.dead != nil && w.fails {
			continue
		}
		p, held = m.from, append(held, m)
		if len(held) == n {
			break
		}
	}
	return p, held
}

// change starts to change the timeout of messages in flight.
func (w *world) change() {
	p, held := w.held(1+w.rng.IntN(3), true)
	if len(held) == 0 {
		return
	}
	in := &queue.ChangeMessageVisibilityBatchInput{Queue: queue.Ref{Name: p.name}}
	until := make([]time.Time, len(held))
	for i, m := range held {
		seconds := int64(w.rng.IntN(3) * w.rng.IntN(40))
		in.Entries = append(in.Entries, queue.ChangeMessageVisibilityBatchEntry{
			ID: m.key, Receipt: m.receipt, Visibility: queue.IntOf(seconds),
		})
		until[i] = time.Now().Add(time.Duration(seconds) * time.Second)
		m.busy, m.settled = true, false
		if until[i].Before(m.earliest) {
			m.earliest = until[i]
		}
	}
	began := w.tick()
	var out *queue.BatchOutput
	w.start(func(ctx context.Context, s *server) (err error) {
		out, err = s.ChangeMessageVisibilityBatch(ctx, root, in)
		return err
	}, func(err error) {
		for _, m := range held {
			m.busy = false
		}
		if !w.succeeded(err, p.name, "change visibility") {
			return
		}
		for _, f := range out.Failed {
			if m := w.messages[f.EntryID]; !m.leaving && !m.expired(0) {
				w.violate(refused, f.EntryID, "change visibility in %s: %s", p.name, f.Message)
			}
		}
		if len(out.Successful) > 0 { // else nothing has changed, and nothing was synced
			w.durable = max(w.durable, began)
		}
		for i, m := range held {
			if m.receipt == in.Entries[i].Receipt && slices.Contains(out.Successful, m.key) {
				m.earliest, m.settled, m.stamp = until[i], true, began
			}
		}
	})
}
