package server

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/signals"
	"github.com/forebay-mq/forebay/internal/sqs"
	"github.com/forebay-mq/forebay/internal/telemetry"
)

// route is one path that does not belong to the SQS API.
type route struct {
	operation string // for metrics
	handler   http.Handler
}

// The page of metrics costs much more than a stranger who asks for it: so many are made at once, and others wait.
const (
	metricsAtOnce   = 2
	metricsPatience = 5 * time.Second
)

// routes returns the handler of everything. The SQS API answers on any path but these few, since three SDKs
// post to the path of the queue. There is no ServeMux because it would redirect odd paths instead of leaving
// them to the API.
func (s *Server) routes() http.Handler {
	ready := telemetry.ReadyHandler(s.checks())
	live := telemetry.LiveHandler()
	limit := httpserve.AtMost(metricsAtOnce, metricsPatience)
	metrics := s.figures(func(may mayFunc) http.Handler { return limit(s.metrics.Of(may)) })
	routes := map[string]route{
		"GET /livez":              {"health", live},
		"GET /readyz":             {"health", ready},
		"GET /healthz":            {"health", ready},
		"GET /health":             {"health", ready},
		"GET /_localstack/health": {"health", http.HandlerFunc(s.compatHealth)},
		"GET /metrics":            {"metrics", metrics},
		"GET /metrics/cloudwatch": {"metrics", s.figures(s.cloudWatch)},
		"POST /forebay/v1/backup": {"backup", http.HandlerFunc(s.backup)},
	}
	queues := route{"queues", s.figures(s.signals.Of)}
	keys := route{"keys", http.HandlerFunc(s.manageKeys)}
	front := sqs.New(sqs.Options{
		Service:        s.service(),
		Admit:          s.checkPage,
		Recognize:      s.heads,
		Authenticate:   s.auth,
		BodiesMax:      s.opts.BodiesMax,
		Account:        s.opts.Account,
		PublicURL:      s.opts.PublicURL,
		TrustedProxies: s.opts.TrustedProxies,
		Logger:         s.log,
		Observe:        s.observe,
		Pace:           s.pace,
		Audit:          s.auditor(),
		AuditAll:       s.opts.AuditAll,
	})
	return s.cors(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		found, ok := routes[method+" "+r.URL.Path]
		switch {
		case ok:
		case method == http.MethodGet && signals.Serves(r.URL.Path):
			found = queues
		case servesKeys(r.URL.Path):
			found = keys
		default:
			defer s.metrics.Begin(telemetry.APIQueue)()
			front.ServeHTTP(w, r)
			return
		}
		defer s.metrics.Begin(telemetry.APIAdmin)()
		began := time.Now()
		counted := &countingWriter{ResponseWriter: w}
		if err := s.checkPage(r); err != nil {
			s.visit(counted, r, "CallFromPage").refuseCaller(err)
		} else {
			httpserve.Keep(r.Context(), false)
			found.handler.ServeHTTP(counted, r)
		}
		s.metrics.Answered(telemetry.Request{
			API: telemetry.APIAdmin, Operation: found.operation, Code: counted.code(),
			Duration: time.Since(began), BodyIn: max(r.ContentLength, 0), BodyOut: counted.bytes,
		})
	}))
}

// observe counts a request that the SQS front has answered.
func (s *Server) observe(o sqs.Observation) {
	s.metrics.Answered(telemetry.Request{
		API: telemetry.APIQueue, Operation: o.Action, Code: o.Code,
		Duration: o.Duration, Waited: o.Waited, BodyIn: o.BodyIn, BodyOut: o.BodyOut,
	})
}

// compatHealth answers what test containers that were written for LocalStack wait for.
func (s *Server) compatHealth(w http.ResponseWriter, _ *http.Request) {
	state, status := "running", http.StatusOK
	if !s.Ready() {
		state, status = "error", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"services":{"sqs":"`+state+`"},"edition":"forebay","version":"`+strings.ReplaceAll(s.opts.Version, `"`, "")+`"}`+"\n")
}

// countingWriter notes what was answered.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// code is empty for success, else the status.
func (w *countingWriter) code() string {
	if w.status == 0 || w.status < 400 {
		return ""
	}
	return http.StatusText(w.status)
}
