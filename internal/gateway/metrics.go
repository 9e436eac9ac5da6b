package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What becomes of messages in the reply queue.
const (
	replyDirect  = "direct"  // written to a waiting client
	replyStored  = "stored"  // put into the reply store
	replyTwice   = "twice"   // a second answer, dropped
	replyLate    = "late"    // after another answer, or after the token's time, dropped
	replyForged  = "forged"  // not signed by us or our backends, dropped
	replyGarbage = "garbage" // no reply and nobody's, dropped
	replyFull    = "full"    // left in the queue, since the store has no room
)

// metrics counts what happens. Routes are few and named by whoever runs the gateway, so they may be labels.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	queueWait *prometheus.HistogramVec
	inFlight  *prometheus.GaugeVec
	timeouts  prometheus.Counter
	vanished  prometheus.Counter
	replies   *prometheus.CounterVec
}

// waits are the buckets of times from a millisecond to an hour.
var waits = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}

func newMetrics(registry prometheus.Registerer, g *Gateway) *metrics {
	route := []string{"route"}
	m := &metrics{
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "forebay_gateway_requests_total", Help: "Requests answered, by status."}, []string{"route", "code"}),
		duration:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "forebay_gateway_request_duration_seconds", Help: "Time to answer a request, waiting included.", Buckets: waits}, route),
		queueWait: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "forebay_gateway_queue_wait_seconds", Help: "Time from sending a request until its answer began.", Buckets: waits}, route),
		inFlight:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "forebay_gateway_in_flight", Help: "Requests being answered."}, route),
		timeouts:  prometheus.NewCounter(prometheus.CounterOpts{Name: "forebay_gateway_timeouts_total", Help: "Waits that ended with 202 and a token."}),
		vanished:  prometheus.NewCounter(prometheus.CounterOpts{Name: "forebay_gateway_clients_gone_total", Help: "Clients that left while they waited."}),
		replies:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "forebay_gateway_replies_total", Help: "Messages in the reply queue, by what became of them."}, []string{"result"}),
	}
	stored := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "forebay_gateway_store_bytes", Help: "Replies in the reply store."},
		func() float64 { return float64(g.store.bytes.Load()) })
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "forebay_gateway_ready", Help: "1 when requests can be accepted."}, func() float64 {
		if g.own != nil && g.Ready() {
			return 1
		}
		return 0
	})
	gaps := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "forebay_gateway_access_log_dropped_total", Help: "Lines that the access log had no room for.",
	}, func() float64 {
		if g.access == nil {
			return 0
		}
		return float64(g.access.dropped.Load())
	})
	registry.MustRegister(gaps)
	registry.MustRegister(m.requests, m.duration, m.queueWait, m.inFlight, m.timeouts, m.vanished, m.replies, stored, ready)
	return m
}

// begin counts a request as being answered until the returned function is called.
func (m *metrics) begin(route string, w *countingWriter) (end func()) {
	began := time.Now()
	gauge := m.inFlight.WithLabelValues(route)
	gauge.Inc()
	return func() {
		gauge.Dec()
		code := "none" // the client left first
		if w.status != 0 {
			code = strconv.Itoa(w.status)
		}
		m.requests.WithLabelValues(route, code).Inc()
		m.duration.WithLabelValues(route).Observe(time.Since(began).Seconds())
	}
}

func (m *metrics) wait(route string, took time.Duration) {
	m.queueWait.WithLabelValues(route).Observe(took.Seconds())
}
func (m *metrics) reply(result string) { m.replies.WithLabelValues(result).Inc() }
func (m *metrics) pending()            { m.timeouts.Inc() }
func (m *metrics) left()               { m.vanished.Inc() }

// countingWriter notes the status of an answer.
type countingWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *countingWriter) WriteHeader(status int) {
	if status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
