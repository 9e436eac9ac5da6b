package sqs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/forebay-mq/forebay/internal/forwarded"
	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/queue"
)

// statusClientGone is what an observation shows when nobody was left to answer.
const statusClientGone = 499

// bufferKeepMax bounds the answer buffers that are kept for the next answer, in bytes.
const bufferKeepMax = 256 << 10

// exchange is one request and its answer.
type exchange struct {
	*front
	protocol protocol
	w        http.ResponseWriter
	r        *http.Request
	id       string
	start    time.Time

	named  string       // the action as the request names it, which need not exist
	action string       // empty until it is known to exist
	queue  string       // the queue concerned by a refusal, for the log
	caller queue.Caller // where the request came from, also when it was refused for who sent it

	body    httpserve.Body // the request's
	bodyIn  int64
	bodyOut int64
	waited  time.Duration
	status  int // zero: nothing was answered yet
	code    string
	cause   error     // of a fault
	audited Audited   // what the audit log gets
	values  [3]string // what the answer's header is made of
}

// serve answers the request, or tells why that cannot be.
func (x *exchange) serve() error {
	if x.opts.Admit != nil {
		if err := x.opts.Admit(x.r); err != nil {
			return err
		}
	}
	if x.r.Method != http.MethodPost && x.r.Method != http.MethodGet {
		return methodNotAllowed(x.r.Method)
	}
	if extra := x.extraRoute(); extra != nil {
		return extra()
	}
	body, err := x.readBody()
	if err != nil {
		return err
	}
	if err := x.authenticate(body); err != nil {
		return err
	}
	req, err := x.protocol.parse(x.r, body)
	if err != nil {
		return err
	}
	if req.action == "" && x.isQuery() {
		x.answerNothing()
		return nil
	}
	x.named = req.action
	return x.run(req)
}

// run does what the request asks for.
func (x *exchange) run(req *request) error {
	if req.action == callerIdentity && x.isQuery() {
		x.answerCallerIdentity()
		return nil
	}
	act, ok := actions[req.action]
	if !ok || act.rootOnly && req.path.Name != "" {
		return unknownAction(req.action)
	}
	x.action = req.action
	x.auditSubject(req, act)
	began := time.Now()
	write, err := act.run(x.r.Context(), x.opts.Service, x.caller, req)
	if x.action == "ReceiveMessage" {
		x.waited = time.Since(began)
	}
	if err != nil {
		return err
	}
	x.answer(http.StatusOK, x.protocol.contentType(), func(b []byte) []byte {
		return x.protocol.appendResult(b, x, x.action, write)
	})
	return nil
}

// isQuery reports whether the request came in the Query form, whatever its answer is written in.
func (x *exchange) isQuery() bool { return x.protocol != protocol(x.front.json) }

// reply wraps the members of a result.
func (x *exchange) reply(m members) *reply {
	return &reply{members: m, exchange: x}
}

// refuse answers with an error.
func (x *exchange) refuse(err error) {
	if x.r.Context().Err() != nil {
		// A body that came too slowly also ends the context over net/http, and its client is still there. One that has only
		// said that it sends nothing more is there too, so it is told: silence would be a 200 without a body.
		if _, told := errors.AsType[*refusal](err); !told {
			defer func() { x.status = statusClientGone }()
		}
	}
	status := 0
	if r, ok := errors.AsType[*refusal](err); ok {
		status = r.status
		if r.close {
			x.w.Header().Set("Connection", "close")
		}
		if status == http.StatusMethodNotAllowed {
			x.w.Header().Set("Allow", "GET, POST")
		}
	}
	refused, ok := errors.AsType[*queue.Error](err)
	if !ok {
		refused = queue.Internal(err)
	}
	wire := wireErrorOf(refused.Code)
	if status == 0 {
		status = wire.status
	}
	x.code, x.queue, x.cause, x.audited.Refused = wire.code, refused.Queue, refused.Err, refusing(refused.Code)
	if refused.Code == queue.CodeUnrecognizedClient {
		x.w.Header().Set("Connection", "close") // the key is not accepted any more, so nothing more will come of it
	}
	x.w.Header()["X-Amzn-Query-Error"] = []string{wire.code + ";" + wire.kind()}
	x.answer(status, x.protocol.contentType(), func(b []byte) []byte {
		return x.protocol.appendError(b, x, wire, refused)
	})
}

