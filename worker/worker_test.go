package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
)

func TestWhatIsDoneIsDeletedInBatches(t *testing.T) {
	var now, most atomic.Int32
	handler := func(context.Context, *Message) error {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(time.Second)
		now.Add(-1)
		return nil
	}
	play(t, Options{Handler: handler, Settings: Settings{Concurrency: 20}}, func(r *rig) {
		for i := range 100 {
			r.send("q", fmt.Sprint(i))
		}
		nap(6 * time.Second)
		if n := r.left("q"); n != 0 {
			t.Errorf("%d messages are left after 6 s, want none: 100 of 1 s by 20 at once", n)
		}
		if most.Load() != 20 {
			t.Errorf("up to %d handlers ran at once, want 20", most.Load())
		}
		if calls := len(r.deletes); calls > 60 {
			t.Errorf("100 messages were deleted in %d calls of %v, want fewer than 60", calls, r.deletes)
		}
		if s := r.Stats(); s.Received != 100 || s.Done != 100 || s.Held != 0 {
			t.Errorf("stats %+v, want 100 received and done, none held", s)
		}
	})
}

func TestHeartbeatsKeepWhatIsInWorkAndWhatIsPrefetched(t *testing.T) {
	var seen []int
	handler := func(_ context.Context, m *Message) error {
		time.Sleep(10 * time.Minute)
		seen = append(seen, m.Receives())
		return nil
	}
	play(t, Options{Handler: handler, Settings: Settings{Prefetch: 3}}, func(r *rig) {
		r.send("q", "1", "2", "3", "4")
		for range 39 {
			nap(time.Minute)
			if n := r.visible("q"); n != 0 {
				t.Fatalf("%d messages became visible to others while the worker held them", n)
			}
		}
		nap(2 * time.Minute)
		if !slices.Equal(seen, []int{1, 1, 1, 1}) {
			t.Errorf("receive counts %v, want four times 1", seen)
		}
	})
}

func TestAHandlerThatDoesNotReturnLosesItsMessage(t *testing.T) {
	var cause error
	handler := func(ctx context.Context, _ *Message) error {
		<-ctx.Done()
		cause = context.Cause(ctx)
		time.Sleep(time.Hour)
		return nil
	}
	play(t, Options{Handler: handler, Lease: 12 * time.Second, Settings: Settings{TimeLimit: time.Minute}}, func(r *rig) {
		r.send("q", "1")
		nap(time.Minute + stopPatience)
		if !errors.Is(cause, ErrTimeLimit) {
			t.Errorf("the context ended with %v, want the time limit", cause)
		}
		nap(13 * time.Second)
		if n := r.visible("q"); n != 1 {
			t.Errorf("%d messages are visible a lease after the handler was given up, want 1", n)
		}
	})
}

func TestWhatAHandlerReturnsDecidesWhenTheMessageComesBack(t *testing.T) {
	for _, row := range []struct {
		name     string
		err      error
		receives []int // at which the message is visible again between low and high
		low, hi  time.Duration
		failed   bool
	}{
		{"a failure comes back with backoff", errOnPurpose, []int{1}, 2 * time.Second, 4 * time.Second, true},
		{"the third failure in a row takes four times as long", errOnPurpose, []int{3}, 8 * time.Second, 16 * time.Second, true},
		{"backoff ends at its maximum", errOnPurpose, []int{8, 30, 2000}, 30 * time.Second, time.Minute, true},
		{"later is when the handler says", Later(90 * time.Second), []int{1, 5}, 90 * time.Second, 90 * time.Second, false},
		{"later is rounded up to seconds", Later(time.Millisecond), []int{1}, time.Second, time.Second, false},
		{"later is bounded as SQS bounds it", Later(100 * time.Hour), []int{1}, 12 * time.Hour, 12 * time.Hour, false},
		{"retry is a failure at a time of its own", Retry(7*time.Second, errOnPurpose), []int{9}, 7 * time.Second, 7 * time.Second, true},
		{"a checkpoint comes back at once", fmt.Errorf("at 50 %%: %w", ErrCheckpoint), []int{4}, 0, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := Options{BackoffMin: 4 * time.Second, BackoffMax: time.Minute}
			for _, n := range row.receives {
				for range 50 {
					v := o.judge(row.err, n)
					if d := time.Duration(v.delay) * time.Second; d < row.low || d > row.hi || v.failed != row.failed {
						t.Fatalf("receive %d: back in %s, failed %v; want %s to %s, %v", n, d, v.failed, row.low, row.hi, row.failed)
					}
				}
			}
		})
	}
}

