package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a queue in memory, for which a request takes a millisecond.
type shelf struct {
	single  bool  // has no batches
	fails   error // of a send
	waiting atomic.Int64
	most    atomic.Int64 // that ever waited
	open    atomic.Int64 // connections
}

const requestTime = time.Millisecond

func (s *shelf) prepare(context.Context) error { s.waiting.Store(0); return nil }
func (s *shelf) batches() bool                 { return !s.single }

func (s *shelf) producer(context.Context) (producer, error) { s.open.Add(1); return s, nil }

func (s *shelf) consumer(context.Context, int) (consumer, error) { s.open.Add(1); return s, nil }

func (s *shelf) close() { s.open.Add(-1) }

func (s *shelf) send(_ context.Context, _ []byte, n int) error {
	time.Sleep(requestTime)
	s.most.Store(max(s.most.Load(), s.waiting.Add(int64(n))))
	return s.fails
}

func (s *shelf) take(_ context.Context, n int) (int, error) {
	time.Sleep(requestTime)
	for {
		waiting := s.waiting.Load()
		taken := min(waiting, int64(n))
		if s.waiting.CompareAndSwap(waiting, waiting-taken) {
			return int(taken), nil
		}
	}
}

var testPlan = plan{duration: time.Second, connections: 4, backlog: 800, fill: time.Minute}

func TestLoadCountsWhatIsAcknowledgedInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		m, err := load{s}.work(t.Context(), testPlan, works[0])
		if err != nil {
			t.Fatal(err)
		}
		// Four connections, a thousand requests each; the last of each may fall on the end.
		if m.PerSecond < 3990 || m.PerSecond > 4000 {
			t.Errorf("%v messages/s, want 4 a millisecond", m.PerSecond)
		}
		if m.P50 < 0.99 || m.P99 > 1.01 {
			t.Errorf("p50 %v ms and p99 %v ms of requests that take 1 ms", m.P50, m.P99)
		}
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d connections stayed open", n)
		}
	})
}

func TestLoadFillsTheBacklogFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{single: true}
		m, err := load{s}.work(t.Context(), testPlan, works[4])
		if err != nil {
			t.Fatal(err)
		}
		if got := s.most.Load(); got < int64(testPlan.backlog) {
			t.Errorf("at most %d messages waited, want %d", got, testPlan.backlog)
		}
		if m.Note != "one by one" {
			t.Errorf("note %q of a protocol without batches", m.Note)
		}
	})
}

func TestLoadSaysHowFarAFillCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := testPlan
		slow.backlog, slow.fill = 1_000_000, time.Second
		m, err := load{&shelf{}}.work(t.Context(), slow, works[4])
		if err != nil {
			t.Fatal(err)
		}
		if m.Note == "" {
			t.Error("no note says that the backlog is smaller than it should be")
		}
	})
}

func TestLoadTellsWhatItCannotDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := (load{&shelf{single: true}}).work(t.Context(), testPlan, works[1]); !errors.Is(err, errNoBatches) {
			t.Errorf("ten at once without batches: %v, want %v", err, errNoBatches)
		}
		broken := errors.New("disk full")
		if _, err := (load{&shelf{fails: broken}}).work(t.Context(), testPlan, works[3]); !errors.Is(err, broken) {
			t.Errorf("a server that fails: %v, want %v", err, broken)
		}
	})
}
