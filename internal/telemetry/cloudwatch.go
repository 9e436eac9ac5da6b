package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/forebay-mq/forebay/internal/queue"
)

// cloudWatch are the figures of queues under the names that exporters give those of Amazon CloudWatch, so that
// dashboards made for Amazon SQS fit.
var cloudWatch = []family[queue.Stats]{
	cloudWatchOf("approximate_number_of_messages_visible_average", func(s queue.Stats) float64 { return float64(s.Visible) }),
	cloudWatchOf("approximate_number_of_messages_not_visible_average", func(s queue.Stats) float64 { return float64(s.InFlight) }),
	cloudWatchOf("approximate_number_of_messages_delayed_average", func(s queue.Stats) float64 { return float64(s.Delayed) }),
	cloudWatchOf("approximate_age_of_oldest_message_maximum", func(s queue.Stats) float64 { return s.OldestAge.Seconds() }),
}

// cloudWatchSums are, by event, what CloudWatch shows as a sum for each minute: here sixty times the moving average
// of a minute.
var cloudWatchSums = map[string]family[float64]{
	"sent":     gaugeOf("aws_sqs_number_of_messages_sent_sum", cloudWatchHelp, perMinute, "queue_name"),
	"received": gaugeOf("aws_sqs_number_of_messages_received_sum", cloudWatchHelp, perMinute, "queue_name"),
	"deleted":  gaugeOf("aws_sqs_number_of_messages_deleted_sum", cloudWatchHelp, perMinute, "queue_name"),
}

const cloudWatchHelp = "As in docs/signals.md."

func perMinute(perSecond float64) float64 { return 60 * perSecond }

func cloudWatchOf(name string, value func(queue.Stats) float64) family[queue.Stats] {
	return gaugeOf("aws_sqs_"+name, cloudWatchHelp, value, "queue_name")
}

// cloudWatchCollector reads the figures of at most max queues.
type cloudWatchCollector struct {
	from Source
	max  int
}

// Describe implements prometheus.Collector.
func (c *cloudWatchCollector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range cloudWatch {
		out <- f.desc
	}
	for _, f := range cloudWatchSums {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *cloudWatchCollector) Collect(out chan<- prometheus.Metric) {
	if c.max == 0 {
		return // zero means all to the source
	}
	all, _ := c.from.Stats(c.max)
	for _, s := range all {
		for _, f := range cloudWatch {
			f.send(out, s, s.Name)
		}
		if c.from.Rates == nil {
			continue
		}
		for _, r := range c.from.Rates(&s) {
			if f, ok := cloudWatchSums[r.Event]; ok && r.Window == "1m" {
				f.send(out, r.PerSecond, s.Name)
			}
		}
	}
}

// CloudWatch answers with the figures of queues under the names of Amazon CloudWatch, of those that may lets through.
// Nil lets through all.
func (m *Metrics) CloudWatch(may func(names []string) []bool) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&cloudWatchCollector{m.source.only(may), m.max})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