func TestAPanicIsAFailureAndTheMessageComesBack(t *testing.T) {
	handler := func(_ context.Context, m *Message) error {
		if m.Receives() < 3 {
			panic("at the disco")
		}
		return nil
	}
	play(t, Options{Handler: handler}, func(r *rig) {
		r.send("q", "1")
		nap(time.Minute)
		if s := r.Stats(); s.Failed != 2 || s.Done != 1 || r.left("q") != 0 {
			t.Errorf("stats %+v and %d left, want 2 failed, 1 done and none left", s, r.left("q"))
		}
	})
}

func TestALostLeaseEndsTheHandler(t *testing.T) {
	var cause error
	handler := func(ctx context.Context, _ *Message) error {
		select {
		case <-ctx.Done():
			cause = context.Cause(ctx)
		case <-time.After(time.Hour):
		}
		return nil
	}
	play(t, Options{Handler: handler}, func(r *rig) {
		r.send("q", "1")
		nap(time.Second)
		r.fake.mu.Lock()
		r.queues["q"][0].handle = "somebody else's"
		r.fake.mu.Unlock()
		nap(DefaultLease)
		if !errors.Is(cause, ErrLeaseLost) {
			t.Errorf("the context ended with %v, want a lost lease", cause)
		}
		if s := r.Stats(); s.Lost != 1 || s.Done != 0 {
			t.Errorf("stats %+v, want 1 lost and none done", s)
		}
	})
}

func TestTheWorkerRetiresWhenNothingComes(t *testing.T) {
	play(t, Options{Handler: func(context.Context, *Message) error { time.Sleep(time.Minute); return nil },
		Settings: Settings{IdleTime: 45 * time.Second}}, func(r *rig) {
		r.send("q", "1")
		nap(time.Minute + 44*time.Second)
		select {
		case err := <-r.ended:
			t.Fatalf("the worker ended too early: %v", err)
		default:
		}
		nap(2 * time.Second)
		select {
		case err := <-r.ended:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		default:
			t.Error("the worker has not ended 45 s after its last message")
		}
	})
}

func TestAServerThatIsAwayCostsNothingAndIsSpokenOfOnce(t *testing.T) {
	handled := make(map[string]int)
	handler := func(_ context.Context, m *Message) error {
		handled[m.ID()]++
		time.Sleep(20 * time.Second)
		return nil
	}
	play(t, Options{Handler: handler, Settings: Settings{Prefetch: 1}}, func(r *rig) {
		r.send("q", "1", "2", "3")
		nap(15 * time.Second)
		r.answer(errors.New("connection refused"))
		nap(12 * time.Second) // the first handler ends in it; its delete has to wait
		r.answer(nil)
		nap(2 * time.Minute)
		if n := r.left("q"); n != 0 || len(handled) != 3 {
			t.Errorf("%d messages are left and %d were handled, want 0 and 3", n, len(handled))
		}
		for id, n := range handled {
			if n != 1 {
				t.Errorf("%s was handled %d times", id, n)
			}
		}
		for _, words := range []string{"the server does not answer", "the server is back"} {
			if n := strings.Count(r.log.String(), words); n != 1 {
				t.Errorf("%q is said %d times, want once", words, n)
			}
		}
	})
}

func TestARefusalOfTheFirstReceiveEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer(&smithy.GenericAPIError{Code: "QueueDoesNotExist", Fault: smithy.FaultClient})
		w, err := New(Options{Client: f, QueueURL: "q", Handler: func(context.Context, *Message) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "QueueDoesNotExist") {
			t.Errorf("Run returned %v, want the refusal", err)
		}
		if err := w.Run(t.Context()); err == nil {
			t.Error("a worker ran twice")
		}
	})
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	good := Options{Client: newFake(), QueueURL: "q", Handler: func(context.Context, *Message) error { return nil }}
	if _, err := New(good); err != nil {
		t.Fatalf("the least options were refused: %v", err)
	}
	for want, change := range map[string]func(*Options){
		"no client":         func(o *Options) { o.Client = nil },
		"no queue URL":      func(o *Options) { o.QueueURL = "" },
		"no handler":        func(o *Options) { o.Handler = nil },
		"lease 1.5s":        func(o *Options) { o.Lease = 1500 * time.Millisecond },
		"lease 13h":         func(o *Options) { o.Lease = 13 * time.Hour },
		"concurrency -1":    func(o *Options) { o.Concurrency = -1 },
		"prefetch -1":       func(o *Options) { o.Prefetch = -1 },
		"time limit 24h":    func(o *Options) { o.TimeLimit = 24 * time.Hour },
		"idle time -1s":     func(o *Options) { o.IdleTime = -time.Second },
		"backoff 1s to 24h": func(o *Options) { o.BackoffMax = 24 * time.Hour },
		"consumer":          func(o *Options) { o.Consumer = "a\nb" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}
