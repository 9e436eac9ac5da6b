package storetest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

func testCommitted(t *testing.T, in Instance) {
	s := in.Store
	commit(t, s, func(b *broker.Batch) {
		b.PutMeta(7, broker.MetaConfig, nil, []byte("config"))
		b.PutMessage(7, 1, []byte("h1"), []byte("b1"))
		b.PutMessage(7, 2, []byte("h2"), nil)
		b.PutState(7, 1, []byte("s1"))
	})
	check := func(when string) {
		same(t, "messages "+when, scan(t, s, 7, 0, 9), []message{{1, "h1", "b1", false}, {2, "h2", "", false}})
		same(t, "message 1 "+when, read(t, s, 7, 1), message{1, "h1", "b1", false})
		same(t, "message 2 "+when, read(t, s, 7, 2), message{2, "h2", "", false})
		same(t, "states "+when, states(t, s, 7), []pair{{"1", "s1"}})
		same(t, "config "+when, metas(t, s, 7, broker.MetaConfig), []pair{{"", "config"}})
		same(t, "queues "+when, queues(t, s), []queue.ID{7})
	}
	check("at once")
	s = in.Reopen()
	check("after reopening")
	s = in.Reopen()
	check("after reopening twice")
}

func testEmptyBatch(t *testing.T, in Instance) {
	commit(t, in.Store, func(*broker.Batch) {})
	commit(t, in.Store, func(b *broker.Batch) { b.Lazy = true })
}

func testOrderInBatch(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		b.PutMessage(1, 1, []byte("old"), nil)
		b.PutMessage(1, 2, []byte("kept"), nil)
		b.DropMessages(1, 1)
		b.PutState(1, 2, []byte("first"))
		b.PutState(1, 2, []byte("second"))
		b.PutMeta(1, broker.MetaSend, []byte("k"), []byte("gone"))
		b.DropMetas(1, broker.MetaSend)
		b.PutMeta(1, broker.MetaSend, []byte("l"), []byte("there"))
		b.PutMessage(2, 1, []byte("gone"), nil)
		b.DropQueue(2)
		b.PutMessage(2, 3, []byte("new"), nil)
	})
	same(t, "queue 1", scan(t, in.Store, 1, 0, 9), []message{{2, "kept", "", false}})
	same(t, "queue 2", scan(t, in.Store, 2, 0, 9), []message{{3, "new", "", false}})
	same(t, "states", states(t, in.Store, 1), []pair{{"2", "second"}})
	same(t, "sends", metas(t, in.Store, 1, broker.MetaSend), []pair{{"l", "there"}})
}

func testReuse(t *testing.T, in Instance) {
	b := new(broker.Batch)
	done := make(chan error)
	for seq := range queue.Seq(10) {
		b.Reset()
		b.PutMessage(1, seq+1, []byte{byte(seq)}, []byte{'a', byte(seq)})
		in.Store.Commit(b, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatalf("commit %d: %v", seq, err)
		}
	}
	for _, m := range scan(t, in.Store, 1, 0, 10) {
		i := string([]byte{byte(m.Seq - 1)})
		same(t, "message", m, message{m.Seq, i, "a" + i, false})
	}
}

func testScanBounds(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		for _, seq := range []queue.Seq{1, 2, 3, 255, 256, 257, 1 << 32} {
			b.PutMessage(5, seq, nil, nil)
		}
		b.PutMessage(4, 3, nil, nil)
		b.PutMessage(6, 2, nil, nil)
		b.PutState(5, 4, nil)
	})
	for _, test := range []struct {
		name        string
		after, upTo queue.Seq
		want        []queue.Seq
	}{
		{"everything", 0, math.MaxUint64, []queue.Seq{1, 2, 3, 255, 256, 257, 1 << 32}},
		{"after leaves its own message out, upTo takes it in", 1, 3, []queue.Seq{2, 3}},
		{"bounds between messages", 4, 256, []queue.Seq{255, 256}},
		{"an empty range", 3, 3, nil},
		{"bounds in the wrong order", 5, 3, nil},
		{"beyond the last", 1 << 32, math.MaxUint64, nil},
		{"after the highest number", math.MaxUint64, math.MaxUint64, nil},
	} {
		same(t, test.name, seqs(t, in.Store, 5, test.after, test.upTo), test.want)
	}
	same(t, "a queue without messages", seqs(t, in.Store, 9, 0, math.MaxUint64), nil)
	visits := 0
	err := in.Store.Scan(5, 0, math.MaxUint64, func(queue.Seq, []byte, []byte) bool {
		visits++
		return visits < 2
	})
	if err != nil || visits != 2 {
		t.Errorf("a visit that stops at the second message: %d visits, error %v; want 2 and none", visits, err)
	}
}

