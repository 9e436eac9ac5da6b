package bench

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// load runs against the fake.
func load(t *testing.T, f *fake, o Options) *Result {
	t.Helper()
	o.Endpoint, o.KeyID, o.Secret = f.url, "id", "secret"
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	return res
}

// few is a small run that ends when all is through.
func few(mode Mode, protocol string, batch int) Options {
	return Options{Mode: mode, Protocol: protocol, Batch: batch, Messages: 300, Producers: 3, Consumers: 3, Size: 100, Verify: true}
}

func TestEverythingSentComesOut(t *testing.T) {
	for _, mode := range []Mode{Pipeline, FanIn, FIFO, Send, Fill, Latency} {
		for _, protocol := range []string{"json", "query"} {
			for _, batch := range []int{1, 10} {
				o := few(mode, protocol, batch)
				o.Rate = 0
				if mode == Latency {
					o.Rate = 1e6
				}
				f := newFake(t, &fake{missing: true})
				res := load(t, f, o)
				if err := res.Verdict(); err != nil {
					t.Errorf("%s %s by %d: %v %v", mode, protocol, batch, err, res.Violations)
				}
				if res.Acknowledged != 300 || res.Delivered != 300 || res.Duplicates != 0 || len(res.Errors) != 0 || res.Strangers != 0 {
					t.Errorf("%s %s by %d: %+v, want 300 messages out of 300", mode, protocol, batch, res)
				}
				if mode.receives() && res.Step("send to receive").Messages != 300 {
					t.Errorf("%s %s by %d: %d measured from send to receive, want 300", mode, protocol, batch, res.Step("send to receive").Messages)
				}
				if f.unsigned > 0 {
					t.Errorf("%s %s by %d: %d requests were not signed", mode, protocol, batch, f.unsigned)
				}
				if queues := len(f.queues); (queues > 0) != (mode == Fill) {
					t.Errorf("%s: %d queues are left", mode, queues)
				}
			}
		}
	}
}

func TestVerifyFindsWhatAQueueMustNotDo(t *testing.T) {
	for _, row := range []struct {
		name  string
		fake  *fake
		opts  Options
		found func(*Result) int64
		says  string
	}{
		{"a message that was acknowledged and dropped", &fake{lose: 7}, Options{Settle: 50 * time.Millisecond},
			func(r *Result) int64 { return r.Lost }, "never came"},
		{"a message that is received twice at once", &fake{repeat: 7}, Options{},
			func(r *Result) int64 { return r.Twice }, "came again"},
		{"a message that comes back after its delete", &fake{revive: 7}, Options{Consumers: 1},
			func(r *Result) int64 { return r.Twice }, "came again after its delete"},
		{"a message before an earlier one of its group", &fake{swap: 8}, Options{Mode: FIFO, Groups: 1, Batch: 10, Consumers: 1, Producers: 1},
			func(r *Result) int64 { return r.Misordered }, "of its group"},
	} {
		for _, protocol := range []string{"json", "query"} {
			o := few(row.opts.Mode, protocol, max(row.opts.Batch, 1))
			o.Groups, o.Settle = row.opts.Groups, row.opts.Settle
			o.Consumers, o.Producers = max(row.opts.Consumers, 1), max(row.opts.Producers, 1)
			faults := &fake{lose: row.fake.lose, repeat: row.fake.repeat, revive: row.fake.revive, swap: row.fake.swap}
			res := load(t, newFake(t, faults), o)
			if row.found(res) == 0 || res.Verdict() == nil {
				t.Errorf("%s, %s: not found: %+v", row.name, protocol, res)
			}
			if text := strings.Join(res.Violations, "\n"); !strings.Contains(text, row.says) {
				t.Errorf("%s, %s: violations are %q, want one with %q", row.name, protocol, text, row.says)
			}
		}
	}
}

func TestARefusedEntryIsAnErrorAndNotLost(t *testing.T) {
	for _, protocol := range []string{"json", "query"} {
		res := load(t, newFake(t, &fake{refuse: 5}), few(Pipeline, protocol, 10))
		if res.Errors["InternalError"] != 1 || res.Acknowledged != 299 || res.Verdict() != nil {
			t.Errorf("%s: errors %v, %d acknowledged, verdict %v; want one error, 299 and none", protocol, res.Errors, res.Acknowledged, res.Verdict())
		}
	}
}

