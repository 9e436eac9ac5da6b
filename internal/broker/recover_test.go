package broker

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// put changes a store directly.
func (s *memStore) put(change func(b *Batch)) {
	var b Batch
	change(&b)
	done := make(chan error)
	s.Commit(&b, func(err error) { done <- err })
	<-done
}

// onlyQueue is the id of the one queue of a store.
func (s *memStore) onlyQueue() (id queue.ID) {
	s.Queues(func(q queue.ID) error { id = q; return nil })
	return id
}

func TestOpenRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(b *Batch, q queue.ID)
		text    string
		damaged bool
	}{
		{"a newer data format",
			func(b *Batch, _ queue.ID) { b.PutMeta(0, MetaServer, []byte(keyFormat), []byte("7")) },
			"format version 7, and this program understands versions up to 1", false},
		{"a data format that is no number",
			func(b *Batch, _ queue.ID) { b.PutMeta(0, MetaServer, []byte(keyFormat), []byte("x")) }, "data format", true},
		{"a missing number of starts",
			func(b *Batch, _ queue.ID) { b.DropMeta(0, MetaServer, []byte(keyEpoch)) }, "number of starts", true},
		{"a short receipt key",
			func(b *Batch, _ queue.ID) { b.PutMeta(0, MetaServer, []byte(keyReceipt), []byte("short")) }, "receipt handles", true},
		{"a queue without configuration",
			func(b *Batch, q queue.ID) { b.DropMeta(q, MetaConfig, nil) }, "its configuration or its mark is missing", true},
		{"a queue without mark",
			func(b *Batch, q queue.ID) { b.DropMeta(q, MetaMark, nil) }, "its configuration or its mark is missing", true},
		{"a garbled configuration",
			func(b *Batch, q queue.ID) { b.PutMeta(q, MetaConfig, nil, []byte("\x01{")) }, "queue configuration", true},
		{"a configuration with members of a newer version",
			func(b *Batch, q queue.ID) { b.PutMeta(q, MetaConfig, nil, []byte("\x01{\"New\":1}")) }, "queue configuration", true},
		{"a garbled state",
			func(b *Batch, q queue.ID) { b.PutState(q, 1, []byte{9}) },
			"restore queue q: message 1: damaged data: message state: unknown version", true},
		{"a garbled remembered send",
			func(b *Batch, q queue.ID) { b.PutMeta(q, MetaSend, []byte("k"), []byte{1}) }, "remembered send", true},
		{"a garbled task",
			func(b *Batch, q queue.ID) { b.PutMeta(q, MetaTask, []byte("k"), []byte{1}) }, "move task", true},
		{"a garbled deleted name",
			func(b *Batch, _ queue.ID) { b.PutMeta(0, MetaDeleted, []byte("k"), []byte{}) }, `deleted queue "k"`, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q")
				r.Close()
				r.store.put(func(b *Batch) { row.change(b, r.store.onlyQueue()) })
				_, err := openOn(r.store, Options{})
				if err == nil || !strings.Contains(err.Error(), row.text) || errors.Is(err, ErrDamaged) != row.damaged {
					t.Errorf("got %v, want an error with %q, and %v: %v", err, row.text, ErrDamaged, row.damaged)
				}
			})
		})
	}
}

func TestDamagedMessageIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.send("q", "a")
		r.Close()
		r.store.put(func(b *Batch) { b.PutMessage(r.store.onlyQueue(), 1, []byte("garbage"), []byte("a")) })
		r.open(Options{})
		if _, err := r.ReceiveMessage(t.Context(), owner0, receiveInput("q", 1)); err == nil {
			t.Errorf("receive of a damaged message: got no error")
		}
		if err := <-r.Broker.Failed(); !errors.Is(err, ErrDamaged) {
			t.Errorf("Failed: got %v, want %v", err, ErrDamaged)
		}
	})
}

func TestFailedStartIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore(t)
		store.failAt.Store(1)
		if _, err := openOn(store, Options{}); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want %v", err, errDisk)
		}
	})
}

func TestEachStartHasItsOwnEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		for want := uint32(1); want <= 3; want++ {
			meta, err := readServerMeta(r.store)
			if err != nil || meta.epoch != want {
				t.Errorf("got epoch %d, %v, want %d", meta.epoch, err, want)
			}
			r.restart()
		}
	})
}

func TestTimeGoesOnWhereTheDataEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := &twoClocks{wall: time.Now().Add(time.Hour)}
		r := newRig(t, Options{Clock: newSteadyClock(ahead.read, time.Time{}, slog.New(slog.DiscardHandler))})
		r.create("q")
		r.send("q", "first")
		first := r.receive("q", 1)
		r.restart() // now with the machine's clock, which is an hour behind
		r.send("q", "second")
		second := r.receive("q", 1)
		r.wantBodies("second receive", second, "[second]")
		if a, b := first[0].Message.Sent, second[0].Message.Sent; b < a {
			t.Errorf("the second message was sent at %v, before the first at %v", b.Time(), a.Time())
		}
	})
}

func TestMoveTaskAndDeduplicationSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("dead")
		r.create("q", "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}`)
		r.create("q.fifo", "FifoQueue", "true")
		r.send("q.fifo", "once")
		for i := range 5 {
			r.send("dead", string(rune('a'+i)))
		}
		in := &queue.StartMessageMoveTaskInput{
			SourceARN:      "arn:aws:sqs:us-east-1:000000000000:dead",
			DestinationARN: "arn:aws:sqs:us-east-1:000000000000:q", Rate: queue.IntOf(1),
		}
		if _, err := r.StartMessageMoveTask(t.Context(), owner0, in); err != nil {
			t.Fatalf("start move task: %v", err)
		}
		time.Sleep(1500 * time.Millisecond)
		r.restart()
		r.send("q.fifo", "once")
		r.wantBodies("deduplicated", r.receive("q.fifo", 0), "[once]")
		time.Sleep(10 * time.Second)
		if got := r.counts("q") + ", " + r.counts("dead"); got != "5 0 0, 0 0 0" {
			t.Errorf("counts: got %s, want all five moved", got)
		}
	})
}
