package broker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/forebay-mq/forebay/internal/queue"
)

// background runs f in a goroutine and returns a function that tells whether it has returned.
func background(f func()) (ended func() bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// stall keeps the owner busy until the returned function is called, so that commands gather for one round.
func (r *rig) stall() (resume func()) {
	held := make(chan struct{})
	go r.ask(func(*owner) { <-held })
	synctest.Wait()
	return func() { close(held) }
}

func TestNothingIsRevealedBeforeItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.store.hold()
		sent := background(func() { r.send("q", "a") })
		if sent() {
			t.Errorf("send was answered before its batch was done")
		}
		var count string
		seen := background(func() { count = r.attribute("q", "ApproximateNumberOfMessages") })
		if seen() {
			t.Errorf("an attribute that shows the send was answered before the send was durable")
		}
		missing := background(func() { r.trySend("no-such-queue", "a") })
		if missing() {
			t.Errorf("a refusal was answered before what it may rest on was durable")
		}
		r.store.step()
		if !sent() {
			t.Errorf("send was not answered after its batch was done")
		}
		r.store.release()
		if !seen() || count != "1" {
			t.Errorf("attribute: got %q, want 1", count)
		}
		if !missing() {
			t.Errorf("the refusal was never answered")
		}
	})
}

func TestReadIsAnsweredWithoutTheStoreWhenNothingIsOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.store.hold()
		if seen := background(func() { r.attribute("q", "QueueArn") }); !seen() {
			t.Errorf("a read waited for the store")
		}
	})
}

func TestOnlyReceivesAreLazy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		check := func(what string, lazy bool) {
			t.Helper()
			if got := r.store.newest(); got.lazy != lazy || got.changes == 0 {
				t.Errorf("batch of %s: got %+v, want lazy %v and some changes", what, got, lazy)
			}
		}
		check("create", false)
		r.send("q", "a")
		check("send", false)
		a := r.receive("q", 0)
		check("receive", true)
		change := &queue.ChangeMessageVisibilityInput{Queue: ref("q"), Receipt: a[0].Receipt, Visibility: queue.IntOf(9)}
		if err := r.ChangeMessageVisibility(t.Context(), owner0, change); err != nil {
			t.Fatalf("change visibility: %v", err)
		}
		check("change of visibility", false)
		r.delete("q", a[0])
		check("delete", false)
	})
}

func TestCommandsThatArriveTogetherAreOneBatch(t *testing.T) {
	send := func(r *rig) { r.send("q", "second") }
	receive := func(r *rig) { r.receive("q", 0) }
	for name, calls := range map[string][]func(*rig){
		"a receive and a send": {receive, send},
		"a send and a receive": {send, receive},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q")
				r.send("q", "first")
				resume := r.stall()
				before := r.store.count()
				first := background(func() { calls[0](r) })
				first()
				second := background(func() { calls[1](r) })
				second()
				resume()
				if !first() || !second() {
					t.Fatalf("the commands were not answered")
				}
				if n := r.store.count() - before; n != 1 {
					t.Errorf("got %d batches, want 1", n)
				}
				if r.store.newest().lazy {
					t.Errorf("a batch with a send in it was lazy")
				}
			})
		})
	}
}

func TestAcceptedSendOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		resume := r.stall()
		ctx, cancel := context.WithCancel(t.Context())
		in := &queue.SendMessageInput{Queue: ref("q"), Draft: queue.Draft{Body: []byte("a")}}
		sent := background(func() { r.SendMessage(ctx, owner0, in) })
		sent()
		cancel()
		if sent() {
			t.Errorf("send returned while its arguments were in use")
		}
		resume()
		if !sent() {
			t.Errorf("send never returned")
		}
		r.wantBodies("receive", r.receive("q", 0), "[a]")
	})
}

func TestFailedCommitEndsAllAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		poll := make(chan error, 1)
		go func() {
			_, err := r.ReceiveMessage(t.Context(), owner0, receiveInput("q", 20))
			poll <- err
		}()
		r.create("other")
		r.store.failAt.Store(int64(r.store.count()) + 2)
		r.send("other", "before")
		for name, err := range map[string]error{
			"the send whose commit fails": r.trySend("other", "a"),
			"a waiting receive":           <-poll,
			"a send afterwards":           r.trySend("other", "a"),
		} {
			if e, ok := errors.AsType[*queue.Error](err); !ok || e.Code != queue.CodeInternal || !errors.Is(err, errDisk) {
				t.Errorf("%s: got %v, want an internal error for the log with its cause", name, err)
			}
		}
		if err := <-r.Broker.Failed(); !errors.Is(err, errDisk) {
			t.Errorf("Failed: got %v, want %v", err, errDisk)
		}
		if err := r.Close(); !errors.Is(err, errDisk) {
			t.Errorf("Close: got %v, want %v", err, errDisk)
		}
	})
}

func TestPanicInAStepIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.ask(func(*owner) { panic("planted") })
		if err := <-r.Broker.Failed(); err == nil || !strings.Contains(err.Error(), "planted") {
			t.Errorf("Failed: got %v, want the panic", err)
		}
		if err := r.trySend("q", "a"); err == nil {
			t.Errorf("send after a panic: got no error")
		}
	})
}

func TestSpace(t *testing.T) {
	type row struct {
		name string
		call func(r *rig, held queue.ReceivedMessage) error
		low  bool // accepted when space is low
		full bool // accepted when the disk is full
	}
	rows := []row{
		{"send is refused", func(r *rig, _ queue.ReceivedMessage) error { return r.trySend("q", "a") }, false, false},
		{"create is refused", func(r *rig, _ queue.ReceivedMessage) error {
			_, err := r.CreateQueue(r.Context(), owner0, &queue.CreateQueueInput{Name: "new"})
			return err
		}, false, false},
		{"tags are refused", func(r *rig, _ queue.ReceivedMessage) error {
			return r.TagQueue(r.Context(), owner0, &queue.TagQueueInput{Queue: ref("q"), Tags: map[string]string{"a": "b"}})
		}, false, false},
		{"receive goes on until full", func(r *rig, _ queue.ReceivedMessage) error {
			_, err := r.ReceiveMessage(r.Context(), owner0, receiveInput("q", 0))
			return err
		}, true, false},
		{"delete goes on until full", func(r *rig, held queue.ReceivedMessage) error {
			return r.DeleteMessage(r.Context(), owner0, &queue.DeleteMessageInput{Queue: ref("q"), Receipt: held.Receipt})
		}, true, false},
		{"purge goes on until full", func(r *rig, _ queue.ReceivedMessage) error {
			return r.PurgeQueue(r.Context(), owner0, &queue.PurgeQueueInput{Queue: ref("q")})
		}, true, false},
		{"reading always works", func(r *rig, _ queue.ReceivedMessage) error {
			_, err := r.ListQueues(r.Context(), owner0, &queue.ListQueuesInput{})
			return err
		}, true, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q")
				r.send("q", "a")
				held := r.receive("q", 0)[0]
				for level, accepted := range map[Space]bool{SpaceLow: row.low, SpaceFull: row.full} {
					r.store.space.Store(uint32(level))
					before := r.store.count()
					err := row.call(r, held)
					e, refused := errors.AsType[*queue.Error](err)
					if refused == accepted || refused && (e.Code != queue.CodeUnavailable || r.store.count() != before) {
						t.Errorf("at level %d: got %v, want accepted %v and no change when refused", level, err, accepted)
					}
				}
				r.store.space.Store(uint32(SpaceOK))
				r.send("q", "space is back")
			})
		})
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.store.hold()
		var err error
		sent := background(func() { err = r.trySend("q", "a") })
		sent()
		closed := background(func() { r.Close() })
		if closed() {
			t.Errorf("Close returned while a batch was outstanding")
		}
		r.store.release()
		if !closed() || !sent() || err != nil {
			t.Errorf("the send during Close: got %v, want success", err)
		}
		if err := r.trySend("q", "a"); err == nil {
			t.Errorf("send after Close: got no error")
		}
		if stats, n := r.Stats(0); len(stats) != 0 || n != 0 {
			t.Errorf("Stats after Close: got %v, %d, want none", stats, n)
		}
	})
}
