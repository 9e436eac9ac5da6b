package torture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/history"
	"github.com/forebay-mq/forebay/internal/queue"
)

// found is a message as the service shows it to who peeks.
type found struct {
	at *place
	queue.PeekedMessage
}

// check holds what the service has now, while nothing is asked of it, against what it has acknowledged. What nobody
// knew, because the power was cut before the answer, is known from then on.
func (w *world) check() {
	w.unlocked(synctest.Wait)
	there := make(map[*message][]found)
	for _, p := range w.places {
		if !w.checkQueue(p) {
			continue
		}
		shown := w.peek(p)
		w.checkCounts(p, shown)
		for _, f := range shown {
			if m := w.known(p, f.Message); m != nil {
				there[m] = append(there[m], f)
			}
		}
	}
	keys := slices.Sorted(maps.Keys(w.messages))
	for _, key := range keys {
		m := w.messages[key]
		w.checkPresence(m, there[m])
		if f := there[m]; len(f) == 1 && m.sent == yes {
			w.checkState(m, &f[0])
			w.adopt(m, &f[0])
		}
	}
	for _, p := range w.places {
		p.unanswered = false
		if p.exists == yes && p.moves > 0 && !w.moving(p) {
			p.moves = 0 // the ids are known now
		}
	}
	w.durable = w.tick()
}

// checkQueue checks that p exists if it must, and its attributes. It tells whether it does.
func (w *world) checkQueue(p *place) bool {
	out, err := w.GetQueueAttributes(context.Background(), root, &queue.GetQueueAttributesInput{
		Queue: queue.Ref{Name: p.name}, Names: []string{"All"},
	})
	var e *queue.Error
	missing := errors.As(err, &e) && e.Code == queue.CodeQueueDoesNotExist
	switch {
	case err != nil && !missing:
		w.violate(refused, p.name, "get attributes: %v", err)
		return false
	case missing && p.exists == yes:
		w.violate(history.Lost, p.name, "the queue is not there")
	case !missing && p.exists == no:
		w.violate(history.Revived, p.name, "the queue is there after its deletion was acknowledged")
	}
	if missing {
		p.exists = no
		return false
	}
	if p.exists == pending {
		for _, m := range w.messages { // the deletion did not happen: all of the queue must be there
			if m.home == p && m.dropped {
				m.leaving = false
			}
		}
	}
	p.exists = yes
	switch got := out.Attributes["VisibilityTimeout"]; got {
	case fmt.Sprint(p.visibility):
	case fmt.Sprint(p.changing):
		p.visibility = p.changing
	default:
		w.violate(forgotten, p.name, "its visibility timeout is %s, not %d (or %d)", got, p.visibility, p.changing)
	}
	p.changing = 0
	return true
}

// peek returns all messages of p.
func (w *world) peek(p *place) []found {
	var all []found
	var after queue.Seq
	for {
		out, err := w.Peek(context.Background(), root, &queue.PeekInput{Queue: queue.Ref{Name: p.name}, Max: 100, After: after})
		if err != nil {
			w.violate(refused, p.name, "peek: %v", err)
			return all
		}
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			all = append(all, found{p, m})
			after = m.Sequence
		}
	}
}

// checkCounts compares the counts of p with its messages.
func (w *world) checkCounts(p *place, shown []found) {
	var want, got queue.Stats
	for _, f := range shown {
		switch f.State {
		case queue.PeekVisible:
			want.Visible++
		case queue.PeekInFlight:
			want.InFlight++
		case queue.PeekDelayed:
			want.Delayed++
		}
	}
	stats, _ := w.Stats(0)
	for _, s := range stats {
		if s.Name == p.name {
			got = s
		}
	}
	// A delete whose receive a crash has undone may be of a message that is not in memory: it stays in the count
	// until all are.
	if extra := got.Visible - want.Visible; extra > 0 && extra <= int64(p.slack) {
		got.Visible = want.Visible
	}
	if got.Visible != want.Visible || got.InFlight != want.InFlight || got.Delayed != want.Delayed {
		w.violate(miscount, p.name, "it counts %d visible, %d in flight and %d delayed, and holds %d, %d and %d",
			got.Visible, got.InFlight, got.Delayed, want.Visible, want.InFlight, want.Delayed)
	}
}