func testBodies(t *testing.T, in Instance) {
	sizes := []int{0, 1, 100, 1023, 1024, 4095, 4096, 4097, 10_000, 65_536, 1 << 20}
	header := strings.Repeat("h", 300)
	commit(t, in.Store, func(b *broker.Batch) {
		for i, size := range sizes {
			b.PutMessage(1, queue.Seq(i+1), []byte(header), []byte(strings.Repeat(string(rune('a'+i)), size)))
		}
	})
	check := func(s broker.Store) {
		for i, size := range sizes {
			want := message{queue.Seq(i + 1), header, strings.Repeat(string(rune('a'+i)), size), false}
			if got := read(t, s, 1, want.Seq); got != want {
				t.Errorf("read of a body of %d bytes: got %d bytes, header of %d", size, len(got.Body), len(got.Header))
			}
			got := scan(t, s, 1, want.Seq-1, want.Seq)
			if len(got) != 1 || got[0].Header != header || !got[0].Apart && got[0] != want {
				t.Errorf("scan of a body of %d bytes: got %d messages, want the header and the body or none", size, len(got))
			}
		}
	}
	check(in.Store)
	check(in.Reopen())
}

func testReadOwnership(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) { b.PutMessage(1, 1, []byte("header"), []byte("body")) })
	header, body, err := in.Store.Read(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	clear(header)
	clear(body)
	_ = append(header, "overwritten"...)
	same(t, "message", read(t, in.Store, 1, 1), message{1, "header", "body", false})
}

func testNotFound(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) { b.PutMessage(1, 1, nil, nil) })
	for _, at := range []struct {
		q   queue.ID
		seq queue.Seq
	}{{1, 2}, {2, 1}, {1, 0}, {0, 1}, {math.MaxUint64, math.MaxUint64}} {
		if _, _, err := in.Store.Read(at.q, at.seq); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("read of queue %d, message %d: got error %v, want ErrNotFound", at.q, at.seq, err)
		}
	}
}

func testDropMessage(t *testing.T, in Instance) {
	large := []byte(strings.Repeat("x", 100_000))
	commit(t, in.Store, func(b *broker.Batch) {
		for seq := range queue.Seq(4) {
			b.PutMessage(1, seq+1, []byte("h"), large[:seq*30_000])
			b.PutState(1, seq+1, []byte("s"))
		}
	})
	commit(t, in.Store, func(b *broker.Batch) {
		b.DropMessage(1, 1)
		b.DropMessage(1, 3)
		b.DropMessage(1, 9) // not there: nothing happens
		b.DropMessage(8, 1)
	})
	check := func(s broker.Store) {
		same(t, "messages", seqs(t, s, 1, 0, 9), []queue.Seq{2, 4})
		same(t, "states", states(t, s, 1), []pair{{"2", "s"}, {"4", "s"}})
		if _, _, err := s.Read(1, 3); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("read of a dropped large message: got error %v, want ErrNotFound", err)
		}
		if got := len(read(t, s, 1, 4).Body); got != 90_000 {
			t.Errorf("body of the message beside a dropped one: got %d bytes, want 90000", got)
		}
	}
	check(in.Store)
	check(in.Reopen())
}

