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
	if reason, ok := refusals[code]; ok {
		m.refusals.WithLabelValues(reason).Inc()
	}
	if slices.Contains(limits, code) {
		m.throttled.WithLabelValues(r.API, code).Inc()
	}
}

// refusals are the error codes about who sent a request, and what to call the reason.
var refusals = map[string]string{
	"AccessDenied":                "denied",
	"AccessDeniedException":       "denied",
	"ExpiredToken":                "expired",
	"IncompleteSignature":         "bad_signature",
	"InvalidClientTokenId":        "unknown_key",
	"InvalidSecurity":             "bad_signature",
	"InvalidSignatureException":   "bad_signature",
	"MissingAuthenticationToken":  "unknown_key",
	"RequestExpired":              "skew",
	"RequestTimeTooSkewed":        "skew",
	"SignatureDoesNotMatch":       "bad_signature",
	"UnrecognizedClientException": "unknown_key",
}

// limits are the error codes that say no for the amount of something.
var limits = []string{"OverLimit", "RequestThrottled", "ServiceUnavailable", "Throttling", "ThrottlingException"}

// operations are the actions of the SQS API, and our extras.
var operations = []string{
	"AddPermission", "CancelMessageMoveTask", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
	"CreateQueue", "DeleteMessage", "DeleteMessageBatch", "DeleteQueue", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "ListMessageMoveTasks", "ListQueues", "ListQueueTags", "PurgeQueue",
	"ReceiveMessage", "RemovePermission", "SendMessage", "SendMessageBatch", "SetQueueAttributes",
	"StartMessageMoveTask", "TagQueue", "UntagQueue",
	"Peek", "PeekMessages", "metrics", "health", "backup",
}
