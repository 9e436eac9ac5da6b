package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forebay-mq/forebay/internal/queue"
)

// family is one metric that is read rather than counted here.
type family[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
}

func gaugeOf[T any](name, help string, value func(T) float64, labels ...string) family[T] {
	return family[T]{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value}
}

func counterOf[T any](name, help string, value func(T) float64, labels ...string) family[T] {
	return family[T]{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue, value}
}

func (f family[T]) send(out chan<- prometheus.Metric, from T, labels ...string) {
	out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(from), labels...)
}

// The metrics of the whole server. Counters never go backwards: deleted queues stay in the totals.
var (
	totals = []family[queue.Counters]{
		counterOf("forebay_messages_sent_total", "Messages accepted.", func(c queue.Counters) float64 { return float64(c.Sent) }),
		counterOf("forebay_messages_received_total", "Messages handed to consumers.", func(c queue.Counters) float64 { return float64(c.Received) }),
		counterOf("forebay_messages_deleted_total", "Messages deleted by consumers.", func(c queue.Counters) float64 { return float64(c.Deleted) }),
		counterOf("forebay_messages_redelivered_total", "Messages handed out once more.", func(c queue.Counters) float64 { return float64(c.Redelivered) }),
		counterOf("forebay_messages_expired_total", "Messages that reached the end of their retention.", func(c queue.Counters) float64 { return float64(c.Expired) }),
		counterOf("forebay_messages_dead_lettered_total", "Messages moved to a dead-letter queue.", func(c queue.Counters) float64 { return float64(c.DeadLettered) }),
		counterOf("forebay_messages_deduplicated_total", "Messages recognised as sent before.", func(c queue.Counters) float64 { return float64(c.Deduplicated) }),
		counterOf("forebay_receives_empty_total", "Receives that ended without a message.", func(c queue.Counters) float64 { return float64(c.EmptyReceives) }),
	}
	storeFigures = []family[Store]{
		gaugeOf("forebay_store_wal_bytes", "Bytes of the log that a restart would replay.", func(s Store) float64 { return float64(s.WALBytes) }),
		gaugeOf("forebay_store_disk_bytes", "Bytes of the whole store.", func(s Store) float64 { return float64(s.DiskBytes) }),
		gaugeOf("forebay_store_witness_late", "1 while the witness outside the data folder cannot be written.",
			func(s Store) float64 { return one(s.WitnessLate) }),
		gaugeOf("forebay_store_disk_free_bytes", "Bytes left on the store's disk.", func(s Store) float64 { return float64(s.FreeBytes) }),
		counterOf("forebay_store_compactions_total", "Compactions.", func(s Store) float64 { return float64(s.Compactions) }),
		counterOf("forebay_store_write_stalls_total", "Times that writes waited for compactions.", func(s Store) float64 { return float64(s.WriteStalls) }),
		gaugeOf("forebay_store_recovery_seconds", "How long opening the store took.", func(s Store) float64 { return s.Recovery.Seconds() }),
	}
	ready     = gaugeOf("forebay_ready", "1 while the server takes work.", func(ok bool) float64 { return one(ok) })
	longPolls = gaugeOf("forebay_long_polls", "Receives that are waiting now.", func(n int) float64 { return float64(n) })
)

