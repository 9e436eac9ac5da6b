package signals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/forebay-mq/forebay/internal/queue"
)

// world is a source with queues that the test moves.
type world struct {
	now    time.Time
	queues map[string]*queue.Sample
	await  func(context.Context, queue.ID) error
}

func newWorld() *world {
	return &world{now: time.Unix(1_700_000_000, 0), queues: map[string]*queue.Sample{}}
}

// use does something in a queue, which is there from then on.
func (w *world) use(name string, sent int64) *queue.Sample {
	s := w.queues[name]
	if s == nil {
		s = &queue.Sample{ID: queue.ID(len(w.queues) + 1), Name: name}
		w.queues[name] = s
	}
	s.Active = true
	s.Sent += sent
	s.Visible = s.Sent
	return s
}

func (w *world) source() Source {
	stats := func(name string) (queue.Stats, bool) {
		s := w.queues[name]
		if s == nil {
			return queue.Stats{}, false
		}
		out := queue.Stats{ID: s.ID, Name: name, Time: w.now, Visible: s.Visible}
		out.Sent, out.Received, out.Deleted = s.Sent, s.Received, s.Deleted
		return out, true
	}
	names := func() (names []string) {
		for name := range w.queues {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	return Source{
		Queue: stats, Names: names, AwaitWork: func(ctx context.Context, id queue.ID) error { return w.await(ctx, id) },
		Stats: func(int) (all []queue.Stats, n int) {
			for _, name := range names() {
				s, _ := stats(name)
				all = append(all, s)
			}
			return all, len(all)
		},
		Sample: func(kept []queue.ID) (samples []queue.Sample, at time.Time, ok bool) {
			for _, name := range names() {
				if s := w.queues[name]; s.Active || slices.Contains(kept, s.ID) {
					samples = append(samples, *s)
					s.Active = false
				}
			}
			return samples, w.now, true
		},
	}
}

// pass takes a sample after each of so many seconds.
func (w *world) pass(r *Recorder, seconds int) {
	for range seconds {
		w.now = w.now.Add(time.Second)
		r.Sample()
	}
}

func (w *world) rates(r *Recorder, name string) Rates {
	s, _ := w.source().Queue(name)
	return r.Rates(&s)
}

func TestRatesFollowWhatHappens(t *testing.T) {
	w := newWorld()
	r := New(Options{Source: w.source()})
	w.pass(r, 1)
	for range 3600 {
		w.use("q", 5)
		w.pass(r, 1)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.01*max(want, 0.1) {
			t.Errorf("%s: %.4f a second, want %.4f", what, got, want)
		}
	}
	for i, got := range w.rates(r, "q").Sent {
		near("five a second for an hour, window "+Windows[i].String(), got, 5)
	}
	w.pass(r, 60)
	got := w.rates(r, "q").Sent
	near("a minute later, of 10 s", got[0], 5*math.Exp(-6))
	near("a minute later, of 1 min", got[1], 5*math.Exp(-1))
	near("a minute later, of 10 min", got[2], 5*math.Exp(-.1))
	if got := w.rates(r, "q").Deleted; got != (Averages{}) {
		t.Errorf("nothing was deleted: got %v", got)
	}
}

// TestRatesAgainstModel adds up every message with its own weight.
func TestRatesAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		r := New(Options{Source: w.source()})
		w.use("q", 0)
		w.pass(r, 1)
		var sums Averages
		for range rapid.IntRange(1, 200).Draw(rt, "seconds") {
			n := rapid.Int64Range(0, 20).Draw(rt, "messages")
			if n > 0 {
				w.use("q", n)
			}
			w.pass(r, 1)
			for i, window := range Windows {
				keep := math.Exp(-1 / window.Seconds())
				sums[i] = sums[i]*keep + float64(n)*(1-keep)
			}
		}
		got := w.rates(r, "q").Sent
		for i := range sums {
			if math.Abs(got[i]-sums[i]) > 1e-9*(1+sums[i]) {
				rt.Fatalf("window %v: %v a second, want %v", Windows[i], got[i], sums[i])
			}
		}
	})
}

func TestARecreatedQueueBeginsAnew(t *testing.T) {
	w := newWorld()
	r := New(Options{Source: w.source()})
	w.use("q", 1000)
	w.pass(r, 5)
	w.queues["q"] = &queue.Sample{ID: 77, Name: "q"}
	w.use("q", 10)
	w.pass(r, 1)
	if got := w.rates(r, "q").Sent[0]; got < .9 || got > 1 {
		t.Errorf("ten messages in the first second: %.3f a second, want 0.95", got)
	}
	delete(w.queues, "q")
	r.tidy()
	if len(r.rates) != 0 {
		t.Errorf("the rates of %d queues are kept, none is there", len(r.rates))
	}
}

// values returns a history as numbers, -1 where there is none.
func values(r *Recorder, id queue.ID, m Metric, step int) (list []float64) {
	points, _ := r.History(id, m, step)
	for _, p := range points {
		if p.Value == nil {
			list = append(list, -1)
		} else {
			list = append(list, *p.Value)
		}
	}
	return list
}

