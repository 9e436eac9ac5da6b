package queue

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestQuantilesAgainstSorting compares with the times themselves.
func TestQuantilesAgainstSorting(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var h Histogram
		times := rapid.SliceOfN(rapid.Int64Range(0, 14*24*3600*1000), 1, 60).Draw(rt, "times")
		for _, d := range times {
			h.add(Millis(d))
		}
		slices.Sort(times)
		for _, p := range []float64{.5, .95, .99, 1} {
			rank := 0
			for float64(rank+1) < p*float64(len(times)) {
				rank++
			}
			exact, got := float64(times[rank])/1000, h.Quantile(p)
			if got < exact || exact > 0 && got > exact*1.0906 {
				rt.Fatalf("the quantile %v of %v ms is %v s, want %v or up to 9 %% more", p, times, got, exact)
			}
		}
	})
}

func TestAnEmptyHistogramHasNoQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(.5) != 0 || h.UpTo(BucketLast) != 0 {
		t.Errorf("got %v and %d, want zero", h.Quantile(.5), h.UpTo(BucketLast))
	}
}

func TestTimesOutsideTheBucketsAreCounted(t *testing.T) {
	var h Histogram
	h.add(-5)
	h.add(Millis(400 * 24 * time.Hour / time.Millisecond))
	if h.Count != 2 || h.UpTo(BucketFirst) != 1 || h.UpTo(BucketLast) != 2 {
		t.Errorf("got %+v, want one in the first and one in the last bucket", h)
	}
}

// TestTheAgeFollowsTheDelayOfAFIFOQueue changes the delay, which holds for what waits already.
func TestTheAgeFollowsTheDelayOfAFIFOQueue(t *testing.T) {
	w := &story{world: newWorld(t, Options{}), handles: make(map[string]Receipt)}
	w.play("create q.fifo FifoQueue=true")
	w.play("send q.fifo a group=A dedup=1")
	oldest := func(when string, want time.Duration, waiting bool) {
		t.Helper()
		s, _ := w.c.StatsOf(w.now, "q.fifo")
		if s.OldestAge != want || s.Waiting != waiting {
			t.Errorf("%s: %v waiting %v, want %v %v", when, s.OldestAge, s.Waiting, want, waiting)
		}
	}
	w.advance(20 * time.Second)
	oldest("without a delay", 20*time.Second, true)
	set := func(seconds string) {
		w.mustStep(&Control{w.by, &SetQueueAttributesInput{Queue: Ref{Name: "q.fifo"}, Attributes: map[string]string{"DelaySeconds": seconds}}})
	}
	set("60")
	oldest("delayed", 0, false)
	w.advance(45 * time.Second)
	oldest("when the delay is over", 5*time.Second, true)
	set("10")
	oldest("with a shorter delay", 55*time.Second, true)
	w.restart()
	oldest("after a restart", 55*time.Second, true)
}

func TestANameOfAConsumerIsChecked(t *testing.T) {
	w := newWorld(t, Options{})
	w.mustStep(&Control{w.by, &CreateQueueInput{Name: "q"}})
	long := make([]byte, ConsumerLenMax)
	for i := range long {
		long[i] = 'x'
	}
	for name, ok := range map[string]bool{
		"a": true, "host-1/42#3": true, string(long): true,
		"": false, "a b": false, "é": false, "a\n": false, string(long) + "x": false,
	} {
		_, err := w.step(&Receive{By: w.by, In: &ReceiveMessageInput{Queue: Ref{Name: "q"}, Consumer: name, ConsumerSet: true}})
		if (err == nil) != ok {
			t.Errorf("name %q: got %v, want it taken: %v", name, err, ok)
		}
	}
}
