// Package history remembers what clients asked of a queue and what they were told, and finds what a durable queue
// must never let happen: an acknowledged message lost, a deleted one back, one that nobody sent, a FIFO group out
// of order, one deduplication id delivered as two messages.
//
// There are two ways. A Log is told of events as they happen, looks at each once and keeps little. A Judge takes in a
// whole history, in memory or from a file, with the times of every call, and judges more of it; it is what
// `forebay verify` runs.
package history

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Kind is a way in which a history can be impossible.
type Kind string

// The kinds of violations, with the invariant that each breaks.
const (
	Lost      Kind = "lost"      // I1: acknowledged, and never received although the queue was drained
	Invented  Kind = "invented"  // I2: received, and never sent
	Revived   Kind = "revived"   // I4: received by a call that began after its delete was acknowledged
	Unordered Kind = "unordered" // I5: a group's messages out of the order of their sequence numbers
	Doubled   Kind = "doubled"   // I6: one key under two message ids or sequence numbers
)

// Violation is one thing that must not have happened.
type Violation struct {
	Kind   Kind   `json:"kind"`
	Key    string `json:"key"` // of the message; of the queue where it is about one
	Detail string `json:"detail"`
}

// String says it in a line.
func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Kind, v.Key, v.Detail) }

// Delivery is one receive of one message.
type Delivery struct {
	Key      string    // what the client put into the body to know the message by
	ID       string    // message id
	Sequence string    // decimal; empty on a standard queue
	Called   time.Time // when the receive call began
}

// Report is what a history amounts to.
type Report struct {
	Attempted, Acked, Received, Redelivered, Deleted int // messages; Redelivered counts deliveries after the first
	Violations                                       []Violation
}

// message is what is known of one key.
type message struct {
	group     string
	id        string
	sequence  string
	acked     bool
	receives  int
	deletedAt time.Time // when a delete was first acknowledged; zero: not yet
}

// Log collects a history. The zero value is ready; all methods are safe for concurrent use.
type Log struct {
	mu          sync.Mutex
	outstanding int
	messages    map[string]*message
	acked       map[string]string // group → highest sequence number acknowledged for a new key
	delivered   map[string]string // group → sequence number of the latest first delivery
	violations  []Violation
}

// Attempt records that a send of key begins. A key is attempted again only with the same deduplication id. group
// is empty on a standard queue.
func (l *Log) Attempt(key, group string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.messages == nil {
		l.messages = make(map[string]*message)
		l.acked, l.delivered = make(map[string]string), make(map[string]string)
	}
	if l.messages[key] == nil {
		l.messages[key] = &message{group: group}
	}
}

// Acked records the answer to a send. Sends of one group must be recorded in the order in which they were made.
func (l *Log) Acked(key, id, sequence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.messages[key]
	if m == nil {
		l.violate(Invented, key, "acknowledged but never attempted")
		return
	}
	l.identify(key, m, id, sequence)
	if !m.acked && m.group != "" {
		if last := l.acked[m.group]; !later(sequence, last) {
			l.violate(Unordered, key, fmt.Sprintf("acknowledged as %s in group %s, after %s", sequence, m.group, last))
		}
		l.acked[m.group] = sequence
	}
	if !m.acked && m.deletedAt.IsZero() {
		l.outstanding++
	}
	m.acked = true
}

// Received records a delivery. It must be recorded before the message is deleted.
func (l *Log) Received(d Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.messages[d.Key]
	if m == nil {
		l.violate(Invented, d.Key, "received as "+d.ID+" but never sent")
		return
	}
	l.identify(d.Key, m, d.ID, d.Sequence)
	if !m.deletedAt.IsZero() && d.Called.After(m.deletedAt) {
		l.violate(Revived, d.Key, fmt.Sprintf("received %v after its delete was acknowledged", d.Called.Sub(m.deletedAt)))
	}
	m.receives++
	if m.receives > 1 || m.group == "" {
		return
	}
	if last := l.delivered[m.group]; !later(d.Sequence, last) {
		l.violate(Unordered, d.Key, fmt.Sprintf("first delivered as %s in group %s, after %s", d.Sequence, m.group, last))
	}
	l.delivered[m.group] = d.Sequence
}

// Deleted records that a delete was acknowledged at the given time. Only a delete that was answered before the
// receive's visibility timeout could have ended, counted from the start of its call, may be recorded: a later one
// binds nobody.
func (l *Log) Deleted(key string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.messages[key]
	if m == nil {
		l.violate(Invented, key, "deleted but never sent")
		return
	}
	if !m.deletedAt.IsZero() {
		return
	}
	m.deletedAt = at
	if m.acked {
		l.outstanding--
	}
}

// Outstanding is how many acknowledged messages have no acknowledged delete.
func (l *Log) Outstanding() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outstanding
}

// Report sums up. Call it when the queue has been drained: what was acknowledged and not received by then is lost.
func (l *Log) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{Attempted: len(l.messages), Violations: slices.Clone(l.violations)}
	for key, m := range l.messages {
		if m.acked {
			r.Acked++
		}
		if m.receives > 0 {
			r.Received++
			r.Redelivered += m.receives - 1
		}
		if !m.deletedAt.IsZero() {
			r.Deleted++
		}
		if m.acked && m.receives == 0 {
			r.Violations = append(r.Violations, Violation{Lost, key, "acknowledged as " + m.id + " and never received"})
		}
	}
	slices.SortStableFunc(r.Violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	return r
}

// identify holds the message to one id and one sequence number for its whole life.
func (l *Log) identify(key string, m *message, id, sequence string) {
	if m.id == "" {
		m.id, m.sequence = id, sequence
		return
	}
	if m.id != id || m.sequence != sequence {
		l.violate(Doubled, key, fmt.Sprintf("known as %s %s, now %s %s", m.id, m.sequence, id, sequence))
	}
}

func (l *Log) violate(kind Kind, key, detail string) {
	l.violations = append(l.violations, Violation{kind, key, detail})
}

// later compares decimal numbers of any length; every number is later than none.
func later(a, b string) bool {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) > 0
}
