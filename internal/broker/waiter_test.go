package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// pollers start n long polls of 20 seconds, one after the other, and note in which order they are answered with what.
type pollers struct {
	answers chan string
	ended   []func() bool
}

func (r *rig) poll(name string, n int) *pollers {
	p := &pollers{answers: make(chan string, n)}
	for i := range n {
		p.ended = append(p.ended, background(func() {
			in := receiveInput(name, 20)
			in.Max = queue.IntOf(1)
			out, err := r.ReceiveMessage(r.Context(), owner0, in)
			if err != nil {
				p.answers <- fmt.Sprint(i, " ", err)
				return
			}
			p.answers <- fmt.Sprint(i, " ", bodies(out.Messages))
		}))
		synctest.Wait()
	}
	return p
}

// got returns the answers so far.
func (p *pollers) got() []string {
	synctest.Wait()
	var got []string
	for len(p.answers) > 0 {
		got = append(got, <-p.answers)
	}
	return got
}

func TestWaitersAreServedInArrivalOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		p := r.poll("q", 3)
		if n := r.LongPolls(); n != 3 {
			t.Errorf("long polls: got %d, want 3", n)
		}
		for i, body := range []string{"a", "b", "c"} {
			r.send("q", body)
			if got, want := p.got(), []string{fmt.Sprintf("%d [%s]", i, body)}; !slices.Equal(got, want) {
				t.Errorf("after sending %s: got answers %q, want %q", body, got, want)
			}
		}
		if n := r.LongPolls(); n != 0 {
			t.Errorf("long polls: got %d, want 0", n)
		}
	})
}

func TestWaiterComesBeforeANewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		p := r.poll("q", 1)
		resume := r.stall()
		sent := background(func() { r.send("q", "a") })
		sent()
		var late []queue.ReceivedMessage
		came := background(func() { late = r.receive("q", 0) })
		came()
		resume()
		if got := p.got(); !slices.Equal(got, []string{"0 [a]"}) || !came() || len(late) != 0 {
			t.Errorf("got %q for the waiter and %s for the newcomer, want all for the waiter", got, bodies(late))
		}
	})
}

func TestEverythingThatMakesAMessageReceivableEndsAWait(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration
		make  func(r *rig)
	}{
		{"a send", 0, func(r *rig) { r.send("q", "a") }},
		{"the end of a delay", 7 * time.Second, func(r *rig) {
			in := &queue.SendMessageInput{Queue: ref("q"), Draft: queue.Draft{Body: []byte("a"), Delay: queue.IntOf(7)}}
			if _, err := r.SendMessage(r.Context(), owner0, in); err != nil {
				r.Fatalf("send: %v", err)
			}
		}},
		{"the end of a visibility timeout", 5 * time.Second, func(r *rig) {
			r.send("other", "x")
			in := receiveInput("q", 0)
			in.Visibility = queue.IntOf(5)
			r.send("q", "a")
			if _, err := r.ReceiveMessage(r.Context(), owner0, in); err != nil {
				r.Fatalf("receive: %v", err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q")
				r.create("other")
				start := time.Now()
				row.make(r)
				r.wantBodies("long poll", r.receive("q", 20), "[a]")
				if took := time.Since(start); took != row.after {
					t.Errorf("the wait took %v, want %v", took, row.after)
				}
			})
		})
	}
}

func TestClientThatHasGoneTakesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		gone := background(func() { _, err = r.ReceiveMessage(ctx, owner0, receiveInput("q", 20)) })
		gone()
		cancel()
		if !gone() || !errors.Is(err, context.Canceled) {
			t.Errorf("the receive of the client that has gone: got %v, want %v", err, context.Canceled)
		}
		if n := r.LongPolls(); n != 0 {
			t.Errorf("long polls: got %d, want 0", n)
		}
		r.send("q", "a")
		got := r.receive("q", 0)
		r.wantBodies("receive", got, "[a]")
		if got[0].Receives != 1 {
			t.Errorf("receive count: got %d, want 1", got[0].Receives)
		}
	})
}

func TestClientThatLeavesBeforeItIsServedTakesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.send("q", "a")
		resume := r.stall()
		ctx, cancel := context.WithCancel(t.Context())
		gone := background(func() { r.ReceiveMessage(ctx, owner0, receiveInput("q", 20)) })
		gone()
		cancel()
		resume()
		if !gone() {
			t.Errorf("the receive never returned")
		}
		if got := r.receive("q", 0); len(got) != 1 || got[0].Receives != 1 {
			t.Errorf("got %+v, want one message on its first receive", got)
		}
	})
}

func TestClientThatLeavesJustBeforeTheMessageTakesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		ctx, cancel := context.WithCancel(t.Context())
		gone := background(func() { r.ReceiveMessage(ctx, owner0, receiveInput("q", 20)) })
		gone()
		resume := r.stall()
		sent := background(func() { r.send("q", "a") }) // is stepped before the owner is told that the client left
		sent()
		cancel()
		resume()
		if !gone() || !sent() {
			t.Fatalf("the calls never returned")
		}
		if got := r.receive("q", 0); len(got) != 1 || got[0].Receives != 1 {
			t.Errorf("got %+v, want one message on its first receive", got)
		}
	})
}

func TestShortPollWaitsForTheStoreAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.send("q", "a")
		r.restart() // the message is in the store only
		resume := r.stall()
		start := time.Now()
		got := make(chan string, 2)
		for range 2 {
			go func() { got <- bodies(r.receive("q", 0)) }()
		}
		synctest.Wait()
		resume()
		answers := []string{<-got, <-got}
		slices.Sort(answers)
		if took := time.Since(start); took != 0 || !slices.Equal(answers, []string{"[]", "[a]"}) {
			t.Errorf("got %q after %v, want the message for one of them and no time", answers, took)
		}
	})
}

func TestDrainAnswersWaitersWithNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		p := r.poll("q", 3)
		start := time.Now()
		r.Drain(errors.New("test"))
		r.Drain(errors.New("again"))
		if got, want := p.got(), []string{"0 []", "1 []", "2 []"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("got answers %q, want %q", got, want)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("draining took %v, want no time", took)
		}
		err := r.trySend("q", "a")
		if e, ok := errors.AsType[*queue.Error](err); !ok || e.Code != queue.CodeUnavailable {
			t.Errorf("send after Drain: got %v, want Unavailable", err)
		}
	})
}

func TestReceiveThatComesDuringDrainDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		resume := r.stall()
		drained := background(func() { r.ask((*owner).drain) })
		drained()
		polled := background(func() { r.receive("q", 20) })
		polled()
		start := time.Now()
		resume()
		if !polled() || time.Since(start) != 0 {
			t.Errorf("a long poll that came during the drain was still waiting")
		}
	})
}

func TestWaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{WaitersMax: 2})
		r.create("q")
		p := r.poll("q", 2)
		_, err := r.ReceiveMessage(t.Context(), owner0, receiveInput("q", 20))
		if e, ok := errors.AsType[*queue.Error](err); !ok || e.Code != queue.CodeThrottled {
			t.Errorf("one waiter too many: got %v, want Throttled", err)
		}
		if got := p.got(); len(got) != 0 {
			t.Errorf("the others got answers %q, want none", got)
		}
	})
}

// TestDeletedQueueEndsWaits holds that polls hear of a deletion after the client that asked for it, whoever they are
// and however little of their time was left, and that those who ask after the deletion hear of it at once.
func TestDeletedQueueEndsWaits(t *testing.T) {
	for _, row := range []struct {
		name     string
		consumer string
		left     time.Duration // of the poll's 20 seconds, at the deletion
	}{
		{"polls without a name", "", 20 * time.Second},
		{"polls of one consumer", "c", 20 * time.Second},
		{"polls that were about to end", "", 10 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q")
				polls := make(chan error, 3)
				for range cap(polls) {
					go func() {
						in := receiveInput("q", 20)
						in.Consumer, in.ConsumerSet = row.consumer, row.consumer != ""
						_, err := r.ReceiveMessage(t.Context(), owner0, in)
						polls <- err
					}()
				}
				synctest.Wait()
				time.Sleep(20*time.Second - row.left)
				if err := r.DeleteQueue(t.Context(), owner0, &queue.DeleteQueueInput{Queue: ref("q")}); err != nil {
					t.Fatalf("delete queue: %v", err)
				}
				start := time.Now()
				for range cap(polls) {
					if err := <-polls; !deleted(err) || time.Since(start) != goneWait {
						t.Errorf("got %v after %v, want QueueDoesNotExist after %v", err, time.Since(start), goneWait)
					}
				}
				start = time.Now()
				_, err := r.ReceiveMessage(t.Context(), owner0, receiveInput("q", 20))
				if !deleted(err) || time.Since(start) != 0 {
					t.Errorf("asked later: got %v after %v, want QueueDoesNotExist at once", err, time.Since(start))
				}
			})
		})
	}
}

func TestTenThousandLongPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		r := newRig(t, Options{})
		r.create("q")
		answers := make(chan int, n)
		for range n {
			go func() { answers <- len(r.receive("q", 20)) }()
		}
		synctest.Wait()
		if got := r.LongPolls(); got != n {
			t.Fatalf("long polls: got %d, want %d", got, n)
		}
		if stats, _ := r.Stats(0); stats[0].Waiters != n {
			t.Errorf("waiters of the queue: got %d, want %d", stats[0].Waiters, n)
		}
		r.send("q", "a")
		synctest.Wait()
		if len(answers) != 1 || <-answers != 1 {
			t.Errorf("one message woke %d waiters, want 1", len(answers))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := len(answers); got != n-1 {
			t.Errorf("answers after the wait: got %d, want %d", got, n-1)
		}
	})
}
