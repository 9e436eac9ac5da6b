package bench

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLatenciesSayWhatTheyCount(t *testing.T) {
	for _, row := range []struct {
		name string
		opts Options
		step string
		says string
	}{
		{"a send as fast as answers come counts from its call", Options{}, "send", "from call to answer"},
		{"a send of an open loop counts from when it was due", Options{Rate: 1e6}, "send", "from when the request was due"},
		{"the call of an open loop counts alone", Options{Rate: 1e6}, "send call", "from call to answer"},
		{"a receive counts the wait", Options{}, "receive", "with the wait for a message"},
		{"the way through a closed loop names the run's own backlog", Options{}, "send to receive", "some 6 messages at most (--ahead)"},
		{"the way through a loop without bound says so", Options{Ahead: -1}, "send to receive", "behind all that this run had sent"},
		{"the way through an open loop counts from when it was due", Options{Rate: 1e6}, "send to receive", "from when its send was due"},
	} {
		o := few(Pipeline, "json", 1)
		o.Rate, o.Ahead = row.opts.Rate, row.opts.Ahead
		res := load(t, newFake(t, &fake{}), o)
		if got := res.Step(row.step).Measures; !strings.Contains(got, row.says) {
			t.Errorf("%s: %q, want %q in it", row.name, got, row.says)
		}
		if want := map[bool]Loop{true: Open, false: Closed}[o.Rate > 0]; res.Loop != want {
			t.Errorf("%s: the loop is %s, want %s", row.name, res.Loop, want)
		}
		if hasCall := res.Step("send call").Requests > 0; hasCall != (o.Rate > 0) {
			t.Errorf("%s: there is a step send call: %t", row.name, hasCall)
		}
	}
}

func TestProducersAreAheadByWhatConsumersHold(t *testing.T) {
	for _, row := range []struct {
		name string
		opts Options
		want int
	}{
		{"one message a call", Options{Consumers: 7, Batch: 1}, 7},
		{"ten messages a call", Options{Consumers: 7, Batch: 10}, 70},
		{"as was asked for", Options{Consumers: 7, Ahead: 5000}, 5000},
		{"without bound", Options{Consumers: 7, Ahead: -1}, -1},
	} {
		if got := row.opts.withDefaults().Ahead; got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

func TestLatencyEmptiesItsQueueFirst(t *testing.T) {
	for _, queues := range []int{1, 5} {
		f := newFake(t, &fake{})
		before := few(Fill, "json", 10)
		before.Verify, before.Queue, before.Queues = false, "left", queues
		load(t, f, before)
		o := few(Latency, "json", 1)
		o.Queue, o.Queues, o.Messages, o.Rate = "left", queues, 20, 1e6
		var phases []Phase
		o.Phase = func(p Phase) { phases = append(phases, p) }
		res := load(t, f, o)
		if res.Leftover != 300 || res.Step("receive").Messages != 20 || res.Step("send to receive").Messages != 20 {
			t.Errorf("%d queues: %d messages of before, %d received and %d measured, want 300, 20 and 20",
				queues, res.Leftover, res.Step("receive").Messages, res.Step("send to receive").Messages)
		}
		if want := []Phase{Preparing, Leftover, Measuring, Verifying, Tidying}; !slices.Equal(phases, want) {
			t.Errorf("%d queues: phases %q, want %q", queues, phases, want)
		}
	}
}

func TestARateThatWasNotKeptIsTold(t *testing.T) {
	for _, row := range []struct {
		name    string
		late    time.Duration
		elapsed time.Duration
		want    time.Duration
	}{
		{"never late", 0, 10 * time.Second, 0},
		{"a stall at the end of a short run", 200 * time.Millisecond, time.Second, 0},
		{"a stall at the end of a long run", time.Second, time.Minute, 0},
		{"a short run that is late", 300 * time.Millisecond, time.Second, 300 * time.Millisecond},
		{"a long run that is late", 4 * time.Second, time.Minute, 4 * time.Second},
	} {
		r := &run{meter: &meter{elapsed: row.elapsed}}
		r.noteBehind(row.late / 2)
		r.noteBehind(row.late)
		r.noteBehind(row.late / 3)
		if got := r.behindAtEnd(); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
