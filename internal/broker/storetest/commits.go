package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

func testDoneOrder(t *testing.T, in Instance) {
	const calls = 500
	var wg sync.WaitGroup
	var order []int // written by done, which is never called twice at a time
	wg.Add(calls)
	for i := range calls {
		b := &broker.Batch{Lazy: i%3 == 1}
		b.PutMessage(1, queue.Seq(i+1), nil, make([]byte, i*7%3000))
		in.Store.Commit(b, func(err error) {
			if err != nil {
				t.Errorf("commit %d: %v", i, err)
			}
			order = append(order, i)
			wg.Done()
		})
	}
	wg.Wait()
	for i, got := range order {
		if got != i {
			t.Fatalf("done number %d was for call %d", i, got)
		}
	}
	same(t, "messages", len(seqs(t, in.Store, 1, 0, calls)), calls)
}

func testManyCallers(t *testing.T, in Instance) {
	const callers, each = 8, 50
	var wg sync.WaitGroup
	for caller := range queue.ID(callers) {
		wg.Go(func() {
			done := make(chan error)
			for seq := range queue.Seq(each) {
				b := new(broker.Batch)
				b.PutMessage(caller+1, seq+1, nil, []byte(fmt.Sprint(caller, seq)))
				in.Store.Commit(b, func(err error) { done <- err })
				if err := <-done; err != nil {
					t.Errorf("commit: %v", err)
				}
				// A read sees what was done before it.
				if _, body, err := in.Store.Read(caller+1, seq+1); err != nil || string(body) != fmt.Sprint(caller, seq) {
					t.Errorf("read of queue %d, message %d: got %q, error %v", caller+1, seq+1, body, err)
				}
			}
		})
	}
	wg.Wait()
	s := in.Reopen()
	for caller := range queue.ID(callers) {
		same(t, "messages", len(seqs(t, s, caller+1, 0, each)), each)
	}
}

func testLazy(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) {
		b.Lazy = true
		b.PutState(1, 1, []byte("s"))
	})
	same(t, "states", states(t, in.Store, 1), []pair{{"1", "s"}})
	same(t, "states after reopening", states(t, in.Reopen(), 1), []pair{{"1", "s"}})
}

func testClose(t *testing.T, in Instance) {
	const calls = 50
	var mu sync.Mutex
	done := 0
	for i := range calls {
		b := new(broker.Batch)
		b.PutMessage(1, queue.Seq(i+1), nil, make([]byte, 1000))
		in.Store.Commit(b, func(err error) {
			if err != nil {
				t.Errorf("commit %d before close: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
		})
	}
	s := in.Reopen()
	mu.Lock()
	same(t, "commits done when close returned", done, calls)
	mu.Unlock()
	same(t, "messages", len(seqs(t, s, 1, 0, calls)), calls)

	// in.Store is closed now.
	refused := make(chan error, 2*calls)
	for i := range calls {
		b := new(broker.Batch)
		b.PutMessage(1, queue.Seq(1000+i), nil, nil)
		in.Store.Commit(b, func(err error) { refused <- err })
	}
	for range calls {
		if err := <-refused; err == nil {
			t.Error("a commit after close was accepted")
		}
	}
	if _, _, err := in.Store.Read(1, 1); err == nil {
		t.Error("a read after close succeeded")
	}
	if err := in.Store.Scan(1, 0, 1, func(queue.Seq, []byte, []byte) bool { return true }); err == nil {
		t.Error("a scan after close succeeded")
	}
	if err := in.Store.States(1, func(queue.Seq, []byte) error { return nil }); err == nil {
		t.Error("a visit of states after close succeeded")
	}
	if err := in.Store.Meta(1, broker.MetaConfig, func(_, _ []byte) error { return nil }); err == nil {
		t.Error("a visit of metadata after close succeeded")
	}
	if err := in.Store.Queues(func(queue.ID) error { return nil }); err == nil {
		t.Error("a visit of queues after close succeeded")
	}
	if err := in.Store.Close(); err == nil {
		t.Error("a second close succeeded")
	}
	same(t, "messages after refused commits", len(seqs(t, s, 1, 0, 2000)), calls)
}

func testCrashKeepsCommitted(t *testing.T, in Instance) {
	const calls = 20
	for i := range calls {
		commit(t, in.Store, func(b *broker.Batch) {
			b.PutMessage(1, queue.Seq(i+1), []byte("h"), make([]byte, i*500))
			if i%2 == 1 {
				b.DropMessage(1, queue.Seq(i))
			}
		})
		got := len(seqs(t, in.Crash(), 1, 0, calls))
		same(t, fmt.Sprintf("messages after commit %d and a power cut", i), got, i/2+1)
	}
}

// testCrashLeavesPrefix cuts the power while commits are under way. Each batch puts one message into each of
// three queues, so a torn batch would leave the queues different.
func testCrashLeavesPrefix(t *testing.T, in Instance) {
	const calls, cuts = 400, 8
	var mu sync.Mutex
	acknowledged := 0
	var wg sync.WaitGroup
	for i := range calls {
		b := new(broker.Batch)
		for q := range queue.ID(3) {
			b.PutMessage(q+1, queue.Seq(i+1), nil, make([]byte, 2000))
		}
		wg.Add(1)
		in.Store.Commit(b, func(err error) {
			defer wg.Done()
			if err != nil {
				t.Errorf("commit %d: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			acknowledged++
		})
		if i%(calls/cuts) != 0 {
			continue
		}
		mu.Lock()
		least := acknowledged
		mu.Unlock()
		s := in.Crash()
		got := seqs(t, s, 1, 0, calls)
		if len(got) < least {
			t.Errorf("after a power cut: %d messages, %d were acknowledged", len(got), least)
		}
		for i, seq := range got {
			if seq != queue.Seq(i+1) {
				t.Fatalf("after a power cut: message %d is missing and a later one is there", i+1)
			}
		}
		same(t, "queue 2 after a power cut", seqs(t, s, 2, 0, calls), got)
		same(t, "queue 3 after a power cut", seqs(t, s, 3, 0, calls), got)
	}
	wg.Wait()
}

func testCrashLazy(t *testing.T, in Instance) {
	commit(t, in.Store, func(b *broker.Batch) { b.PutState(1, 1, []byte("synced")) })
	commit(t, in.Store, func(b *broker.Batch) {
		b.Lazy = true
		b.PutState(1, 1, []byte("lazy"))
	})
	got := states(t, in.Crash(), 1)
	if len(got) != 1 || got[0].Value != "synced" && got[0].Value != "lazy" {
		t.Errorf("state after a power cut: got %v, want the synced or the lazy one", got)
	}
	commit(t, in.Store, func(b *broker.Batch) { b.PutMessage(1, 1, nil, nil) })
	same(t, "state after the next commit and a power cut", states(t, in.Crash(), 1), []pair{{"1", "lazy"}})
}
