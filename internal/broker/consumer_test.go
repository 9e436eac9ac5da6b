package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// receiveAs takes up to one message under a name, waiting for so many seconds.
func (r *rig) receiveAs(name string, wait int64) []queue.ReceivedMessage {
	in := receiveInput("q", wait)
	in.Max, in.Consumer, in.ConsumerSet = queue.IntOf(1), name, name != ""
	out, err := r.ReceiveMessage(r.Context(), owner0, in)
	if err != nil {
		r.Errorf("receive as %q: %v", name, err)
		return nil
	}
	return out.Messages
}

// work lets consumers receive and delete a message each, so that the last of them was busy most recently.
func (r *rig) work(names ...string) {
	for _, name := range names {
		r.send("q", "work")
		r.delete("q", r.receiveAs(name, 0)[0])
	}
}

// wait starts long polls, in this order; an empty name is somebody without one. The channel gets who was served.
func (r *rig) wait(names ...string) chan string {
	served := make(chan string, len(names))
	for i, name := range names {
		background(func() {
			if got := r.receiveAs(name, 20); len(got) > 0 {
				served <- fmt.Sprintf("%d%s", i, name)
			}
		})
		synctest.Wait()
	}
	return served
}

func TestTheMostRecentlyBusyConsumerWakesFirst(t *testing.T) {
	for _, row := range []struct {
		name    string
		busy    []string // who works, one after the other
		waiting []string // who polls then
		want    []string // who is served by the messages after that
	}{
		{"whoever worked last is first", []string{"a", "b", "c"}, []string{"a", "b", "c"}, []string{"2c", "1b", "0a"}},
		{"a consumer that never worked is last", []string{"a"}, []string{"new", "a"}, []string{"1a", "0new"}},
		{"consumers that never worked come in arrival order", nil, []string{"a", "b"}, []string{"0a", "1b"}},
		{"without names it is arrival order", []string{"a"}, []string{"", "", ""}, []string{"0", "1", "2"}},
		{"a place taken earlier by somebody without a name stays so", []string{"a"}, []string{"", "a"}, []string{"0", "1a"}},
		{"places of those with names are exchanged among them only", []string{"a"}, []string{"new", "", "a"}, []string{"2a", "1", "0new"}},
		{"one consumer with two polls", []string{"b", "a"}, []string{"a", "b", "a"}, []string{"0a", "2a", "1b"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.create("q", "VisibilityTimeout", "600")
				r.work(row.busy...)
				served := r.wait(row.waiting...)
				var got []string
				for range row.waiting {
					r.send("q", "x")
					got = append(got, <-served)
				}
				if !slices.Equal(got, row.want) {
					t.Errorf("%v polled, after %v had worked: served %v, want %v", row.waiting, row.busy, got, row.want)
				}
			})
		})
	}
}

func TestAConsumerThatDeletesWhileItPollsMovesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.send("q", "slow")
		held := r.receiveAs("a", 0)
		r.work("b")
		served := r.wait("a", "b")
		r.delete("q", held[0])
		r.send("q", "x")
		if got := <-served; got != "0a" {
			t.Errorf("served %s, want 0a, who has deleted a message meanwhile", got)
		}
		r.send("q", "y")
		<-served
	})
}

// TestABatchOfDeletesKeepsTheOrder has many consumers move up in one step, in many orders.
func TestABatchOfDeletesKeepsTheOrder(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) { moveUpTogether(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func moveUpTogether(t *testing.T, rng *rand.Rand) {
	r := newRig(t, Options{})
	r.create("q", "VisibilityTimeout", "600")
	in := &queue.DeleteMessageBatchInput{Queue: ref("q")}
	var names, want []string
	for i := range queue.BatchEntriesMax {
		r.send("q", "slow")
		names = append(names, fmt.Sprint("c", i))
		in.Entries = append(in.Entries, queue.DeleteMessageBatchEntry{ID: names[i], Receipt: r.receiveAs(names[i], 0)[0].Receipt})
	}
	rng.Shuffle(len(in.Entries), func(i, j int) { in.Entries[i], in.Entries[j] = in.Entries[j], in.Entries[i] })
	for i := range 20 {
		names = append(names, fmt.Sprint("idle", i))
	}
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	served := r.wait(names...)
	defer synctest.Wait()
	defer r.Drain(errDraining)
	if _, err := r.DeleteMessageBatch(t.Context(), owner0, in); err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(in.Entries) { // the last to delete is the first to be served
		want = append(want, e.ID)
	}
	for _, name := range want {
		r.send("q", "x")
		if got := <-served; !strings.HasSuffix(got, name) {
			t.Fatalf("served %s, want %s of %v", got, name, want)
		}
	}
}

func TestHoldingCountsConsumersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q", "VisibilityTimeout", "30")
		holding := func(when string, want int64) {
			t.Helper()
			if s, ok := r.StatsOf("q"); !ok || s.Holding != want {
				t.Errorf("%s: %d consumers hold messages, want %d", when, s.Holding, want)
			}
		}
		for range 4 {
			r.send("q", "x")
		}
		first := r.receiveAs("a", 0)
		second := r.receiveAs("a", 0)
		r.receiveAs("b", 0)
		r.receiveAs("", 0)
		holding("two consumers with names", 2)
		r.delete("q", first[0])
		holding("one of two deleted", 2)
		r.delete("q", second[0])
		holding("both deleted", 1)
		time.Sleep(31 * time.Second)
		holding("after the timeout", 0)
		if err := r.PurgeQueue(t.Context(), owner0, &queue.PurgeQueueInput{Queue: ref("q")}); err != nil {
			t.Fatal(err)
		}
		holding("after a purge", 0)
	})
}

func TestThoseWhoHoldMostAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q", "VisibilityTimeout", "600")
		var want []queue.Holder
		for i := range 3 * queue.HoldersMax {
			name := fmt.Sprintf("w%03d", i)
			for range 1 + i%3 {
				r.send("q", "x")
				r.receiveAs(name, 0)
			}
			if i%3 == 2 {
				want = append(want, queue.Holder{Name: name, Messages: 3})
			}
		}
		if s, _ := r.StatsOf("q"); !slices.Equal(s.Holders, want) {
			t.Errorf("got %v, want %v", s.Holders, want)
		}
	})
}

func TestConsumersBeyondTheLimitHaveNoName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Queue: queue.Options{ConsumersMax: 2}})
		r.create("q", "VisibilityTimeout", "600")
		for range 4 {
			r.send("q", "x")
		}
		r.receiveAs("a", 0)
		for _, m := range r.receiveAs("b", 0) {
			r.delete("q", m)
		}
		r.receiveAs("c", 0)
		if s, _ := r.StatsOf("q"); s.Holding != 1 {
			t.Errorf("%d consumers hold messages, want a alone", s.Holding)
		}
		time.Sleep(2 * time.Minute) // b has not been heard of for long
		r.receiveAs("c", 0)
		if s, _ := r.StatsOf("q"); s.Holding != 2 {
			t.Errorf("%d consumers hold messages, want a and c", s.Holding)
		}
	})
}
