package queued

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// response is the http.ResponseWriter of one job. It keeps what the handler writes until a message is full, the handler
// flushes and the asker wants pieces, or the handler has returned.
type response struct {
	ctx     context.Context
	job     *job
	mail    *mail
	attempt string

	header http.Header
	status int         // 0 until the handler has begun its answer
	sent   http.Header // header as it was then
	length int64       // that the handler has announced, or unknownLength
	size   int64       // of the body so far
	buffer []byte      // not sent yet; for HEAD the first bytes, to tell what they are

	seq   int   // of the next message
	begun bool  // the message with the status was sent
	err   error // of sending

	aborted bool   // the handler panicked
	reason  string // why, if it is to be told
	own     *Reply // instead of the handler's answer
	back    *time.Duration
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
)

const sniffBytes = 512 // that http.DetectContentType looks at

// errUnsendable says that no message can hold what the handler has written.
var errUnsendable = errors.New("the answer cannot be sent")

func newResponse(ctx context.Context, j *job) *response {
	return &response{ctx: ctx, job: j, mail: j.mail, attempt: rand.Text(), header: http.Header{}, length: unknownLength}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. A status of 102 to 199 is sent at once if the asker wants pieces.
func (w *response) WriteHeader(status int) {
	switch {
	case status < 100 || status > StatusMax || status == http.StatusSwitchingProtocols: // as net/http, which can switch
		panic("queued: the status " + strconv.Itoa(status) + " cannot be sent through a queue")
	case w.status != 0:
		w.job.Logger.Warn("the handler has written its header twice", "request", w.job.request.ID)
	case status == http.StatusContinue: // the body is here already
	case status < 200:
		if w.mail.stream {
			w.emit(&Reply{Status: status, Header: wireHeader(w.header)})
		}
	default:
		w.status = status
		w.sent = wireHeader(w.header)
		if n, err := contentLength(w.sent); err != nil {
			delete(w.sent, "Content-Length")
		} else {
			w.length = n
		}
		if !bodyAllowed(status) {
			delete(w.sent, "Content-Length")
		}
		if status == http.StatusNotModified {
			delete(w.sent, "Content-Type")
		}
	}
}

// Write implements io.Writer. It blocks while a full message is sent, and fails as net/http's does for statuses without
// a body and beyond the announced length; and once nobody wants the answer any more.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case w.ctx.Err() != nil:
		return 0, context.Cause(w.ctx)
	case !bodyAllowed(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.size+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	w.size += int64(len(p))
	if w.mail.to == "" || w.head() {
		w.buffer = append(w.buffer, p[:min(len(p), max(0, sniffBytes-len(w.buffer)))]...)
		return len(p), nil
	}
	w.buffer = append(w.buffer, p...)
	for len(w.buffer) > w.room() && w.err == nil {
		if w.mail.single {
			w.err = fmt.Errorf("%w: it does not fit into the one message that the asker takes", errUnsendable)
			break
		}
		w.sendPart(w.room(), false)
	}
	return len(p), w.err
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls. Without an asker that wants pieces it does nothing.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.mail.stream && w.err == nil && (len(w.buffer) > 0 || !w.begun) {
		w.sendPart(len(w.buffer), false)
	}
	return w.err
}

func (w *response) head() bool { return w.job.request.Method == http.MethodHead }

// room is how many bytes of body the next message may have: in base64 at worst, beside header and names.
func (w *response) room() int { return max(w.beside()/4*3, 0) }

// beside is how much of the next message is left beside names and header.
func (w *response) beside() int {
	left := w.job.MessageBytes - 4096
	if w.begun {
		return left
	}
	for name, values := range w.sent {
		for _, value := range values {
			left -= 2*(len(name)+len(value)) + 8
		}
	}
	return left
}

// checkFit says whether the header can travel.
func (w *response) checkFit() error {
	if err := checkHeader("headers", w.sent); err != nil {
		return fmt.Errorf("%w: %w", errUnsendable, err)
	}
	if w.beside() < 0 {
		return fmt.Errorf("%w: its header does not fit into a message of %d bytes", errUnsendable, w.job.MessageBytes)
	}
	return nil
}

// sendPart sends the first n bytes of the buffer, after status and header if those are not sent yet.
func (w *response) sendPart(n int, last bool) {
	r := &Reply{Last: last}
	if !w.begun {
		w.describe(last)
		if w.err = w.checkFit(); w.err != nil {
			return
		}
		r.Status, r.Header = w.status, w.sent
		n = min(n, w.room())
		r.Last = last && n == len(w.buffer)
	}
	if !w.head() {
		r.Body = w.buffer[:n:n]
	}
	if r.Last {
		r.Trailer = w.trailer()
	}
	w.emit(r)
	w.buffer = w.buffer[n:]
	if last && !r.Last && w.err == nil {
		w.sendPart(len(w.buffer), true)
	}
}

// describe completes the header before it is sent, as net/http does.
func (w *response) describe(last bool) {
	if w.sent["Date"] == nil {
		w.sent["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	}
	if !bodyAllowed(w.status) {
		return
	}
	_, typed := w.sent["Content-Type"]
	if !typed && w.sent.Get("Content-Encoding") == "" && len(w.buffer) > 0 {
		w.sent["Content-Type"] = []string{http.DetectContentType(w.buffer)}
	}
	if last && w.length < 0 && (!w.head() || w.size > 0) && w.trailer() == nil { // trailers need chunks on the wire
		w.sent["Content-Length"] = []string{strconv.FormatInt(w.size, 10)}
	}
}

// trailer is what the handler has set after its body: fields that it announced, and those with the prefix of net/http.
func (w *response) trailer() http.Header {
	out := http.Header{}
	for _, list := range w.header["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
			if values := w.header[name]; values != nil && !slices.Contains(noTrailer, name) {
				out[name] = values
			}
		}
	}
	for name, values := range w.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			out[textproto.CanonicalMIMEHeaderKey(name)] = values
		}
	}
	if len(out) == 0 {
		return nil
	}
	out = wireHeader(out)
	for _, name := range noTrailer {
		delete(out, name)
	}
	return out
}