func TestManyQueuesAreSharedAmongFewConnections(t *testing.T) {
	for _, row := range []struct{ queues, producers, consumers int }{{7, 3, 2}, {2, 5, 3}, {4, 4, 4}} {
		for _, mode := range []Mode{Pipeline, FIFO} {
			f := newFake(t, &fake{})
			o := few(mode, "json", 2)
			o.Queue, o.Queues, o.Producers, o.Consumers = "orders", row.queues, row.producers, row.consumers
			res := load(t, f, o)
			if err := res.Verdict(); err != nil || res.Delivered != 300 {
				t.Errorf("%+v %s: %d delivered, %v", row, mode, res.Delivered, err)
			}
			if len(f.queues) != row.queues {
				t.Errorf("%+v %s: %d queues had traffic", row, mode, len(f.queues))
			}
		}
	}
}

func TestDrainTakesWhatAnotherRunHasLeft(t *testing.T) {
	f := newFake(t, &fake{})
	o := few(Fill, "json", 10)
	o.Verify = false
	load(t, f, o)
	o = few(Drain, "json", 10)
	o.Messages, o.Wait = 0, time.Second
	res := load(t, f, o)
	if got := res.Step("delete").Messages; got != 300 || res.Strangers != 0 || res.Duplicates != 0 {
		t.Errorf("%d of 300 deleted, %d strangers, %d duplicates", got, res.Strangers, res.Duplicates)
	}
}

func TestARunCanBeInterrupted(t *testing.T) {
	f := newFake(t, &fake{})
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Endpoint: f.url, KeyID: "id", Secret: "secret", Duration: time.Hour, Verify: true,
		Progress: func(Progress) { cancel() }}
	res, err := Run(ctx, o)
	if err != nil || !res.Interrupted || res.Verdict() == nil {
		t.Errorf("got %+v, %v; want a result that says it was interrupted, and no good verdict", res, err)
	}
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	if _, err := Run(t.Context(), Options{Endpoint: "http://127.0.0.1:1", Messages: 1}); err == nil {
		t.Error("no error where nobody listens")
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, row := range []struct {
		says string
		opts Options
	}{
		{"endpoint", Options{Endpoint: "ftp://host"}},
		{"mode", Options{Mode: "sent"}},
		{"protocol", Options{Protocol: "xml"}},
		{"size-dist", Options{SizeDist: "normal"}},
		{"size", Options{Size: 39}},
		{"size", Options{Size: 1<<20 + 1}},
		{"batch", Options{Batch: 11}},
		{"producers", Options{Producers: -1}},
		{"queues", Options{Queues: 1_000_000}},
		{"groups", Options{Mode: Pipeline, Groups: 5}},
		{"groups of all queues", Options{Mode: FIFO, Groups: 1 << 20, Queues: 1000}},
		{"negative", Options{Rate: -1}},
		{"wait", Options{Wait: 1500 * time.Millisecond}},
		{"wait", Options{Wait: 21 * time.Second}},
		{"visibility", Options{Visibility: time.Millisecond}},
	} {
		if row.opts.Endpoint == "" {
			row.opts.Endpoint = "http://localhost"
		}
		if err := row.opts.Validate(); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%+v: got %v, want an error about %s", row.opts, err, row.says)
		}
	}
}

func TestProducersKeepAPaceWithConsumersOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{opts: Options{Mode: Pipeline, Ahead: 10}, ledgers: ledgers{own: newLedger(time.Second)}, queues: []*queue{{}}}
		p, c := &producer{run: r}, &consumer{run: r, marks: make([]delivery, 1)}
		for n := range uint32(100) { // what is received is the backlog, so nothing that this run has sent comes back
			r.ledgers.own.acked(stamp{sequence: n})
			r.ahead.Add(1)
			c.deleted(r.queues[0], 0, 0, 0)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if !p.letConsumersFollow(ctx) {
			t.Error("a producer waits for its own messages to come out of a backlog, want it to follow the deletes")
		}
		r.ahead.Add(11)
		if p.letConsumersFollow(ctx) {
			t.Error("a producer goes on while it is 11 messages ahead, want it to pause at 10")
		}
	})
}