func TestHistoryShowsStepsOfEachLength(t *testing.T) {
	w := newWorld()
	r := New(Options{Source: w.source()})
	for range 120 {
		w.use("q", 2)
		w.pass(r, 1)
	}
	if got := values(r, 1, Sent, 0); len(got) != 120 || got[0] != 2 || got[119] != 2 {
		t.Errorf("sent in seconds: %v, want 120 times 2", got)
	}
	tens := values(r, 1, Sent, 1)
	if sum(tens) != 240 || tens[1] != 20 {
		t.Errorf("sent in ten seconds: %v, want 20 in each and 240 together", tens)
	}
	minutes := values(r, 1, Visible, 2)
	if minutes[len(minutes)-1] != 240 || minutes[0] >= minutes[1] {
		t.Errorf("visible in minutes: %v, want the greatest of each", minutes)
	}
	if got := values(r, 1, Oldest, 0); got[0] != -1 {
		t.Errorf("nothing waited, but the oldest is %v", got)
	}
}

func sum(list []float64) (total float64) {
	for _, v := range list {
		total += max(v, 0)
	}
	return total
}

// TestRingsAgainstModel compares rings with maps that forget nothing.
func TestRingsAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := ring{kept: 10}
		model, number := map[int64]point{}, int64(1000)
		for range rapid.IntRange(1, 80).Draw(rt, "samples") {
			number += rapid.SampledFrom([]int64{0, 1, 1, 1, 2, 5, 9, 10, 30}).Draw(rt, "gap")
			p := point{Visible: rapid.Int64Range(0, 9).Draw(rt, "visible"), Sent: 1, Oldest: missing}
			r.add(number, p)
			if old, ok := model[number]; ok {
				p[Visible], p[Sent] = max(p[Visible], old[Visible]), p[Sent]+old[Sent]
			}
			model[number] = p
			for n := number - 9; n <= number; n++ {
				got, _ := r.at(n)
				want, ok := model[n]
				if !ok {
					want = noPoint
				}
				if got != want {
					rt.Fatalf("step %d of %d: got %v, want %v", n, number, got, want)
				}
			}
			if _, ok := r.at(number + 1); ok || len(r.points) > 10 {
				rt.Fatalf("%d points are kept", len(r.points))
			}
		}
	})
}

func TestTheMostRecentlyActiveQueuesHaveAHistory(t *testing.T) {
	w := newWorld()
	r := New(Options{Source: w.source(), HistoryQueues: 2})
	w.use("old", 1)
	w.use("busy", 1)
	w.pass(r, 1)
	w.use("early", 1)
	w.use("busy", 1)
	w.pass(r, 1)
	if _, ok := r.History(w.queues["early"].ID, Sent, 0); ok {
		t.Error("a queue has lost its history although it was in use a second ago")
	}
	for range 61 {
		w.use("busy", 1)
		w.pass(r, 1)
	}
	w.use("late", 100)
	w.pass(r, 1)
	if _, ok := r.History(w.queues["old"].ID, Sent, 0); ok || len(r.history.series) != 2 {
		t.Error("the queue that was idle for a minute still has a history")
	}
	if got := values(r, w.queues["late"].ID, Sent, 0); len(got) != 1 || got[0] != 100 {
		t.Errorf("the new one shows %v, want 100", got)
	}
	for range 61 {
		w.use("busy", 1)
		w.pass(r, 1)
	}
	w.use("early", 3) // it has sent one before anybody kept its history
	w.pass(r, 1)
	if got := values(r, w.queues["early"].ID, Sent, 0); len(got) != 1 || got[0] != 3 {
		t.Errorf("the one that comes back shows %v, want the 3 of this second", got)
	}
	delete(w.queues, "early")
	w.pass(r, 1)
	if len(r.history.series) != 1 {
		t.Errorf("%d histories are kept, want that of busy alone: early is gone", len(r.history.series))
	}
}

func TestHistorySurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var file []byte
		options := Options{
			Source: w.source(),
			Load:   func() ([]byte, error) { return file, nil },
			Save:   func(data []byte) error { file = data; return nil },
		}
		r := New(options)
		for i := range 700 {
			s := w.use("q", 3)
			s.Waiting, s.OldestAge = i%2 == 0, time.Duration(i)*time.Millisecond
			w.pass(r, 1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.Run(ctx); close(ended) }()
		cancel()
		<-ended
		next := New(options)
		for m := range Metric(metrics) {
			for step := range steps {
				if got, want := values(next, 1, m, step), values(r, 1, m, step); !slices.Equal(got, want) {
					t.Errorf("%s by %s: got %v, want %v", metricNames[m], steps[step].name, got, want)
				}
			}
		}
		w.now = w.now.Add(30 * time.Second)
		w.queues["q"].Sent = 0 // as counters begin after a restart
		w.use("q", 4)
		w.pass(next, 1)
		seconds := values(next, 1, Sent, 0)
		if n := len(seconds); n != 600 || seconds[n-1] != 4 || seconds[n-2] != -1 || seconds[n-31] != -1 || seconds[n-32] != 3 {
			t.Errorf("after 30 seconds without a server: %v, want a gap of 30 and then 4", seconds[max(0, n-35):])
		}
	})
}

