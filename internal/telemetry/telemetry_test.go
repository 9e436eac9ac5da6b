package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forebay-mq/forebay/internal/queue"
)

// published are the names that users build dashboards and alerts on. Taking one away breaks them.
var published = []string{
	"forebay_auth_failures_total",
	"forebay_build_info",
	"forebay_http_request_body_bytes_total",
	"forebay_http_request_duration_seconds",
	"forebay_http_requests_in_flight",
	"forebay_http_requests_total",
	"forebay_http_response_body_bytes_total",
	"forebay_long_poll_wait_seconds",
	"forebay_long_polls",
	"forebay_messages_dead_lettered_total",
	"forebay_messages_deduplicated_total",
	"forebay_messages_deleted_total",
	"forebay_messages_expired_total",
	"forebay_messages_received_total",
	"forebay_messages_redelivered_total",
	"forebay_messages_sent_total",
	"forebay_metrics_queues_omitted",
	"forebay_queue_bytes",
	"forebay_queue_dead_lettered_messages_total",
	"forebay_queue_dead_letters_withheld_total",
	"forebay_queue_deduplicated_messages_total",
	"forebay_queue_deleted_messages_total",
	"forebay_queue_empty_receives_total",
	"forebay_queue_expired_messages_total",
	"forebay_queue_fifo_blocked_groups",
	"forebay_queue_holding_consumers",
	"forebay_queue_messages",
	"forebay_queue_oldest_message_age_seconds",
	"forebay_queue_poison_messages",
	"forebay_queue_poison_oldest_age_seconds",
	"forebay_queue_polling_consumers",
	"forebay_queue_rate",
	"forebay_queue_received_messages_total",
	"forebay_queue_redelivered_messages_total",
	"forebay_queue_sent_messages_total",
	"forebay_queue_service_seconds",
	"forebay_queue_visibility_timeouts_total",
	"forebay_queue_wait_seconds",
	"forebay_queues",
	"forebay_ready",
	"forebay_receives_empty_total",
	"forebay_store_batch_messages",
	"forebay_store_commit_duration_seconds",
	"forebay_store_compactions_total",
	"forebay_store_disk_bytes",
	"forebay_store_disk_free_bytes",
	"forebay_store_errors_total",
	"forebay_store_fsync_duration_seconds",
	"forebay_store_recovery_seconds",
	"forebay_store_wal_bytes",
	"forebay_store_witness_late",
	"forebay_store_write_stalls_total",
	"forebay_throttled_requests_total",
}

// queuesNamed returns a source with these queues.
func queuesNamed(names ...string) Source {
	return Source{
		Stats: func(max int) ([]queue.Stats, int) {
			var stats []queue.Stats
			for i, name := range names {
				if max > 0 && i == max {
					break
				}
				s := queue.Stats{Name: name, FIFO: strings.HasSuffix(name, ".fifo"), Visible: 3, OldestAge: 90 * time.Second}
				s.Sent = 5
				stats = append(stats, s)
			}
			return stats, len(names)
		},
		Rates:     func(*queue.Stats) []Rate { return []Rate{{"sent", "10s", .5}} },
		Totals:    func() queue.Counters { return queue.Counters{Sent: 12} },
		LongPolls: func() int { return 2 },
		Ready:     func() bool { return true },
		Store:     func() Store { return Store{WALBytes: 4096, Recovery: 1500 * time.Millisecond} },
	}
}

func scrape(m *Metrics, query string) string {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics"+query, nil))
	return w.Body.String()
}

func TestEveryPublishedNameIsThere(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry, Options{Version: "0.1.0", Source: queuesNamed("orders")})
	defer m.Begin(APIQueue)()
	m.Answered(Request{API: APIQueue, Operation: "ReceiveMessage", Waited: time.Second, Duration: time.Second})
	m.Answered(Request{API: APIQueue, Operation: "SendMessage", Code: "AccessDenied"})
	m.Answered(Request{API: APIQueue, Operation: "SendMessage", Code: "OverLimit"})
	m.Commit(time.Millisecond, 3)
	m.Sync(time.Millisecond)
	m.StoreError("sync")

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "forebay_") {
			got = append(got, f.GetName())
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(published, got); diff != "" {
		t.Errorf("names of metrics (-want +got):\n%s", diff)
	}
}