// checkPresence checks that a message is in one queue if it must be somewhere, and nowhere if it may not.
func (w *world) checkPresence(m *message, there []found) {
	switch {
	case len(there) > 1:
		w.violate(misplaced, m.key, "in %s and in %s", there[0].at.name, there[1].at.name)
	case len(there) == 1 && m.gone != 0:
		w.violate(history.Revived, m.key, "in %s after its end was acknowledged", there[0].at.name)
	case len(there) == 1 && m.expired(time.Second):
		w.violate(history.Revived, m.key, "in %s %v after it was sent", there[0].at.name, time.Since(m.at))
	case len(there) == 0 && m.certain():
		w.violate(history.Lost, m.key, "sent to %s, acknowledged and in no queue", m.home.name)
	case len(there) == 0 && m.sent == pending:
		m.sent = no
	case len(there) == 0 && m.sent == yes && m.gone == 0:
		m.gone = w.tick() // a removal without an answer has happened
	case len(there) == 1 && m.sent == pending:
		m.sent, m.id, m.seq = yes, there[0].Message.ID, there[0].Sequence
		m.home.remember(m)
		m.home.floor = max(m.home.floor, m.seq)
	}
	m.leaving, m.dropped = false, false
}

// checkState checks how often a message was received, when it shows again, and its place in its queue.
func (w *world) checkState(m *message, f *found) {
	if m.home.fifo() && f.at == m.home && !m.home.moved() && f.Sequence != m.seq {
		w.violate(history.Unordered, m.key, "sent as number %d of %s, now number %d", m.seq, m.home.name, f.Sequence)
	}
	if f.at == m.home.dead && !m.home.moved() && f.Receives < m.home.receives {
		w.violate(misplaced, m.key, "in %s after %d receives of %d", f.at.name, f.Receives, m.home.receives)
	}
	switch {
	case f.Receives < m.receives && m.stamp <= w.durable:
		w.violate(forgotten, m.key, "receive %d was followed by a synced change, and now %d are known", m.receives, f.Receives)
	case f.Receives > m.receives && !f.at.unanswered && !m.home.unanswered:
		w.violate(history.Invented, m.key, "%d receives are known to %s, and %d have happened", f.Receives, f.at.name, m.receives)
	case f.Receives == m.receives && m.settled && m.stamp <= w.durable && m.earliest.After(time.Now()) &&
		!f.Until.Time().Equal(m.earliest):
		w.violate(forgotten, m.key, "hidden until %v, should be until %v", f.Until.Time(), m.earliest.UTC())
	}
}

// adopt takes over what the service knows of a message.
func (w *world) adopt(m *message, f *found) {
	if f.Receives > m.receives || f.at != m.from {
		m.receipt, m.from = "", f.at
	}
	m.undone = m.receipt != "" && f.Receives < m.attempt
	if f.at == m.home {
		m.seq = f.Sequence // another one after a move task
	}
	m.receives, m.earliest, m.settled, m.stamp = f.Receives, time.Time{}, true, 0
	if f.Until != 0 {
		m.earliest = f.Until.Time()
	}
}

// moving tells whether a move task from p runs.
func (w *world) moving(p *place) bool {
	out, err := w.ListMessageMoveTasks(context.Background(), root, &queue.ListMessageMoveTasksInput{SourceARN: arn(p)})
	if err != nil {
		w.violate(refused, p.name, "list move tasks: %v", err)
		return false
	}
	return len(out.Tasks) > 0 && out.Tasks[0].Status == queue.MoveRunning
}

// drain receives and deletes everything that is left, as consumers that never fail would.
func (w *world) drain() {
	for round := 0; ; round++ {
		w.unlocked(func() { time.Sleep(time.Minute) })
		if w.living() == 0 || round > 200 || len(w.violations) > 0 {
			break
		}
		for _, p := range w.places {
			if p.exists == yes {
				w.drainOnce(p)
			}
		}
	}
	for _, p := range w.places {
		p.slack = 0
	}
	w.check()
	for _, m := range w.messages {
		if m.certain() && len(w.violations) == 0 {
			w.violate(history.Lost, m.key, "in %s, and not delivered in a drain of hours", m.home.name)
		}
	}
	for _, p := range w.places {
		if p.source != nil && w.moving(p) {
			w.violate(refused, p.name, "a move task has not ended in a drain of minutes")
		}
		if p.log != nil && len(w.violations) == 0 {
			w.violations = append(w.violations, p.log.Report().Violations...)
		}
	}
	slices.SortFunc(w.violations, func(a, b history.Violation) int { return cmp.Compare(a.Kind, b.Kind) })
}

// drainOnce empties p of what is visible.
func (w *world) drainOnce(p *place) {
	w.receive(p)
	w.unlocked(synctest.Wait)
	for range 5 {
		w.delete()
	}
	w.unlocked(synctest.Wait)
}

// living is how many messages are left.
func (w *world) living() int {
	n := 0
	for _, m := range w.messages {
		if m.sent == yes && m.gone == 0 && !m.expired(0) {
			n++
		}
	}
	return n
}