// answerNothing is for a Query request that names no action: a stranger's, or a browser's.
func (x *exchange) answerNothing() {
	x.code = wireErrors[queue.CodeUnknownAction].code
	x.answer(http.StatusNotFound, x.front.query.contentType(), func(b []byte) []byte {
		return append(b, "<UnknownOperationException/>"...)
	})
}

// answer sends a response with the body that fill appends, in one write.
func (x *exchange) answer(status int, contentType string, fill func([]byte) []byte) {
	buffer := x.buffers.Get().(*[]byte)
	body := fill((*buffer)[:0])
	h := x.w.Header()
	x.values = [...]string{contentType, strconv.Itoa(len(body)), x.id}
	h["Content-Type"], h["Content-Length"], h["X-Amzn-Requestid"] = x.values[0:1:1], x.values[1:2:2], x.values[2:3:3]
	if trace := x.r.Header["X-Amzn-Trace-Id"]; len(trace) > 0 {
		h["X-Amzn-Trace-Id"] = trace[:1]
	}
	x.status, x.bodyOut = status, int64(len(body))
	x.audit()
	x.paceStranger()
	x.w.WriteHeader(status)
	// A client that does not read its answer is told nothing more; what it received stays in flight.
	_, _ = x.w.Write(body)
	if cap(body) <= bufferKeepMax {
		*buffer = body
		x.buffers.Put(buffer)
	}
}

// paceBytes is how many bytes of a refused body cost as much as the request itself.
const paceBytes = 8 << 10

// paceStranger delays the answer to a request that is refused and whose sender is not known, if many of them come. Its
// body is not kept meanwhile.
func (x *exchange) paceStranger() {
	if x.code == "" || x.caller.Principal != "" || x.opts.Pace == nil {
		return
	}
	x.body.Close()
	from := x.caller.Source
	if !from.IsValid() {
		from = x.client()
	}
	x.opts.Pace.Wait(x.r.Context(), from, 1+float64(x.bodyIn)/paceBytes)
}

// client returns the address that the request came from.
func (x *exchange) client() netip.Addr {
	return forwarded.Proxies(x.opts.TrustedProxies).Client(x.r).Addr
}

// finish ends the exchange, also after a panic.
func (x *exchange) finish() {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler { // not a fault: it is how a handler ends a connection
			panic(p)
		}
		x.log.Error("a request caused a panic", "request_id", x.id, "protocol", x.protocol.String(),
			"action", x.action, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if x.status == 0 {
			x.refuse(queue.Internal(fmt.Errorf("panic: %v", p)))
		}
	}
	x.body.Close()
	duration := time.Since(x.start)
	x.logRequest(duration)
	if x.opts.Observe == nil {
		return
	}
	x.opts.Observe(Observation{
		Protocol: x.protocol.String(), Action: x.action, Code: x.code, Status: x.status,
		Duration: duration, Waited: x.waited, BodyIn: x.bodyIn, BodyOut: x.bodyOut, RequestID: x.id,
	})
}

// logRequest writes the access log. Bodies, receipt handles and credentials never get into it.
func (x *exchange) logRequest(duration time.Duration) {
	level := slog.LevelDebug
	if x.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	ctx := x.r.Context()
	if !x.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", x.id),
		slog.String("protocol", x.protocol.String()),
		slog.String("action", x.action),
		slog.Int("status", x.status),
		slog.Duration("duration", duration),
		slog.String("principal", x.caller.Principal),
		slog.String("source", x.caller.Source.String()),
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", x.code))
	}
	if x.queue != "" {
		attrs = append(attrs, slog.String("queue", x.queue))
	}
	if x.cause != nil {
		attrs = append(attrs, slog.String("cause", x.cause.Error()))
	}
	x.log.LogAttrs(ctx, level, "request", attrs...)
}