func TestFigures(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry(), Options{Version: "0.1.0", Revision: "abc", Source: queuesNamed("a", "b.fifo")})
	m.Answered(Request{API: APIQueue, Operation: "SendMessage", BodyIn: 10, BodyOut: 20})
	m.Answered(Request{API: APIQueue, Operation: "ReceiveMessage", Code: "AccessDenied"})
	m.Answered(Request{API: APIQueue, Operation: "<script>", Code: "InvalidAction"})
	text := scrape(m, "")
	for _, want := range []string{
		`forebay_messages_sent_total 12`,
		`forebay_long_polls 2`,
		`forebay_ready 1`,
		`forebay_queues{type="fifo"} 1`,
		`forebay_queues{type="standard"} 1`,
		`forebay_queue_messages{queue="a",state="visible"} 3`,
		`forebay_queue_sent_messages_total{queue="b.fifo"} 5`,
		`forebay_queue_oldest_message_age_seconds{queue="a"} 90`,
		`forebay_store_recovery_seconds 1.5`,
		`forebay_http_requests_total{api="sqs",code="ok",operation="SendMessage"} 1`,
		`forebay_http_requests_total{api="sqs",code="InvalidAction",operation="other"} 1`,
		`forebay_http_request_body_bytes_total{api="sqs"} 10`,
		`forebay_auth_failures_total{reason="denied"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %q in:\n%s", want, text)
		}
	}
}

func TestQueuesBeyondTheCapAreCountedNotNamed(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("q%02d", i))
	}
	for _, tt := range []struct {
		name, query    string
		max            int
		shown, omitted int
	}{
		{"a cap names the first queues", "", 10, 10, 2},
		{"a negative cap names none", "", -1, 0, 12},
		{"no cap given is a thousand", "", 0, 12, 0},
		{"a queue asked for by name is shown alone", "?queue=q11", 10, 1, 0},
		{"queues asked for by prefix are shown", "?queue=q0*", 10, 10, 0},
		{"the cap holds for a prefix too", "?queue=q*", 10, 10, 2},
		{"nothing matches nothing", "?queue=", 10, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMetrics(prometheus.NewRegistry(), Options{QueuesMax: tt.max, Source: queuesNamed(names...)})
			text := scrape(m, tt.query)
			if got := strings.Count(text, "forebay_queue_bytes{"); got != tt.shown {
				t.Errorf("%d queues shown, want %d", got, tt.shown)
			}
			if want := fmt.Sprintf("forebay_metrics_queues_omitted %d\n", tt.omitted); !strings.Contains(text, want) {
				t.Errorf("no line %q in:\n%s", want, text)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	checks := func(ok bool) []Check {
		return []Check{{"store", func() bool { return true }}, {"disk", func() bool { return ok }}}
	}
	for _, tt := range []struct {
		name, query string
		ok          bool
		status      int
		body        string
	}{
		{"all well", "", true, 200, "ok\n"},
		{"one check fails", "", false, 503, "fail\n"},
		{"the checks are listed on request", "?verbose", false, 503, "store ok\ndisk fail\nfail\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			ReadyHandler(checks(tt.ok)).ServeHTTP(w, httptest.NewRequest("GET", "/readyz"+tt.query, nil))
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("GET /readyz%s = %d %q, want %d %q", tt.query, w.Code, w.Body, tt.status, tt.body)
			}
		})
	}
}

func TestLogFormat(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts LogOptions
		want string // begin of a line
	}{
		{"JSON where nobody looks", LogOptions{}, `{"time":`},
		{"text on a terminal", LogOptions{Terminal: true}, "time="},
		{"JSON when asked for", LogOptions{Terminal: true, Format: "json"}, `{"time":`},
		{"text when asked for", LogOptions{Format: "text"}, "time="},
		{"nothing below the level", LogOptions{Level: slog.LevelWarn}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			NewLogger(&out, tt.opts).Info("started")
			if !strings.HasPrefix(out.String(), tt.want) || (tt.want == "") != (out.Len() == 0) {
				t.Errorf("NewLogger(%+v) wrote %q, want it to begin with %q", tt.opts, &out, tt.want)
			}
		})
	}
}
