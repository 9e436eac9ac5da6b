package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/testkit"
)

const page = `{"name":"orders","messages":{"visible":3,"in_flight":2,"delayed":7},"oldest_seconds":1.5,"poison":{"messages":0,"oldest_seconds":null},
 "consumers":{"polling":4,"holding":2},"rates":{"sent":{"10s":9,"1m":0.5,"10m":1},"received":{},"deleted":{}},
 "totals":{"sent":0},"waited":{"count":0,"sum_seconds":0},"processed":{"count":10,"sum_seconds":55.5,"p50":5},
 "due":[{"within_seconds":1,"messages":0},{"within_seconds":10,"messages":2},{"within_seconds":60,"messages":7},{"within_seconds":900,"messages":7}],
 "time":"2026-11-21T12:00:00Z"}`

func TestForebaysOwnPageIsRead(t *testing.T) {
	var path string
	s := NewSource(nil, func(_ context.Context, p string) ([]byte, error) { path = p; return []byte(page), nil }, "orders", slog.New(slog.DiscardHandler))
	got, err := s.Demand(t.Context(), 2500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	want := Signals{Visible: 3, InFlight: 2, Delayed: 7, Oldest: 1500 * time.Millisecond, Told: true, Consumers: 6, Rate: 0.5,
		Processed: Sum{10, 55.5}, Due: []Due{{time.Second, 0}, {10 * time.Second, 2}, {time.Minute, 7}, {15 * time.Minute, 7}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	if u, err := url.Parse(path); err != nil || u.Path != "/forebay/v1/queues/orders" || u.Query().Get("wait") != "2.5s" {
		t.Errorf("asked %s", path)
	}
}

func TestAServerWithoutThatPageIsAskedForCounts(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		c := k.Client(testkit.JSON)
		queue := c.CreateQueue("orders", nil)
		c.Send(queue, "a")
		c.Send(queue, "b")
		c.Send(queue, "c", testkit.Map{"DelaySeconds": 60})
		c.ReceiveOne(queue)
		for _, tt := range []struct {
			name string
			ask  Asker
		}{
			{"it says that there is no such page", func(context.Context, string) ([]byte, error) { return nil, &smithy.GenericAPIError{Code: "NotFound"} }},
			{"it answers something else", func(context.Context, string) ([]byte, error) { return []byte("<html>"), nil }},
			{"it is not asked", nil},
		} {
			var log bytes.Buffer
			s := NewSource(k.SDK(), tt.ask, "orders", slog.New(slog.NewTextHandler(&log, nil)))
			for range 3 {
				got, err := s.Signals(t.Context())
				if diff := cmp.Diff(Signals{Visible: 1, InFlight: 1, Delayed: 1}, got); err != nil || diff != "" {
					t.Errorf("%s: %v, signals (-want +got):\n%s", tt.name, err, diff)
				}
				if _, err := s.Demand(t.Context(), time.Second); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%s: demand: %v", tt.name, err)
				}
			}
			if said := strings.Count(log.String(), "does not tell"); tt.ask != nil && said != 1 {
				t.Errorf("%s: said %d times, want once", tt.name, said)
			}
		}
		if _, err := k.SDK().DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &queue}); err != nil {
			t.Fatal(err)
		}
		if _, err := NewSource(k.SDK(), nil, "orders", slog.New(slog.DiscardHandler)).Signals(t.Context()); err == nil {
			t.Error("a queue that is not there has signals")
		}
	})
}

