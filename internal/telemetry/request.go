package telemetry

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The APIs that requests are counted for.
const (
	APIQueue = "sqs"   // the SQS API and its extras
	APIAdmin = "admin" // metrics, health and backups
)

// Request is one answered request.
type Request struct {
	API       string
	Operation string // of the SQS API; anything else is counted as "other"
	Code      string // error code of the SQS API; empty: success
	Duration  time.Duration
	Waited    time.Duration // the part of Duration that a long poll waited
	BodyIn    int64         // bytes
	BodyOut   int64         // bytes
}

// Begin counts a request as being answered until the returned function is called.
func (m *Metrics) Begin(api string) (end func()) {
	gauge := m.inFlight.WithLabelValues(api)
	gauge.Inc()
	return gauge.Dec
}

// outcome is what requests are counted by.
type outcome struct{ api, operation, code string }

// series are the metrics of the requests with one outcome.
type series struct {
	requests, bodyIn, bodyOut prometheus.Counter
	duration                  prometheus.Observer
}

// seriesOf returns the metrics of an outcome. They are looked up by their labels once, which costs more than to
// count; there are as many as operations and error codes allow.
func (m *Metrics) seriesOf(o outcome) series {
	m.seriesMu.RLock()
	s, known := m.series[o]
	m.seriesMu.RUnlock()
	if known {
		return s
	}
	s = series{
		requests: m.requests.WithLabelValues(o.api, o.operation, o.code),
		duration: m.duration.WithLabelValues(o.api, o.operation),
		bodyIn:   m.bodyIn.WithLabelValues(o.api),
		bodyOut:  m.bodyOut.WithLabelValues(o.api),
	}
	m.seriesMu.Lock()
	defer m.seriesMu.Unlock()
	if m.series == nil {
		m.series = make(map[outcome]series)
	}
	m.series[o] = s
	return s
}

// Answered counts a request that has been answered.
func (m *Metrics) Answered(r Request) {
	operation, code := r.Operation, r.Code
	if !slices.Contains(operations, operation) {
		operation = "other" // a label's values must not be for strangers to choose
	}
	if code == "" {
		code = "ok"
	}
	s := m.seriesOf(outcome{r.API, operation, code})
	s.requests.Inc()
	s.duration.Observe((r.Duration - r.Waited).Seconds())
	s.bodyIn.Add(float64(r.BodyIn))
	s.bodyOut.Add(float64(r.BodyOut))
	if r.Waited > 0 {
		m.pollWait.Observe(r.Waited.Seconds())
	}
	if code == "AccessDenied" {
		m.AuthFailure("denied")
	}
	if slices.Contains(limits, code) {
		m.throttled.WithLabelValues(r.API, code).Inc()
	}
}

// AuthFailure counts a request that was refused for who sent it. Requests that are denied what they ask for are
// counted by Answered.
func (m *Metrics) AuthFailure(reason string) { m.refusals.WithLabelValues(reason).Inc() }

// limits are the error codes that say no for the amount of something.
var limits = []string{"OverLimit", "RequestThrottled", "ServiceUnavailable", "Throttling", "ThrottlingException"}

// operations are the actions of the SQS API, and our extras.
var operations = []string{
	"AddPermission", "CancelMessageMoveTask", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
	"CreateQueue", "DeleteMessage", "DeleteMessageBatch", "DeleteQueue", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "ListMessageMoveTasks", "ListQueues", "ListQueueTags", "PurgeQueue",
	"ReceiveMessage", "RemovePermission", "SendMessage", "SendMessageBatch", "SetQueueAttributes",
	"StartMessageMoveTask", "TagQueue", "UntagQueue",
	"Peek", "PeekMessages", "metrics", "health", "backup", "queues", "keys",
}
