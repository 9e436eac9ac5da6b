package broker

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// changes writes down the changes of a batch as texts.
type changes []string

func (c *changes) add(format string, args ...any) error {
	*c = append(*c, fmt.Sprintf(format, args...))
	return nil
}

func (c *changes) PutMessage(q queue.ID, seq queue.Seq, header, body []byte) error {
	return c.add("put message %d %d %q %q", q, seq, header, body)
}

func (c *changes) DropMessage(q queue.ID, seq queue.Seq) error {
	return c.add("drop message %d %d", q, seq)
}

func (c *changes) DropMessages(q queue.ID, upTo queue.Seq) error {
	return c.add("drop messages %d %d", q, upTo)
}

func (c *changes) PutState(q queue.ID, seq queue.Seq, state []byte) error {
	return c.add("put state %d %d %q", q, seq, state)
}

func (c *changes) PutMeta(q queue.ID, kind MetaKind, key, value []byte) error {
	return c.add("put meta %d %d %q %q", q, kind, key, value)
}

func (c *changes) DropMeta(q queue.ID, kind MetaKind, key []byte) error {
	return c.add("drop meta %d %d %q", q, kind, key)
}

func (c *changes) DropMetas(q queue.ID, kind MetaKind) error {
	return c.add("drop metas %d %d", q, kind)
}

func (c *changes) DropQueue(q queue.ID) error { return c.add("drop queue %d", q) }

// everyChange fills a batch with one change of each kind.
func everyChange(b *Batch) {
	b.PutMessage(1, 300, []byte("header"), []byte("body"))
	b.PutMessageParts(1, 301, []byte("header"), []byte("prefix-"), []byte("body"))
	b.DropMessage(2, 1<<40)
	b.DropMessages(3, 4)
	b.PutState(5, 6, []byte("state"))
	b.PutMeta(7, MetaTask, []byte("key"), []byte("value"))
	b.DropMeta(8, MetaSend, []byte("key"))
	b.DropMetas(9, MetaSend)
	b.DropQueue(1 << 63)
}

func TestBatchGivesBackItsChangesInOrder(t *testing.T) {
	var b Batch
	everyChange(&b)
	want := changes{
		`put message 1 300 "header" "body"`, `put message 1 301 "header" "prefix-body"`, `drop message 2 1099511627776`,
		`drop messages 3 4`, `put state 5 6 "state"`, `put meta 7 4 "key" "value"`, `drop meta 8 3 "key"`,
		`drop metas 9 3`, `drop queue 9223372036854775808`,
	}
	var got changes
	if err := Apply(b.Bytes(), &got); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %q, want %q", err, got, want)
	}
	if b.Len() != len(want) {
		t.Errorf("Len: got %d, want %d", b.Len(), len(want))
	}
	b.Reset()
	if b.Len() != 0 || b.Size() != 0 {
		t.Errorf("after Reset: got %d changes in %d bytes, want none", b.Len(), b.Size())
	}
}

func TestDamagedBatchIsNoticed(t *testing.T) {
	var whole Batch
	everyChange(&whole)
	ends := map[int]bool{0: true} // cuts between two changes
	for n := range whole.Bytes() {
		var got changes
		if err := Apply(whole.Bytes()[:n], &got); err == nil {
			ends[n] = true
		} else if !errors.Is(err, ErrBatch) {
			t.Errorf("cut to %d bytes: got %v, want %v", n, err, ErrBatch)
		}
	}
	if len(ends) != whole.Len() {
		t.Errorf("%d cuts went unnoticed, want %d: those between two changes", len(ends), whole.Len())
	}
	if err := Apply([]byte{99, 1}, &changes{}); !errors.Is(err, ErrBatch) {
		t.Errorf("unknown change: got %v, want %v", err, ErrBatch)
	}
}
