package telemetry

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/forebay-mq/forebay/internal/queue"
)

// QueuesMaxDefault is how many queues get metrics of their own unless told otherwise.
const QueuesMaxDefault = 1000

// Source is where figures are read from whenever somebody asks for them. Every function must be safe for
// concurrent use.
type Source struct {
	Stats     func(max int) ([]queue.Stats, int) // each queue, and how many there are; max zero: all
	Rates     func(*queue.Stats) []Rate          // of a queue, given its figures; nil: none
	Totals    func() queue.Counters
	LongPolls func() int
	Ready     func() bool
	Store     func() Store
}

// Rate is how often something happens in a queue.
type Rate struct {
	Event     string // sent, received or deleted
	Window    string // of the moving average: 10s, 1m or 10m
	PerSecond float64
}

// Store is the state of the store at one moment.
type Store struct {
	WALBytes    int64         // of the log that a restart would replay
	DiskBytes   int64         // of the whole store
	FreeBytes   int64         // left on its disk
	WitnessLate bool          // the witness outside the data folder cannot be written
	Compactions int64         // since the start
	WriteStalls int64         // since the start
	Recovery    time.Duration // how long opening took
}

// Options say what the metrics are about.
type Options struct {
	Version, Revision string
	QueuesMax         int // queues with metrics of their own; negative: none; zero: QueuesMaxDefault
	Source            Source
}

// Metrics counts what happens. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	source   Source
	max      int

	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  *prometheus.GaugeVec
	bodyIn    *prometheus.CounterVec
	bodyOut   *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	throttled *prometheus.CounterVec
	pollWait  prometheus.Histogram

	seriesMu sync.RWMutex
	series   map[outcome]series

	commit      prometheus.Histogram
	sync        prometheus.Histogram
	batch       prometheus.Histogram
	storeErrors *prometheus.CounterVec
}

// latency are the buckets of times from a tenth of a millisecond to ten seconds.
var latency = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewMetrics registers all metrics on registry, with those of the process and the Go runtime.
func NewMetrics(registry *prometheus.Registry, opts Options) *Metrics {
	m := &Metrics{registry: registry, source: opts.Source, max: opts.QueuesMax}
	switch {
	case m.max == 0:
		m.max = QueuesMaxDefault
	case m.max < 0:
		m.max = 0
	}
	m.requests = counters(registry, "forebay_http_requests_total", "Requests answered. code is the error code, or ok.", "api", "operation", "code")
	m.duration = histograms(registry, "forebay_http_request_duration_seconds", "Time to answer, without the wait of long polls.", latency, "api", "operation")
	m.inFlight = gauges(registry, "forebay_http_requests_in_flight", "Requests being answered, waiting long polls included.", "api")
	m.bodyIn = counters(registry, "forebay_http_request_body_bytes_total", "Bytes of request bodies.", "api")
	m.bodyOut = counters(registry, "forebay_http_response_body_bytes_total", "Bytes of response bodies.", "api")
	m.refusals = counters(registry, "forebay_auth_failures_total", "Requests refused for who sent them.", "reason")
	m.throttled = counters(registry, "forebay_throttled_requests_total", "Requests refused because of a limit.", "api", "reason")
	m.pollWait = histogram(registry, "forebay_long_poll_wait_seconds", "How long receives that waited have waited.", []float64{.01, .1, .5, 1, 2.5, 5, 10, 15, 20})
	m.commit = histogram(registry, "forebay_store_commit_duration_seconds", "Time from handing over a batch until it is durable.", latency)
	m.sync = histogram(registry, "forebay_store_fsync_duration_seconds", "Time of one sync of the log.", latency)
	m.batch = histogram(registry, "forebay_store_batch_messages", "Changes that became durable with one sync.", prometheus.ExponentialBuckets(1, 2, 14))
	m.storeErrors = counters(registry, "forebay_store_errors_total", "Failures of the store.", "op")

	build := gauges(registry, "forebay_build_info", "Always 1; the labels say what is running.", "version", "revision", "go_version")
	build.WithLabelValues(opts.Version, opts.Revision, runtime.Version()).Set(1)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(&serverCollector{opts.Source}, &queueCollector{stats: opts.Source.Stats, rates: opts.Source.Rates, max: m.max})
	return m
}

func counters(r *prometheus.Registry, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func gauges(r *prometheus.Registry, name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.MustRegister(g)
	return g
}

func histograms(r *prometheus.Registry, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets, NativeHistogramBucketFactor: 1.1}, labels)
	r.MustRegister(h)
	return h
}

func histogram(r *prometheus.Registry, name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets, NativeHistogramBucketFactor: 1.1})
	r.MustRegister(h)
	return h
}

// Commit counts one group of batches that became durable: how long it took and how many changes it held.
func (m *Metrics) Commit(took time.Duration, changes int) {
	m.commit.Observe(took.Seconds())
	m.batch.Observe(float64(changes))
}

// Sync counts one sync of the log.
func (m *Metrics) Sync(took time.Duration) { m.sync.Observe(took.Seconds()) }

// StoreError counts a failure of the store while it did op: read, write or sync.
func (m *Metrics) StoreError(op string) { m.storeErrors.WithLabelValues(op).Inc() }

// Of returns a handler for a reader who may see the queues that may lets through, and nothing about the server. Nil lets
// through everything: then the handler is m.
func (m *Metrics) Of(may func(names []string) []bool) http.Handler {
	if may == nil {
		return m
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pattern := "*"
		if r.URL.Query().Has("queue") {
			pattern = r.URL.Query().Get("queue")
		}
		m.serveQueues(w, r, pattern, m.source.only(may))
	})
}

// only returns the source with the queues that may lets through; nil lets through all.
func (s Source) only(may func(names []string) []bool) Source {
	if may == nil {
		return s
	}
	all := s.Stats
	s.Stats = func(limit int) ([]queue.Stats, int) {
		stats, _ := all(0)
		names := make([]string, len(stats))
		for i := range stats {
			names[i] = stats[i].Name
		}
		var seen []queue.Stats
		for i, ok := range may(names) {
			if ok {
				seen = append(seen, stats[i])
			}
		}
		if count := len(seen); limit > 0 && count > limit {
			return seen[:limit], count
		}
		return seen, len(seen)
	}
	return s
}

// ServeHTTP answers with everything, or, asked with ?queue=NAME or ?queue=PREFIX*, with the metrics of those
// queues alone.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("queue") {
		promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
		return
	}
	m.serveQueues(w, r, r.URL.Query().Get("queue"), m.source)
}

// serveQueues answers with the metrics of the queues that a pattern names.
func (m *Metrics) serveQueues(w http.ResponseWriter, r *http.Request, pattern string, from Source) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&queueCollector{
		max:   m.max,
		rates: from.Rates,
		stats: func(int) ([]queue.Stats, int) {
			return matching(from.Stats, pattern)
		},
	})
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// matching returns the figures of the queues whose name is pattern, or begins with it up to a final asterisk.
func matching(stats func(int) ([]queue.Stats, int), pattern string) ([]queue.Stats, int) {
	prefix, many := strings.CutSuffix(pattern, "*")
	all, _ := stats(0)
	var found []queue.Stats
	for _, s := range all {
		if s.Name == pattern || many && strings.HasPrefix(s.Name, prefix) {
			found = append(found, s)
		}
	}
	return found, len(found)
}
