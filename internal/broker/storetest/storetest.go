// Package storetest holds the promises of broker.Store as tests. Every store runs them:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Instance { … })
//	}
package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// Instance is an empty store, and what can be done to it. Its maker closes what is still open at the end of the
// test.
type Instance struct {
	Store broker.Store
	// Reopen closes the store that was opened last and opens its data again.
	Reopen func() broker.Store
	// Crash opens what a power cut at this moment would leave of Store's data, which goes on unharmed. Only
	// synced data is left. Nil leaves out the tests that need it.
	Crash func() broker.Store
}

// Run runs the suite, each test on an instance of its own.
func Run(t *testing.T, open func(t *testing.T) Instance) {
	for _, test := range []struct {
		name  string
		run   func(t *testing.T, in Instance)
		crash bool
	}{
		{"what was committed is there at once and after reopening", testCommitted, false},
		{"an empty batch is committed", testEmptyBatch, false},
		{"changes of one batch happen in their order", testOrderInBatch, false},
		{"a batch can be reused once it is done", testReuse, false},
		{"done is called once, in the order of the calls", testDoneOrder, false},
		{"commits of many callers all arrive", testManyCallers, false},
		{"lazy commits are seen once done", testLazy, false},
		{"scan keeps to its bounds", testScanBounds, false},
		{"bodies of every size come back", testBodies, false},
		{"read returns slices of the caller's", testReadOwnership, false},
		{"a message that is not there is not found", testNotFound, false},
		{"dropping a message drops its body and state", testDropMessage, false},
		{"dropping messages keeps those above the bound", testDropMessages, false},
		{"dropping a queue leaves the others alone", testDropQueue, false},
		{"states are visited in order", testStates, false},
		{"metadata is kept by kind and in key order", testMeta, false},
		{"dropping metadata keeps other kinds", testDropMeta, false},
		{"queues with metadata are listed", testQueues, false},
		{"an error of visit ends the visit", testVisitError, false},
		{"the largest numbers work", testLargestNumbers, false},
		{"close waits for commits and refuses later calls", testClose, false},
		{"what was committed survives a power cut", testCrashKeepsCommitted, true},
		{"a power cut leaves whole batches in order", testCrashLeavesPrefix, true},
		{"a lazy commit is durable with the next one", testCrashLazy, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := open(t)
			if test.crash && in.Crash == nil {
				t.Skip("this store cannot lose its power")
			}
			test.run(t, in)
		})
	}
}

// commit applies the changes of fill as one batch and waits for it.
func commit(t *testing.T, s broker.Store, fill func(b *broker.Batch)) {
	t.Helper()
	b := new(broker.Batch)
	fill(b)
	done := make(chan error, 1)
	s.Commit(b, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// message is what Scan and Read return.
type message struct {
	Seq    queue.Seq
	Header string
	Body   string
	Apart  bool // Scan gave no body
}

func scan(t *testing.T, s broker.Store, q queue.ID, after, upTo queue.Seq) []message {
	t.Helper()
	var got []message
	err := s.Scan(q, after, upTo, func(seq queue.Seq, header, body []byte) bool {
		got = append(got, message{seq, string(header), string(body), body == nil})
		return true
	})
	if err != nil {
		t.Fatalf("scan of queue %d after %d up to %d: %v", q, after, upTo, err)
	}
	return got
}

// seqs are the sequence numbers that a scan finds.
func seqs(t *testing.T, s broker.Store, q queue.ID, after, upTo queue.Seq) []queue.Seq {
	t.Helper()
	var got []queue.Seq
	for _, m := range scan(t, s, q, after, upTo) {
		got = append(got, m.Seq)
	}
	return got
}

func read(t *testing.T, s broker.Store, q queue.ID, seq queue.Seq) message {
	t.Helper()
	header, body, err := s.Read(q, seq)
	if err != nil {
		t.Fatalf("read of queue %d, message %d: %v", q, seq, err)
	}
	if body == nil {
		t.Errorf("read of queue %d, message %d: body is nil", q, seq)
	}
	return message{Seq: seq, Header: string(header), Body: string(body)}
}

// pair is a key and its value.
type pair struct{ Key, Value string }

func states(t *testing.T, s broker.Store, q queue.ID) []pair {
	t.Helper()
	var got []pair
	err := s.States(q, func(seq queue.Seq, state []byte) error {
		got = append(got, pair{fmt.Sprint(seq), string(state)})
		return nil
	})
	if err != nil {
		t.Fatalf("states of queue %d: %v", q, err)
	}
	return got
}

func metas(t *testing.T, s broker.Store, q queue.ID, kind broker.MetaKind) []pair {
	t.Helper()
	var got []pair
	err := s.Meta(q, kind, func(key, value []byte) error {
		got = append(got, pair{string(key), string(value)})
		return nil
	})
	if err != nil {
		t.Fatalf("metadata of queue %d, kind %d: %v", q, kind, err)
	}
	return got
}

func queues(t *testing.T, s broker.Store) []queue.ID {
	t.Helper()
	var got []queue.ID
	err := s.Queues(func(q queue.ID) error {
		got = append(got, q)
		return nil
	})
	if err != nil {
		t.Fatalf("queues: %v", err)
	}
	return got
}

// same compares and says what was looked at.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