func TestARefusalIsNoMissingPage(t *testing.T) {
	for _, code := range []string{"QueueDoesNotExist", "AccessDenied", "ServiceUnavailable", "Throttling"} {
		s := NewSource(nil, func(context.Context, string) ([]byte, error) { return nil, &smithy.GenericAPIError{Code: code} }, "orders", slog.New(slog.DiscardHandler))
		if _, err := s.Signals(t.Context()); err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestTheWayFromTheSendToTheOrder measures what lies between a message that somebody waits for over HTTP and the start
// order. The figure is printed; e2e holds the bound.
func TestTheWayFromTheSendToTheOrder(t *testing.T) {
	send := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visible := 0
		if r.URL.Query().Get("wait") != "" {
			select {
			case <-send:
			case <-r.Context().Done():
				return
			}
		}
		select {
		case <-send:
			visible = 1
		default:
		}
		fmt.Fprintf(w, `{"messages":{"visible":%d}}`, visible)
	}))
	defer server.Close()
	ask := func(ctx context.Context, path string) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			return nil, err
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		var text bytes.Buffer
		_, err = text.ReadFrom(answer.Body)
		return text.Bytes(), err
	}
	ordered := make(chan time.Time, 10)
	settings := testSettings()
	settings.Every = time.Hour
	c, err := New(Options{Settings: settings, Sources: []Source{NewSource(nil, ask, "orders", slog.New(slog.DiscardHandler))}, Driver: noting{ordered}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, ctx) }()
	for { // until the first regular decision has found nothing
		if all, ok := c.Decisions(1); !ok || len(all) == 1 {
			break
		}
	}
	sent := time.Now()
	close(send)
	t.Logf("ordered %v after the send", (<-ordered).Sub(sent))
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// noting is a driver that notes when it was ordered to start.
type noting struct{ ordered chan time.Time }

func (n noting) Start(context.Context, Order) error  { n.ordered <- time.Now(); return nil }
func (noting) Drain(context.Context, []string) error { return errors.ErrUnsupported }
func (noting) Count(context.Context) (Count, error)  { return Count{}, errors.ErrUnsupported }
func (noting) Events() <-chan Event                  { return nil }
func (noting) Close(context.Context) error           { return nil }

func TestWhatIsLearnedOfAQueue(t *testing.T) {
	var e estimate
	e.learn(Signals{Told: true, Processed: Sum{100, 1000}}) // the past: nobody knows how old
	if got := e.service.Estimate(); got != 0 {
		t.Errorf("learned %s from nothing new", got)
	}
	e.learn(Signals{Told: true, Processed: Sum{110, 1020}})
	if got := e.service.Estimate(); got != 2*time.Second {
		t.Errorf("learned %s, want 2s", got)
	}
	e.learn(Signals{Told: true, Processed: Sum{5, 500}}) // the server began anew
	e.learn(Signals{})
	if got := e.service.Estimate(); got != 2*time.Second {
		t.Errorf("learned %s after a restart, want 2s still", got)
	}
	now := time.Now()
	q := merge(now, []Signals{{Visible: 3, Oldest: time.Second}, {Visible: 1, InFlight: 2, Oldest: time.Minute}}, []estimate{e, {}})
	if q.Visible != 4 || q.InFlight != 2 || q.OldestAge != time.Minute || q.Service != 1750*time.Millisecond {
		t.Errorf("merged %+v", q)
	}
	total, soon := 0, 0
	for _, a := range arrivals(now, []Due{{time.Second, 0}, {10 * time.Second, 20}, {time.Minute, 25}}) {
		total += a.Count
		if !a.At.After(now.Add(10 * time.Second)) {
			soon += a.Count
		}
	}
	if total != 25 || soon != 20 {
		t.Errorf("%d come due, %d of them within 10 s; want 25 and 20", total, soon)
	}
}

