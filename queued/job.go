package queued

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Delivery is what a handler may know about the request that it answers, beyond the request itself.
type Delivery struct {
	// Request is the message as it came. The handler must not change it.
	Request *Request
	// Receives is how often the message was received, this time included; 0 when the server does not tell.
	Receives int
	// Message is the message of the queue, with all its attributes. The handler must not change it.
	Message types.Message

	job *job
}

type deliveryKey struct{}

// DeliveryOf returns the delivery of a request that [Serve] has handed to a handler.
func DeliveryOf(ctx context.Context) (Delivery, bool) {
	d, ok := ctx.Value(deliveryKey{}).(Delivery)
	return d, ok
}

// GiveBack asks that the request go back to its queue, hidden for a while, instead of being answered with what the handler has
// written. The handler should return at once. It has no effect, and returns false, once a piece of the answer was sent.
func (d Delivery) GiveBack(after time.Duration) bool {
	if d.job == nil || d.job.out == nil {
		return false
	}
	return d.job.out.giveBack(max(after, 0))
}

// Fail asks that the request be answered by the queued server itself: with the status, the reason, and a line of text for
// the asker. It has no effect, and returns false, once a piece of the answer was sent.
func (d Delivery) Fail(status int, reason, text string) bool {
	if d.job == nil || d.job.out == nil {
		return false
	}
	return d.job.out.fail(status, reason, text)
}

// job is one message at work.
type job struct {
	*server
	message  types.Message
	request  *Request
	plain    bool // the message is in no format
	signed   time.Time
	trace    Trace
	receives int
	mail     *mail
	out      *response // once the handler runs
}

// serveMessage does all for one message: it is answered and deleted, or given back.
func (s *server) serveMessage(ctx context.Context, m types.Message) {
	stop := s.heartbeat(ctx, m)
	j := &job{server: s, message: m}
	j.receives, _ = strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	done, after := j.run(ctx)
	stop()
	if done {
		s.eraser.Delete(s.queue, aws.ToString(m.ReceiptHandle))
		return
	}
	s.giveBack(ctx, m, after)
}

// wait is for how long a message that cannot be served is hidden, longer each time.
func (j *job) wait() time.Duration { return backoff(j.receives-1, time.Second, 15*time.Minute) }

