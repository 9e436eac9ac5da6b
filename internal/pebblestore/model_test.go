package pebblestore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// model is a store in maps: what the contents should be.
type model struct {
	messages map[place]string
	states   map[place]string
	metas    map[metaPlace]string
}

type place struct {
	q   queue.ID
	seq queue.Seq
}

type metaPlace struct {
	q    queue.ID
	kind broker.MetaKind
	key  string
}

func newModel() *model {
	return &model{make(map[place]string), make(map[place]string), make(map[metaPlace]string)}
}

var _ broker.Applier = (*model)(nil)

func (m *model) PutMessage(q queue.ID, seq queue.Seq, header, body []byte) error {
	m.messages[place{q, seq}] = string(header) + "|" + string(body)
	return nil
}

func (m *model) DropMessage(q queue.ID, seq queue.Seq) error {
	delete(m.messages, place{q, seq})
	delete(m.states, place{q, seq})
	return nil
}

func (m *model) DropMessages(q queue.ID, upTo queue.Seq) error {
	for _, places := range []map[place]string{m.messages, m.states} {
		for p := range places {
			if p.q == q && p.seq <= upTo {
				delete(places, p)
			}
		}
	}
	return nil
}

func (m *model) PutState(q queue.ID, seq queue.Seq, state []byte) error {
	m.states[place{q, seq}] = string(state)
	return nil
}

func (m *model) PutMeta(q queue.ID, kind broker.MetaKind, key, value []byte) error {
	m.metas[metaPlace{q, kind, string(key)}] = string(value)
	return nil
}

func (m *model) DropMeta(q queue.ID, kind broker.MetaKind, key []byte) error {
	delete(m.metas, metaPlace{q, kind, string(key)})
	return nil
}

func (m *model) DropMetas(q queue.ID, kind broker.MetaKind) error {
	for p := range m.metas {
		if p.q == q && p.kind == kind {
			delete(m.metas, p)
		}
	}
	return nil
}

func (m *model) DropQueue(q queue.ID) error {
	for p := range m.metas {
		if p.q == q {
			delete(m.metas, p)
		}
	}
	return m.DropMessages(q, math.MaxUint64)
}

// lines are the contents as sorted text.
func (m *model) lines() []string {
	var lines []string
	for p, v := range m.messages {
		lines = append(lines, fmt.Sprintf("message %d/%d %s", p.q, p.seq, v))
	}
	for p, v := range m.states {
		lines = append(lines, fmt.Sprintf("state %d/%d %s", p.q, p.seq, v))
	}
	for p, v := range m.metas {
		lines = append(lines, fmt.Sprintf("meta %d/%d/%q %s", p.q, p.kind, p.key, v))
	}
	slices.Sort(lines)
	return lines
}

// modelQueues are the queues that random batches touch.
const modelQueues = 3

// contents reads the same lines from a store.
func contents(s *Store) ([]string, error) {
	m := newModel()
	for q := range queue.ID(modelQueues + 1) {
		var apart []queue.Seq
		err := s.Scan(q, 0, math.MaxUint64, func(seq queue.Seq, header, body []byte) bool {
			if body == nil {
				apart = append(apart, seq)
				return true
			}
			return m.PutMessage(q, seq, header, body) == nil
		})
		if err != nil {
			return nil, err
		}
		for _, seq := range apart {
			header, body, err := s.Read(q, seq)
			if err != nil {
				return nil, err
			}
			_ = m.PutMessage(q, seq, header, body)
		}
		err = s.States(q, func(seq queue.Seq, state []byte) error { return m.PutState(q, seq, state) })
		if err != nil {
			return nil, err
		}
		for kind := broker.MetaConfig; kind <= broker.MetaServer; kind++ {
			err := s.Meta(q, kind, func(key, value []byte) error { return m.PutMeta(q, kind, key, value) })
			if err != nil {
				return nil, err
			}
		}
	}
	return m.lines(), nil
}

// difference says how got differs from want, shortly: bodies are long.
func difference(got, want []string) string {
	var out []string
	note := func(sign string, lines, others []string) {
		for _, line := range lines {
			if _, found := slices.BinarySearch(others, line); !found && len(out) < 10 {
				out = append(out, fmt.Sprintf("%s %.60s", sign, line))
			}
		}
	}
	note("missing:   ", want, got)
	note("unexpected:", got, want)
	return strings.Join(out, "\n")
}

// randomBatch makes a batch of a few changes. n is its number; next holds each queue's next sequence number.
func randomBatch(rng *rand.Rand, n int, next *[modelQueues + 1]queue.Seq) *broker.Batch {
	b := &broker.Batch{Lazy: rng.IntN(4) == 0}
	for range 1 + rng.IntN(5) {
		q := queue.ID(1 + rng.IntN(modelQueues))
		seq := queue.Seq(1 + rng.Uint64N(uint64(next[q])+1))
		switch c := rng.IntN(100); {
		case c < 50:
			next[q]++
			size := rng.IntN(200)
			if c < 5 {
				size = rng.IntN(4 * inlineMax)
			}
			b.PutMessage(q, next[q], fmt.Appendf(nil, "header %d", n), randomText(rng, size))
		case c < 65:
			b.PutState(q, seq, fmt.Appendf(nil, "state %d", n))
		case c < 85:
			b.DropMessage(q, seq)
		case c < 95:
			b.PutMeta(q, broker.MetaMark, nil, fmt.Appendf(nil, "mark %d", n))
		case c < 96:
			b.DropMessages(q, next[q]/2)
		case c < 97:
			b.PutMeta(q, broker.MetaSend, fmt.Append(nil, n), nil)
		case c < 98:
			b.DropMetas(q, broker.MetaSend)
		case c < 99:
			b.DropMeta(q, broker.MetaMark, nil)
		default:
			b.DropQueue(q)
		}
	}
	return b
}

func randomText(rng *rand.Rand, size int) []byte {
	text := make([]byte, size)
	for i := range text {
		text[i] = 'a' + byte(rng.IntN(26))
	}
	return text
}

// commitAll commits b and waits.
func commitAll(t testing.TB, s *Store, batches ...*broker.Batch) {
	t.Helper()
	done := make(chan error, len(batches))
	for _, b := range batches {
		s.Commit(b, func(err error) { done <- err })
	}
	for range batches {
		if err := <-done; err != nil {
			t.Fatalf("commit: %v", err)
		}
	}
}
