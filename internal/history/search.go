package history

import (
	"context"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// searchMax bounds the events of one message whose order is searched; the search may take a time that is
// exponential in the number of those that overlap.
const searchMax = 200

// phase is where a message can be.
type phase byte

const (
	absent phase = iota
	visible
	inFlight
	gone
)

// state is one of the states that a message may be in.
type state struct {
	phase   phase
	receipt uint64
	until   int64 // of a message in flight: nobody else gets it before
}

// life is what a message can go through, as a model of package porcupine. It is not deterministic: a call without an
// answer has happened or not, and a delete or change with an old receipt may work. In which queue the message is, is left out.
var life = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, input, _ any) []any { return s.(state).next(input.(*op)) },
}).ToModel()

// next lists the states in which a message may be after o; none: o cannot have happened.
func (s state) next(o *op) []any {
	var after []any
	add := func(possible bool, next state) {
		if possible {
			after = append(after, next)
		}
	}
	current := s.phase == inFlight && s.receipt == o.receipt
	surely := current && o.receipt != 0 && o.ret < s.until
	switch o.kind {
	case OpSend:
		add(o.result == Unknown, s)
		add(s.phase == absent, state{phase: visible})
	case OpReceive:
		add(s.phase == visible || s.phase == inFlight && o.ret >= s.until, state{inFlight, o.receipt, o.until})
	case OpChange:
		add(o.result == Unknown || !surely, s)
		add(s.phase == inFlight, state{inFlight, s.receipt, o.until}) // an older receipt may act, too
	case OpDelete:
		add(o.result == Unknown || !surely, s)
		add(s.phase != absent, state{phase: gone})
	case OpDrained:
		add(s.phase == absent || s.phase == gone, s)
	}
	return after
}

// search looks for an order of each message's events that a queue could have gone through, with each event at some
// moment between its call and its return (Wing and Gong's search, by package porcupine). It returns how many
// messages it has decided, and how many not: those with too many events, and the rest when ctx ends.
func (j *Judge) search(ctx context.Context) (searched, undecided int) {
	for _, m := range j.order {
		events := j.eventsOf(m)
		if len(events) == 0 {
			continue
		}
		switch decide(ctx, events) {
		case porcupine.Ok:
			searched++
		case porcupine.Illegal:
			searched++
			j.violate(Impossible, m.key, "no order of its %d events is possible", len(events))
		case porcupine.Unknown:
			undecided++
		}
	}
	return searched, undecided
}

// decide searches until the deadline of ctx, if it has one.
func decide(ctx context.Context, events []porcupine.Operation) porcupine.CheckResult {
	if len(events) > searchMax || ctx.Err() != nil {
		return porcupine.Unknown
	}
	var limit time.Duration // none
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(time.Until(deadline), time.Nanosecond)
	}
	return porcupine.CheckOperationsTimeout(life, events, limit)
}

// eventsOf returns what is searched of a message: none where a message is not alone (two of one key, or one of two
// keys), or when a purge or its retention may have taken it.
func (j *Judge) eventsOf(m *subject) []porcupine.Operation {
	if m.queue == nil || m.shared || len(m.sends) == 0 || len(m.queue.purges) > 0 || m.dedup == "" && len(m.sends) > 1 {
		return nil
	}
	sent := *m.sends[0] // repeated with its deduplication id, all are one
	if i := slices.IndexFunc(m.sends, (*op).done); i >= 0 {
		sent.result, sent.ret = Done, m.sends[i].ret
	}
	all := []*op{&sent}
	last := sent.ret + sent.timeout
	for i := range m.ops {
		o := &m.ops[i]
		if o.kind == OpSend || o.result == Failed || o.kind == OpReceive && !o.done() {
			continue
		}
		last = max(last, o.ret+o.timeout)
		all = append(all, o)
	}
	if empty, ok := j.emptyAfter(m.queue, sent.ret); ok && last < empty.ret {
		all = append(all, empty)
		last = empty.ret
	}
	if last-sent.call > m.queue.retention {
		return nil
	}
	events := make([]porcupine.Operation, 0, len(all))
	for _, o := range all {
		end := o.ret
		if o.result == Unknown {
			end = never
		}
		events = append(events, porcupine.Operation{Input: o, Call: o.call, Return: end})
	}
	return events
}