func one(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// serverCollector reads the figures of the whole server.
type serverCollector struct{ from Source }

// Describe implements prometheus.Collector.
func (c *serverCollector) Describe(out chan<- *prometheus.Desc) {
	out <- ready.desc
	out <- longPolls.desc
	for _, f := range totals {
		out <- f.desc
	}
	for _, f := range storeFigures {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *serverCollector) Collect(out chan<- prometheus.Metric) {
	ready.send(out, c.from.Ready())
	longPolls.send(out, c.from.LongPolls())
	counters := c.from.Totals()
	for _, f := range totals {
		f.send(out, counters)
	}
	store := c.from.Store()
	for _, f := range storeFigures {
		f.send(out, store)
	}
}

// The metrics of each queue.
var (
	messages = prometheus.NewDesc("forebay_queue_messages", "Messages in a queue, by state.", []string{"queue", "state"}, nil)
	omitted  = prometheus.NewDesc("forebay_metrics_queues_omitted", "Queues without metrics of their own, because of the cap.", nil, nil)
	queues   = prometheus.NewDesc("forebay_queues", "Queues, by type.", []string{"type"}, nil)

	perQueue = []family[queue.Stats]{
		gaugeOf("forebay_queue_oldest_message_age_seconds", "How long the visible message that waits longest has waited, those received three times or more aside; 0 when none.", func(s queue.Stats) float64 { return s.OldestAge.Seconds() }, "queue"),
		gaugeOf("forebay_queue_poison_messages", "Messages received three times or more.", func(s queue.Stats) float64 { return float64(s.Poison) }, "queue"),
		gaugeOf("forebay_queue_poison_oldest_age_seconds", "Age of the oldest message received three times or more; 0 when none.", func(s queue.Stats) float64 { return s.PoisonAge.Seconds() }, "queue"),
		gaugeOf("forebay_queue_polling_consumers", "Long polls that are waiting now.", func(s queue.Stats) float64 { return float64(s.Waiters) }, "queue"),
		gaugeOf("forebay_queue_holding_consumers", "Consumers that gave their name and have messages in flight.", func(s queue.Stats) float64 { return float64(s.Holding) }, "queue"),
		gaugeOf("forebay_queue_bytes", "Size of all messages of a queue, as SQS counts it.", func(s queue.Stats) float64 { return float64(s.Bytes) }, "queue"),
		gaugeOf("forebay_queue_fifo_blocked_groups", "FIFO groups that wait for a message in flight.", func(s queue.Stats) float64 { return float64(s.Blocked) }, "queue"),
		counterOf("forebay_queue_sent_messages_total", "Messages accepted.", func(s queue.Stats) float64 { return float64(s.Sent) }, "queue"),
		counterOf("forebay_queue_received_messages_total", "Messages handed to consumers.", func(s queue.Stats) float64 { return float64(s.Received) }, "queue"),
		counterOf("forebay_queue_deleted_messages_total", "Messages deleted by consumers.", func(s queue.Stats) float64 { return float64(s.Deleted) }, "queue"),
		counterOf("forebay_queue_redelivered_messages_total", "Messages handed out once more.", func(s queue.Stats) float64 { return float64(s.Redelivered) }, "queue"),
		counterOf("forebay_queue_expired_messages_total", "Messages that reached the end of their retention.", func(s queue.Stats) float64 { return float64(s.Expired) }, "queue"),
		counterOf("forebay_queue_dead_lettered_messages_total", "Messages moved to the dead-letter queue.", func(s queue.Stats) float64 { return float64(s.DeadLettered) }, "queue"),
		counterOf("forebay_queue_dead_letters_withheld_total", "Receives of messages that were not moved to the dead-letter queue because who set that up may not send there.", func(s queue.Stats) float64 { return float64(s.Withheld) }, "queue"),
		counterOf("forebay_queue_deduplicated_messages_total", "Messages recognised as sent before.", func(s queue.Stats) float64 { return float64(s.Deduplicated) }, "queue"),
		counterOf("forebay_queue_empty_receives_total", "Receives that ended without a message.", func(s queue.Stats) float64 { return float64(s.EmptyReceives) }, "queue"),
		counterOf("forebay_queue_visibility_timeouts_total", "Messages whose visibility timeout ended before they were deleted.", func(s queue.Stats) float64 { return float64(s.Timeouts) }, "queue"),
	}
)

// The histograms of each queue.
var (
	waitSeconds    = prometheus.NewDesc("forebay_queue_wait_seconds", "Time from when a message was sent or came due to its first receive.", []string{"queue"}, nil)
	serviceSeconds = prometheus.NewDesc("forebay_queue_service_seconds", "Time from a receive to the deletion.", []string{"queue"}, nil)
	rate           = prometheus.NewDesc("forebay_queue_rate", "Messages a second, moving average over the window.", []string{"queue", "event", "window"}, nil)
)

// queueCollector reads the figures of each queue, of at most max of them.
type queueCollector struct {
	stats func(max int) ([]queue.Stats, int)
	rates func(*queue.Stats) []Rate // nil: none
	max   int
}

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(out chan<- *prometheus.Desc) {
	out <- messages
	out <- omitted
	out <- queues
	out <- waitSeconds
	out <- serviceSeconds
	out <- rate
	for _, f := range perQueue {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector. Queues are counted by type beyond the cap too, since asking for all
// figures costs little next to formatting them.
func (c *queueCollector) Collect(out chan<- prometheus.Metric) {
	all, count := c.stats(0)
	shown := all[:min(len(all), c.max)]
	fifo := 0
	for _, s := range all {
		if s.FIFO {
			fifo++
		}
	}
	out <- prometheus.MustNewConstMetric(queues, prometheus.GaugeValue, float64(fifo), "fifo")
	out <- prometheus.MustNewConstMetric(queues, prometheus.GaugeValue, float64(count-fifo), "standard")
	out <- prometheus.MustNewConstMetric(omitted, prometheus.GaugeValue, float64(count-len(shown)))
	for _, s := range shown {
		out <- prometheus.MustNewConstMetric(messages, prometheus.GaugeValue, float64(s.Visible), s.Name, "visible")
		out <- prometheus.MustNewConstMetric(messages, prometheus.GaugeValue, float64(s.InFlight), s.Name, "inflight")
		out <- prometheus.MustNewConstMetric(messages, prometheus.GaugeValue, float64(s.Delayed), s.Name, "delayed")
		for _, f := range perQueue {
			f.send(out, s, s.Name)
		}
		out <- &histogramMetric{waitSeconds, s.Name, &s.Waited}
		out <- &histogramMetric{serviceSeconds, s.Name, &s.Processed}
		if c.rates == nil {
			continue
		}
		for _, r := range c.rates(&s) {
			out <- prometheus.MustNewConstMetric(rate, prometheus.GaugeValue, r.PerSecond, s.Name, r.Event, r.Window)
		}
	}
}