// emit sends a message as the next of this attempt.
func (w *response) emit(r *Reply) {
	if w.err != nil {
		return
	}
	r.Attempt, r.Seq = w.attempt, w.seq
	err := w.mail.send(w.ctx, r)
	switch {
	case err == nil:
		w.seq++
		w.begun = w.begun || !r.Interim()
	case errors.Is(err, ErrFormat) || hopeless(err) && !queueGone(err):
		w.err = fmt.Errorf("%w: %w", errUnsendable, err) // a shorter message may be possible
	default:
		w.err = err
	}
}

// giveBack notes that nothing is to be answered.
func (w *response) giveBack(after time.Duration) bool {
	if w.begun {
		return false
	}
	w.back = &after
	return true
}

// fail notes an answer in place of the handler's.
func (w *response) fail(status int, reason, text string) bool {
	if w.begun {
		return false
	}
	w.own = ownReply(status, reason, text)
	return true
}

// backAfter is for how long the request is to be hidden, if the handler has asked for that.
func (w *response) backAfter() (time.Duration, bool) {
	if w.back == nil || w.begun {
		return 0, false
	}
	return *w.back, true
}

// finish sends what is left once the handler has returned. Cause is why its context has ended, or nil.
func (w *response) finish(cause error) error {
	switch {
	case w.mail.to == "":
		return nil
	case w.err != nil && !errors.Is(w.err, errUnsendable):
		return w.err
	case cause != nil:
		w.late()
	case w.aborted && w.reason != "":
		w.fail(http.StatusInternalServerError, w.reason, "the handler failed")
	}
	if w.own == nil && !w.aborted && w.err == nil {
		w.end()
	}
	if errors.Is(w.err, errUnsendable) {
		w.job.Logger.Error("the handler failed", "request", w.job.request.ID, "err", w.err)
		w.fail(http.StatusInternalServerError, ReasonTooLarge, "the answer cannot be sent through the queue")
		w.err, w.aborted = nil, true
	}
	if w.own == nil && !w.aborted || w.err != nil {
		return w.err
	}
	r := &Reply{Last: true, Abort: true, Reason: w.reason}
	if w.own != nil && !w.begun {
		r = w.own
		r.Last = true
		if w.head() {
			r.Body = nil
		}
	}
	w.emit(r)
	return w.err
}

// late answers for a handler that came too late.
func (w *response) late() {
	w.aborted, w.reason = true, ReasonTimeout
	text := "the server took longer than it may"
	if d := w.job.request.Deadline; !d.IsZero() && !time.Now().Before(d) {
		w.reason, text = ReasonDeadline, "the answer was not ready before the deadline"
	}
	w.fail(http.StatusGatewayTimeout, w.reason, text)
}

// end sends the end of an answer that is as the handler wants it.
func (w *response) end() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.length >= 0 && w.size < w.length && !w.head() && bodyAllowed(w.status) {
		w.job.Logger.Warn("the handler wrote less than it announced", "request", w.job.request.ID)
		w.emit(&Reply{Last: true, Abort: true})
		return
	}
	w.sendPart(len(w.buffer), true)
}

// wireHeader is the part of a handler's header that can travel. As in net/http, line ends become spaces and names that are none
// are left out.
func wireHeader(h http.Header) http.Header {
	out := CleanHeader(h)
	for name, values := range out {
		for i, value := range values {
			values[i] = wireValue(value)
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		wanted := isToken(name) && !strings.HasPrefix(name, http.TrailerPrefix)
		if wanted && key == name {
			continue
		}
		delete(out, name)
		if wanted {
			out[key] = append(out[key], values...)
		}
	}
	for _, list := range h["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(out, textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)))
		}
	}
	maps.DeleteFunc(out, func(name string, _ []string) bool { return slices.Contains(hopByHop, name) })
	return out
}

// wireValue makes a value of a header that can travel.
func wireValue(value string) string {
	if isValue(value) {
		return value
	}
	out := []byte(value)
	for i, c := range out {
		if c < ' ' && c != '\t' || c == 0x7f {
			out[i] = ' '
		}
	}
	return textproto.TrimString(string(out))
}