// run says whether the message is done with, and otherwise for how long it is to be hidden.
func (j *job) run(ctx context.Context) (done bool, after time.Duration) {
	if err := j.read(); err != nil {
		return j.unreadable(ctx, err)
	}
	if done, after, refused := j.admit(ctx); refused {
		return done, after
	}
	deadline := time.Now().Add(j.Timeout)
	if d := j.request.Deadline; !d.IsZero() && d.Before(deadline) {
		deadline = d
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return j.handle(ctx)
}

// read takes the message apart and finds out where replies go.
func (j *job) read() error {
	body := aws.ToString(j.message.Body)
	var err error
	j.request, err = DecodeRequest(body)
	if response := attribute(j.message, attributeResponseQueue); response != "" && errors.Is(err, ErrFormat) && j.request == nil {
		j.request, err = plainRequest(j.message, j.PlainPath)
		j.plain = true
	}
	signature, trace := ReadAttributes(j.message)
	j.trace = trace
	j.mail = newMail(j)
	if j.request != nil && len(j.Keys) > 0 {
		var bad error
		if j.signed, bad = j.Keys.verify(KindRequest, body, signature, time.Now()); bad != nil {
			return bad
		}
		if age := time.Since(j.signed); age > SignatureAgeMax {
			return fmt.Errorf("%w: it is %s old, and a queue keeps a message for %s at most; send the request anew",
				ErrSignature, age.Round(time.Second), SignatureAgeMax)
		}
	}
	return err
}

// unreadable deals with a message that is no request for this server.
func (j *job) unreadable(ctx context.Context, err error) (done bool, after time.Duration) {
	j.Logger.Warn("a message is refused", "message", aws.ToString(j.message.MessageId), "receives", j.receives, "err", err)
	switch {
	case errors.Is(err, ErrSignature) && j.Refused == Answer:
		return j.answer(ctx, http.StatusForbidden, ReasonUnsigned, err.Error())
	case errors.Is(err, ErrFormat) && j.request != nil:
		return j.answer(ctx, http.StatusBadRequest, ReasonBadRequest, err.Error())
	}
	return false, j.wait()
}

// admit decides whether the handler is called. It says what becomes of the message if not.
func (j *job) admit(ctx context.Context) (done bool, after time.Duration, refused bool) {
	q := j.request
	if err := j.Rules.Check(q); err != nil {
		if j.Refused == GiveBack {
			return false, j.wait(), true
		}
		status, reason := http.StatusForbidden, ReasonRefused
		if errors.Is(err, errTooLarge) {
			status, reason = http.StatusRequestEntityTooLarge, ReasonTooLarge
		}
		done, after = j.answer(ctx, status, reason, err.Error())
		return done, after, true
	}
	if to := j.mail.to; to != "" && !j.mayReplyTo(to) {
		j.Logger.Warn("a request wants its reply in a queue that is not allowed", "request", q.ID, "queue", clip(queueName(to)))
		return false, j.wait(), true
	}
	if !q.Deadline.IsZero() && !time.Now().Before(q.Deadline) {
		done, after = j.answer(ctx, http.StatusGatewayTimeout, ReasonDeadline, "nobody was there to answer before the deadline")
		return done, after, true
	}
	if q.SkipIfGone && j.mail.gone(ctx) {
		j.Logger.Debug("a request is dropped, its asker has gone", "request", q.ID)
		return true, 0, true
	}
	if ok, done, after := j.use(); !ok {
		return done, after, true
	}
	if q.Once && (j.receives != 1 || !j.seen.first(q.ID)) {
		done, after = j.answer(ctx, http.StatusBadGateway, ReasonStarted,
			"the request may have been started before, and is marked to be started once")
		return done, after, true
	}
	return false, 0, false
}

// answer replies in place of the handler. A request that nobody awaits a reply to, or may have one sent for, is given back if it
// is at fault itself, and otherwise done with.
func (j *job) answer(ctx context.Context, status int, reason, text string) (done bool, after time.Duration) {
	if j.mail.to == "" || !j.mayReplyTo(j.mail.to) {
		return reason == ReasonDeadline || reason == ReasonStarted, j.wait()
	}
	r := ownReply(status, reason, text)
	if j.request.Method == http.MethodHead {
		r.Body = nil
	}
	r.Attempt, r.Last = rand.Text(), true
	if err := j.mail.send(ctx, r); err != nil && !errors.Is(err, errGone) {
		return false, j.wait()
	}
	return true, 0
}

// ownReply is an answer by the queued server itself.
func ownReply(status int, reason, text string) *Reply {
	text += "\n"
	return &Reply{
		Status: status, Reason: reason, Body: []byte(text),
		Header: http.Header{
			"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(text))},
			"Date": {time.Now().UTC().Format(http.TimeFormat)}, "X-Content-Type-Options": {"nosniff"},
		},
	}
}

// handle calls the handler and sends what is left of its answer.
func (j *job) handle(ctx context.Context) (done bool, after time.Duration) {
	j.out = newResponse(ctx, j)
	d := Delivery{Request: j.request, Receives: j.receives, Message: j.message, job: j}
	r, err := j.request.HTTP(context.WithValue(ctx, deliveryKey{}, d), j.trace)
	if err != nil {
		return j.answer(ctx, http.StatusBadRequest, ReasonBadRequest, err.Error())
	}
	j.call(r)
	if d, back := j.out.backAfter(); back {
		return false, d
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, errDraining) { // what the handler wrote may be what it writes when it is interrupted
		j.Logger.Info("a request goes back to the queue, the server is stopping", "request", j.request.ID)
		return false, 0
	}
	switch err := j.out.finish(cause); {
	case err == nil || errors.Is(err, errGone):
		return true, 0
	default:
		j.Logger.Error("an answer could not be sent, the request will come again", "request", j.request.ID, "err", err)
		return false, j.wait()
	}
}

// call runs the handler and notes a panic.
func (j *job) call(r *http.Request) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		j.out.aborted = true
		if v == http.ErrAbortHandler {
			return
		}
		j.out.reason = ReasonPanic
		j.Logger.Error("the handler panicked", "request", j.request.ID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}()
	j.handler.ServeHTTP(j.out, r)
}