func TestADamagedHistoryIsPutAside(t *testing.T) {
	w := newWorld()
	r := New(Options{Source: w.source()})
	w.use("q", 3)
	w.pass(r, 5)
	whole := r.history.encode()
	if err := (&history{max: 9}).decode(whole); err != nil {
		t.Fatalf("the whole file: %v", err)
	}
	for _, row := range []struct {
		name string
		file []byte
	}{
		{"empty", []byte{}},
		{"cut", whole[:len(whole)-1]},
		{"a changed byte", append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1)},
		{"a later version", bytes.Replace(whole, []byte("history 1"), []byte("history 2"), 1)},
		{"something else", []byte("hello")},
	} {
		t.Run(row.name, func(t *testing.T) {
			aside := false
			got := New(Options{
				Source: w.source(), Load: func() ([]byte, error) { return row.file, nil },
				Discard: func() error { aside = true; return nil },
			})
			if !aside || len(got.history.series) != 0 {
				t.Errorf("put aside: %v, and %d histories were read; want true and none", aside, len(got.history.series))
			}
		})
	}
}

func FuzzHistoryFile(f *testing.F) {
	w := newWorld()
	r := New(Options{Source: w.source()})
	w.use("q", 3)
	w.pass(r, 5)
	f.Add(r.history.encode())
	f.Fuzz(func(t *testing.T, file []byte) {
		h := history{max: 9}
		if h.decode(file) == nil {
			again := history{max: 9}
			if err := again.decode(h.encode()); err != nil {
				t.Errorf("what was read cannot be read again: %v", err)
			}
		}
	})
}

func get(t *testing.T, r *Recorder, path string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, w.Body)
	}
	return w.Code, body
}

func TestAnswers(t *testing.T) {
	w := newWorld()
	w.use("orders", 3)
	w.use("invoices", 1)
	w.await = func(ctx context.Context, _ queue.ID) error { return nil }
	r := New(Options{Source: w.source()})
	w.pass(r, 12)
	for _, row := range []struct {
		name, path string
		status     int
		want       string // part of the answer as JSON
	}{
		{"one queue", "/orders", 200, `"name":"orders"`},
		{"all queues", "", 200, `"name":"invoices"`},
		{"those of a prefix", "?prefix=x", 200, `"queues":[]`},
		{"after a wait", "/orders?wait=20s", 200, `"visible":3`},
		{"a history", "/orders/history?metric=sent&step=1s", 200, `"step_seconds":1,"values":[3,0,`},
		{"a history by ten seconds", "/orders/history?metric=visible", 200, `"step_seconds":10,`},
		{"a name that is nearly right", "/ordrs", 404, `Did you mean \"orders\"?`},
		{"a name that is far off", "/xyz", 404, `/forebay/v1/queues lists`},
		{"the history of nobody", "/ordrs/history?metric=sent", 404, `Did you mean \"orders\"?`},
		{"an unknown metric", "/orders/history?metric=cost", 400, `one of visible, in_flight, oldest_seconds`},
		{"no metric", "/orders/history", 400, `metric is \"\"`},
		{"an unknown step", "/orders/history?metric=sent&step=5s", 400, `1s, 10s or 1m`},
		{"a wait without a unit", "/orders?wait=20", 400, `a time like 20s`},
		{"a wait that is too long", "/orders?wait=61s", 400, `60s`},
		{"a negative wait", "/orders?wait=-1s", 400, `60s`},
		{"a parameter that means nothing", "/orders?wiat=1s", 400, `no parameter \"wiat\"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, body := get(t, r, Path+row.path)
			text, _ := json.Marshal(body)
			if status != row.status || !strings.Contains(string(text), row.want) {
				t.Errorf("GET %s = %d %s, want %d with %s", row.path, status, text, row.status, row.want)
			}
		})
	}
	w.await = func(context.Context, queue.ID) error { return errors.New("a thousand wait") }
	if status, body := get(t, r, Path+"/orders?wait=1s"); status != 429 || body["code"] != "Throttled" {
		t.Errorf("a wait too many = %d %v, want 429", status, body)
	}
	w.await = func(ctx context.Context, _ queue.ID) error { delete(w.queues, "orders"); return nil }
	if status, _ := get(t, r, Path+"/orders?wait=1s"); status != 404 {
		t.Errorf("a queue that goes during the wait = %d, want 404", status)
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/forebay/v1/queues": true, "/forebay/v1/queues/orders": true, "/forebay/v1/queues/orders/history": true,
		"/forebay/v1/queues/": false, "/forebay/v1/queues/orders/messages": false, "/forebay/v1/queues/history/history": true, "/forebay/v1/queues/history": true,
		"/forebay/v1/queuesX": false, "/forebay/v1/queues//history": false, "/forebay/v1/queues/a/b/history": false,
	} {
		if got := Serves(path); got != want {
			t.Errorf("Serves(%q) = %v, want %v", path, got, want)
		}
	}
}
