package torture

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/queue"
)

// trace is what the lives of a run have asked of their stores, and what each found when it began. A violation is
// understood from it: either the change that is missing was never asked for, or the store has lost it.
type trace struct {
	mu    sync.Mutex
	lines []traceLine
}

type traceLine struct {
	queue queue.ID
	text  string
}

func (t *trace) add(q queue.ID, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, traceLine{q, fmt.Sprintf(format, args...)})
}

// of returns the lines about the queues with these names, and about no queue.
func (t *trace) of(names ...string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := map[queue.ID]string{0: ""}
	for _, l := range t.lines {
		for _, name := range names {
			if strings.Contains(l.text, fmt.Sprintf(`"Name":%q`, name)) {
				ids[l.queue] = name
			}
		}
	}
	var b strings.Builder
	for _, l := range t.lines {
		if name, ok := ids[l.queue]; ok {
			fmt.Fprintf(&b, "\n\t%s\t%s", name, l.text)
		}
	}
	return b.String()
}

// tracedStore notes what passes through it.
type tracedStore struct {
	*pebblestore.Store
	trace *trace
	life  int
	n     int
}

// Commit implements broker.Store. The broker calls it from one goroutine.
func (s *tracedStore) Commit(b *broker.Batch, done func(error)) {
	s.n++
	n := fmt.Sprintf("%d.%d", s.life, s.n)
	if b.Lazy {
		n += " lazy"
	}
	if err := broker.Apply(b.Bytes(), &tracedBatch{s.trace, n}); err != nil {
		panic(err)
	}
	s.Store.Commit(b, func(err error) {
		s.trace.add(0, "done %s %v", n, err)
		done(err)
	})
}

// found notes what the store holds.
func (s *tracedStore) found() {
	_ = s.Queues(func(q queue.ID) error {
		for _, kind := range []broker.MetaKind{broker.MetaConfig, broker.MetaMark, broker.MetaSend} {
			_ = s.Meta(q, kind, func(key, value []byte) error {
				s.trace.add(q, "found %d meta %d %x = %s", s.life, kind, key, brief(kind, value))
				return nil
			})
		}
		var seqs, states []queue.Seq
		_ = s.Scan(q, 0, 1<<62, func(seq queue.Seq, _, _ []byte) bool { seqs = append(seqs, seq); return true })
		_ = s.States(q, func(seq queue.Seq, _ []byte) error { states = append(states, seq); return nil })
		s.trace.add(q, "found %d messages %v, states %v", s.life, seqs, states)
		return nil
	})
}

// brief renders a value of metadata.
func brief(kind broker.MetaKind, value []byte) string {
	if kind != broker.MetaMark {
		return fmt.Sprintf("%.60s", value)
	}
	var numbers []uint64
	for rest := value[1:]; len(rest) > 0; {
		n, used := binary.Uvarint(rest)
		if used <= 0 {
			break
		}
		numbers, rest = append(numbers, n), rest[used:]
	}
	return fmt.Sprint(numbers)
}

// tracedBatch notes the changes of a batch.
type tracedBatch struct {
	trace *trace
	n     string
}

var _ broker.Applier = (*tracedBatch)(nil)

func (t *tracedBatch) PutMessage(q queue.ID, seq queue.Seq, _, body []byte) error {
	t.trace.add(q, "%s put message %d %.30q", t.n, seq, body)
	return nil
}

func (t *tracedBatch) DropMessage(q queue.ID, seq queue.Seq) error {
	t.trace.add(q, "%s drop message %d", t.n, seq)
	return nil
}

func (t *tracedBatch) DropMessages(q queue.ID, upTo queue.Seq) error {
	t.trace.add(q, "%s drop messages to %d", t.n, upTo)
	return nil
}

func (t *tracedBatch) PutState(q queue.ID, seq queue.Seq, state []byte) error {
	t.trace.add(q, "%s put state %d %x", t.n, seq, state)
	return nil
}

func (t *tracedBatch) PutMeta(q queue.ID, kind broker.MetaKind, key, value []byte) error {
	t.trace.add(q, "meta %s put %d %x = %s", t.n, kind, key, brief(kind, value))
	return nil
}

func (t *tracedBatch) DropMeta(q queue.ID, kind broker.MetaKind, key []byte) error {
	t.trace.add(q, "%s drop meta %d %x", t.n, kind, key)
	return nil
}

func (t *tracedBatch) DropMetas(q queue.ID, kind broker.MetaKind) error {
	t.trace.add(q, "%s drop metas %d", t.n, kind)
	return nil
}

func (t *tracedBatch) DropQueue(q queue.ID) error {
	t.trace.add(q, "%s drop queue", t.n)
	return nil
}
