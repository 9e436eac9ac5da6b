package telemetry

import (
	"slices"
	"time"
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

// Answered counts a request that has been answered.
func (m *Metrics) Answered(r Request) {
	operation, code := r.Operation, r.Code
	if !slices.Contains(operations, operation) {
		operation = "other" // a label's values must not be for strangers to choose
	}
	if code == "" {
		code = "ok"
	}
	m.requests.WithLabelValues(r.API, operation, code).Inc()
	m.duration.WithLabelValues(r.API, operation).Observe((r.Duration - r.Waited).Seconds())
	m.bodyIn.WithLabelValues(r.API).Add(float64(r.BodyIn))
	m.bodyOut.WithLabelValues(r.API).Add(float64(r.BodyOut))
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
	"Peek", "PeekMessages", "metrics", "health", "backup", "queues",
}
