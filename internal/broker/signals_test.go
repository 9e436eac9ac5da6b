package broker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// watch starts to wait for work. The channel is closed when that ends.
func (r *rig) watch(ctx context.Context, name string) (ended chan struct{}) {
	r.Helper()
	s, ok := r.StatsOf(name)
	if !ok {
		r.Fatalf("there is no queue %s", name)
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.AwaitWork(ctx, s.ID); err != nil {
			r.Errorf("wait for work: %v", err)
		}
	}()
	synctest.Wait()
	return ended
}

func TestWaitingForWorkEnds(t *testing.T) {
	for _, row := range []struct {
		name  string
		ready func(r *rig) // before the wait
		then  func(r *rig) // during the wait; nil: it has ended by then
	}{
		{"at once when there is work", func(r *rig) { r.send("q", "a") }, nil},
		{"on a send", nil, func(r *rig) { r.send("q", "a") }},
		{"when a delay is over", func(r *rig) {
			in := &queue.SendMessageInput{Queue: ref("q"), Draft: queue.Draft{Body: []byte("a"), Delay: queue.IntOf(7)}}
			if _, err := r.SendMessage(r.Context(), owner0, in); err != nil {
				r.Fatal(err)
			}
		}, func(*rig) { time.Sleep(8 * time.Second) }},
		{"when a timeout is over", func(r *rig) { r.send("q", "a"); r.receive("q", 0) }, func(*rig) { time.Sleep(31 * time.Second) }},
		{"when one message is more than the pollers take", func(r *rig) { r.poll("q", 1) }, func(r *rig) { r.send("q", "a"); r.send("q", "b") }},
		{"when the queue is deleted", nil, func(r *rig) {
			if err := r.DeleteQueue(r.Context(), owner0, &queue.DeleteQueueInput{Queue: ref("q")}); err != nil {
				r.Fatal(err)
			}
		}},
		{"when the server drains", nil, func(r *rig) { r.Drain(context.Canceled) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q")
				if row.ready != nil {
					row.ready(r)
				}
				ended := r.watch(t.Context(), "q")
				if row.then != nil {
					if done(ended) {
						t.Error("the wait ended before there was a reason")
					}
					row.then(r)
					synctest.Wait()
				}
				if !done(ended) {
					t.Error("the wait has not ended")
				}
			})
		})
	}
}

func done(ended chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

func TestWorkThatSomebodyPollsForIsNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		p := r.poll("q", 1)
		ctx, cancel := context.WithCancel(t.Context())
		ended := r.watch(ctx, "q")
		r.send("q", "a")
		if got := p.got(); len(got) != 1 || done(ended) {
			t.Errorf("the poller got %q and the wait ended: %v; want the message, and that nobody else is told", got, done(ended))
		}
		cancel()
		if synctest.Wait(); !done(ended) {
			t.Error("the wait goes on although its client has gone")
		}
	})
}

func TestWorkIsToldOnceItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		ended := r.watch(t.Context(), "q")
		r.store.hold()
		background(func() { r.send("q", "a") })
		if synctest.Wait(); done(ended) {
			t.Error("the wait ended before the message was durable")
		}
		r.store.release()
		if synctest.Wait(); !done(ended) {
			t.Error("the wait has not ended")
		}
	})
}

func TestWaitsForWorkAreBoundedAndFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		s, _ := r.StatsOf("q")
		ctx, cancel := context.WithCancel(t.Context())
		for range WatchesMax {
			go r.AwaitWork(ctx, s.ID)
		}
		synctest.Wait()
		err := r.AwaitWork(t.Context(), s.ID)
		if refused, ok := errors.AsType[*queue.Error](err); !ok || refused.Code != queue.CodeThrottled {
			t.Errorf("one wait too many: got %v, want it throttled", err)
		}
		cancel()
		synctest.Wait()
		ended := r.watch(t.Context(), "q")
		if done(ended) {
			t.Error("there is no room although all have gone")
		}
		r.send("q", "a")
	})
}

func TestSamplesAreOfQueuesInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("a")
		r.create("b")
		r.Sample(nil)
		names := func(kept ...queue.ID) (list []string) {
			samples, _, _ := r.Sample(kept)
			for _, s := range samples {
				list = append(list, s.Name)
			}
			return list
		}
		if got := names(); len(got) != 0 {
			t.Errorf("nothing was used: got %v", got)
		}
		r.send("b", "x")
		if got := names(); len(got) != 1 || got[0] != "b" {
			t.Errorf("b was used: got %v", got)
		}
		a, _ := r.StatsOf("a")
		if got := names(a.ID, a.ID+1000); len(got) != 1 || got[0] != "a" {
			t.Errorf("a is kept: got %v", got)
		}
	})
}