func testDropMessages(t *testing.T, in Instance) {
	large := []byte(strings.Repeat("x", 10_000))
	commit(t, in.Store, func(b *broker.Batch) {
		for q := range queue.ID(3) {
			for seq := range queue.Seq(5) {
				b.PutMessage(q+1, seq+1, nil, large)
				b.PutState(q+1, seq+1, []byte("s"))
			}
			b.PutMeta(q+1, broker.MetaConfig, nil, []byte("c"))
		}
	})
	commit(t, in.Store, func(b *broker.Batch) {
		b.DropMessages(2, 3)
		b.DropMessages(3, 0)
		b.DropMessages(9, math.MaxUint64)
	})
	s := in.Reopen()
	for q, want := range map[queue.ID][]queue.Seq{1: {1, 2, 3, 4, 5}, 2: {4, 5}, 3: {1, 2, 3, 4, 5}} {
		same(t, "messages", seqs(t, s, q, 0, 9), want)
		same(t, "number of states", len(states(t, s, q)), len(want))
		same(t, "config", metas(t, s, q, broker.MetaConfig), []pair{{"", "c"}})
	}
	commit(t, s, func(b *broker.Batch) { b.DropMessages(1, math.MaxUint64) })
	same(t, "messages after dropping all", seqs(t, s, 1, 0, 9), nil)
	same(t, "messages of the next queue", len(seqs(t, s, 2, 0, 9)), 2)
}

func testDropQueue(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		for q := range queue.ID(3) {
			b.PutMessage(q+1, 1, []byte("h"), []byte(strings.Repeat("x", 10_000)))
			b.PutState(q+1, 1, []byte("s"))
			b.PutMeta(q+1, broker.MetaConfig, nil, []byte("c"))
			b.PutMeta(q+1, broker.MetaTask, []byte("t"), []byte("task"))
		}
	})
	commit(t, in.Store, func(b *broker.Batch) { b.DropQueue(2) })
	s := in.Reopen()
	same(t, "queues", queues(t, s), []queue.ID{1, 3})
	for q, want := range map[queue.ID]int{1: 1, 2: 0, 3: 1} {
		same(t, "messages", len(seqs(t, s, q, 0, 9)), want)
		same(t, "states", len(states(t, s, q)), want)
		same(t, "configs", len(metas(t, s, q, broker.MetaConfig)), want)
		same(t, "tasks", len(metas(t, s, q, broker.MetaTask)), want)
	}
	// A queue may come back, with large messages too.
	commit(t, s, func(b *broker.Batch) { b.PutMessage(2, 1, []byte("h"), []byte(strings.Repeat("y", 10_000))) })
	commit(t, s, func(b *broker.Batch) { b.DropMessage(2, 1) })
	same(t, "messages after coming back", seqs(t, s, 2, 0, 9), nil)
}

func testStates(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		b.PutState(2, 300, []byte("c"))
		b.PutState(2, 2, []byte("a"))
		b.PutState(2, 256, []byte("b"))
		b.PutState(1, 1, []byte("other"))
		b.PutMessage(2, 7, nil, nil)
	})
	same(t, "states", states(t, in.Store, 2), []pair{{"2", "a"}, {"256", "b"}, {"300", "c"}})
	same(t, "states of a queue without", states(t, in.Store, 3), nil)
}

func testMeta(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		b.PutMeta(0, broker.MetaServer, []byte("epoch"), []byte("1"))
		b.PutMeta(1, broker.MetaSend, []byte("b"), []byte("2"))
		b.PutMeta(1, broker.MetaSend, []byte("a\x00"), []byte("1"))
		b.PutMeta(1, broker.MetaSend, []byte("a"), nil)
		b.PutMeta(1, broker.MetaSend, []byte("\xff\xff"), []byte("3"))
		b.PutMeta(1, broker.MetaMark, nil, []byte("m"))
		b.PutMeta(1, broker.MetaTask, nil, []byte("t"))
		b.PutMeta(2, broker.MetaSend, nil, []byte("other"))
	})
	s := in.Reopen()
	same(t, "sends", metas(t, s, 1, broker.MetaSend), []pair{{"a", ""}, {"a\x00", "1"}, {"b", "2"}, {"\xff\xff", "3"}})
	same(t, "mark", metas(t, s, 1, broker.MetaMark), []pair{{"", "m"}})
	same(t, "server", metas(t, s, 0, broker.MetaServer), []pair{{"epoch", "1"}})
	same(t, "a kind without values", metas(t, s, 2, broker.MetaTask), nil)
	commit(t, s, func(b *broker.Batch) { b.PutMeta(1, broker.MetaMark, nil, []byte("n")) })
	same(t, "mark written again", metas(t, s, 1, broker.MetaMark), []pair{{"", "n"}})
}