func TestACrewThatNobodySeesIsEstimated(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	crewOf := func(up, booting int) *crew {
		c := &crew{}
		for i := range up + booting {
			m := &member{id: fmt.Sprint(i), started: noon.Add(-time.Hour)}
			if i < up {
				m.ready = noon.Add(-30 * time.Minute)
			} else {
				m.started = noon.Add(-10 * time.Second)
			}
			c.members = append(c.members, m)
		}
		return c
	}
	base := seen{now: noon, consumers: -1, boot: time.Minute, idle: 15 * time.Second, slots: 1}
	with := func(change func(*seen)) seen { s := base; change(&s); return s }
	for _, tt := range []struct {
		name  string
		crew  *crew
		seen  seen
		want  tally
		boots int
	}{
		{"a count says that two are ready", crewOf(0, 3), with(func(s *seen) { s.count = &Count{Total: 3, Ready: 2} }), tally{Up: 2, Booting: 1}, 2},
		{"a count says that one has gone", crewOf(3, 1), with(func(s *seen) { s.count = &Count{Total: 3, Ready: 2} }), tally{Up: 2, Booting: 1}, 0},
		{"what was just ordered need not be counted yet", crewOf(0, 2), with(func(s *seen) { s.count = &Count{} }), tally{Booting: 2}, 0},
		{"consumers are workers that are up", crewOf(0, 2), with(func(s *seen) { s.consumers = 1 }), tally{Up: 1, Booting: 1}, 1},
		{"who is no consumer has left", crewOf(4, 1), with(func(s *seen) { s.consumers = 3 }), tally{Up: 3, Booting: 1}, 0},
		{"without anything a worker is up after the usual boot", crewOf(0, 2), with(func(s *seen) { s.now = noon.Add(time.Minute); s.work = 2 }), tally{Up: 2}, 0},
		{"with nothing to do they leave", crewOf(3, 0), base, tally{}, 0},
		{"with work for two, two stay", crewOf(3, 0), with(func(s *seen) { s.work = 2 }), tally{Up: 2}, 0},
		{"two slots do the work of two", crewOf(3, 0), with(func(s *seen) { s.work = 4; s.slots = 2 }), tally{Up: 2}, 0},
		{"who never came is given up", crewOf(0, 2), with(func(s *seen) { s.now = noon.Add(time.Hour); s.consumers = 0 }), tally{}, 0},
	} {
		ch := tt.crew.compare(tt.seen)
		if got := tt.crew.tally(); got != tt.want || len(ch.boots) != tt.boots {
			t.Errorf("%s: %+v with %d boots learned, want %+v with %d", tt.name, got, len(ch.boots), tt.want, tt.boots)
		}
	}
}

func TestHandler(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		h := Handler([]*Controller{r.Controller})
		for _, tt := range []struct {
			name, method, path, body, from, host string
			status                               int
			says                                 string
		}{
			{"all pools", "GET", "/forebay/v1/pools", "", "10.0.0.7:1", "pools", 200, `"name":"orders"`},
			{"one, for an autoscaler", "GET", "/forebay/v1/pools/orders", "", "10.0.0.7:1", "pools", 200, `"desired":0`},
			{"its decisions", "GET", "/forebay/v1/pools/orders/decisions?last=1", "", "10.0.0.7:1", "pools", 200, `"why":"0 visible`},
			{"too many decisions", "GET", "/forebay/v1/pools/orders/decisions?last=0", "", "10.0.0.7:1", "pools", 400, "not between"},
			{"one that is not there", "GET", "/forebay/v1/pools/other", "", "10.0.0.7:1", "pools", 404, "no pool named"},
			{"a change from here", "POST", "/forebay/v1/pools/orders", `{"max":7}`, "127.0.0.1:1", "localhost:4580", 200, `"max":7`},
			{"a change from elsewhere", "POST", "/forebay/v1/pools/orders", `{"max":8}`, "10.0.0.7:1", "localhost", 403, "alone"},
			{"a change through a name that points here", "POST", "/forebay/v1/pools/orders", `{"max":8}`, "127.0.0.1:1", "evil.example", 403, "alone"},
			{"an unknown setting", "POST", "/forebay/v1/pools/orders", `{"maxx":8}`, "127.0.0.1:1", "127.0.0.1", 400, "maxx"},
			{"a bad value changes nothing", "POST", "/forebay/v1/pools/orders", `{"max":0,"min":0}`, "127.0.0.1:1", "[::1]:80", 400, "max: 0 is not between"},
			{"so it is still", "GET", "/forebay/v1/pools/orders", "", "10.0.0.7:1", "pools", 200, `"max":7`},
		} {
			req := httptest.NewRequest(tt.method, "http://"+tt.host+tt.path, strings.NewReader(tt.body))
			req.RemoteAddr = tt.from
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%s: %d %s, want %d with %q", tt.name, w.Code, w.Body, tt.status, tt.says)
			}
		}
	})
}