func testDropMeta(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		for _, kind := range []broker.MetaKind{broker.MetaMark, broker.MetaSend, broker.MetaTask, 255} {
			b.PutMeta(1, kind, []byte("a"), nil)
			b.PutMeta(1, kind, []byte("b"), nil)
		}
		b.PutMeta(2, broker.MetaConfig, nil, nil)
	})
	commit(t, in.Store, func(b *broker.Batch) {
		b.DropMetas(1, broker.MetaSend)
		b.DropMetas(1, 255)
		b.DropMeta(1, broker.MetaTask, []byte("a"))
		b.DropMeta(1, broker.MetaTask, []byte("not there"))
	})
	same(t, "marks", metas(t, in.Store, 1, broker.MetaMark), []pair{{"a", ""}, {"b", ""}})
	same(t, "sends", metas(t, in.Store, 1, broker.MetaSend), nil)
	same(t, "tasks", metas(t, in.Store, 1, broker.MetaTask), []pair{{"b", ""}})
	same(t, "the last kind", metas(t, in.Store, 1, 255), nil)
	same(t, "the next queue", metas(t, in.Store, 2, broker.MetaConfig), []pair{{"", ""}})
}

func testQueues(t *testing.T, in Instance) {
	same(t, "queues of an empty store", queues(t, in.Store), nil)
	commit(t, in.Store, func(b *broker.Batch) {
		b.PutMeta(0, broker.MetaServer, []byte("epoch"), nil)
		for _, q := range []queue.ID{300, 2, 256, math.MaxUint64} {
			b.PutMeta(q, broker.MetaConfig, nil, nil)
			b.PutMeta(q, broker.MetaSend, []byte("a"), nil)
		}
		b.PutMessage(5, 1, nil, nil)
	})
	same(t, "queues", queues(t, in.Store), []queue.ID{2, 256, 300, math.MaxUint64})
}

func testVisitError(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		for i := range 3 {
			b.PutState(1, queue.Seq(i), nil)
			b.PutMeta(1, broker.MetaSend, []byte{byte(i)}, nil)
			b.PutMeta(queue.ID(i+1), broker.MetaConfig, nil, nil)
		}
	})
	errVisit := errors.New("enough")
	for name, visit := range map[string]func(stop func() error) error{
		"states": func(stop func() error) error {
			return in.Store.States(1, func(queue.Seq, []byte) error { return stop() })
		},
		"metadata": func(stop func() error) error {
			return in.Store.Meta(1, broker.MetaSend, func(_, _ []byte) error { return stop() })
		},
		"queues": func(stop func() error) error {
			return in.Store.Queues(func(queue.ID) error { return stop() })
		},
	} {
		visits := 0
		err := visit(func() error {
			if visits++; visits == 2 {
				return errVisit
			}
			return nil
		})
		if !errors.Is(err, errVisit) || visits != 2 {
			t.Errorf("%s: error at the second visit: got %v after %d visits", name, err, visits)
		}
	}
}

func testLargestNumbers(t *testing.T, in Instance) {
	const most = math.MaxUint64
	commit(t, in.Store, func(b *broker.Batch) {
		b.PutMessage(most, most, []byte("h"), []byte(strings.Repeat("x", 5000)))
		b.PutState(most, most, []byte("s"))
		b.PutMeta(most, 255, []byte("\xff"), []byte("m"))
	})
	same(t, "messages", seqs(t, in.Store, most, most-1, most), []queue.Seq{most})
	same(t, "states", len(states(t, in.Store, most)), 1)
	same(t, "metadata", metas(t, in.Store, most, 255), []pair{{"\xff", "m"}})
	commit(t, in.Store, func(b *broker.Batch) { b.DropMessages(most, most) })
	same(t, "messages after dropping", seqs(t, in.Store, most, 0, most), nil)
	same(t, "metadata after dropping messages", len(metas(t, in.Store, most, 255)), 1)
	commit(t, in.Store, func(b *broker.Batch) { b.DropQueue(most) })
	same(t, "metadata after dropping the queue", metas(t, in.Store, most, 255), nil)
}
