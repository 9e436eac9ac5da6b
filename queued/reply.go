package queued

import (
	"net/http"
	"strconv"
)

// SeqMax is the number of the last message that one reply may have.
const SeqMax = 1<<20 - 1

// StatusMax is the highest status that a reply may have. HTTP has no words for those above 599, but they are sent.
const StatusMax = 999

// Reply is a message of an answer. An answer is one such message, or several with the numbers 0, 1, 2 …: the first that
// is not interim has status and headers, the last is marked.
type Reply struct {
	// Re is the id of the request, Token its token.
	Re, Token string
	// Attempt names one execution of the request. Messages of two attempts are two answers and are never mixed. At
	// most 128 characters of printable ASCII; it may be empty in an answer of one message.
	Attempt string
	// Seq is the number of the message within the attempt, from 0 to [SeqMax].
	Seq int
	// Status is 200 to 999 in the message that begins the answer, 102 to 199 in an interim message, which has no body
	// and is not the last, and 0 in those that go on with the body.
	Status int
	// Header has no hop-by-hop fields; only a message with a status has one. At most 128 fields and 64 KiB.
	Header http.Header
	// Trailer has what the handler knew only after the body; only the last message has one.
	Trailer http.Header
	// Body is this message's part of the body.
	Body []byte
	// Last marks the end of the answer.
	Last bool
	// Abort, in a last message, says that the answer broke off: what was received is not the whole.
	Abort bool
	// Reason is a word that says why the queued server itself has answered, instead of the handler behind it; empty
	// when the handler did. See the Reason constants. At most 128 characters of printable ASCII.
	Reason string
}

// Why a queued server has answered by itself.
const (
	ReasonBadRequest  = "bad-request" // 400: the message is not valid; the body says where
	ReasonRefused     = "refused"     // 403: against a rule of the server
	ReasonUnsigned    = "unsigned"    // 403: no signature, or a wrong one
	ReasonTooLarge    = "too-large"   // 413: above the size that the server takes
	ReasonPanic       = "panic"       // 500: the handler panicked
	ReasonStarted     = "started"     // 502: marked once, and may have been started before
	ReasonUnreachable = "unreachable" // 502: the server behind the backend cannot be reached, or broke off
	ReasonFailed      = "failed"      // 502: tried as often as allowed
	ReasonDeadline    = "deadline"    // 504: the deadline has passed
	ReasonTimeout     = "timeout"     // 504: the handler took longer than the server allows
)

// Interim reports whether the message comes before the answer proper, as 103 Early Hints does.
func (r *Reply) Interim() bool { return r.Status >= 100 && r.Status < 200 }

// Encode returns the message body. The error matches [ErrFormat] and names the member that cannot travel.
func (r *Reply) Encode() (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	w := newWriter()
	w.needed("re", r.Re)
	w.text("token", r.Token)
	w.text("attempt", r.Attempt)
	w.number("seq", r.Seq)
	if r.Status != 0 {
		w.number("status", r.Status)
	}
	latin1 := latin1Names(r.Header, r.Trailer)
	w.header("headers", r.Header, latin1)
	w.body(r.Body)
	w.header("trailers", r.Trailer, latin1)
	w.latin1(latin1)
	w.text("reason", r.Reason)
	w.flag("last", r.Last)
	w.flag("abort", r.Abort)
	return w.end()
}

// DecodeReply reads a message body. The error is a [*FormatError]; the reply is nil then.
func DecodeReply(body string) (*Reply, error) {
	o := parse(body)
	r := &Reply{}
	o.read("re", &r.Re)
	o.read("token", &r.Token)
	o.read("attempt", &r.Attempt)
	o.read("seq", &r.Seq)
	o.read("status", &r.Status)
	o.read("reason", &r.Reason)
	o.read("last", &r.Last)
	o.read("abort", &r.Abort)
	latin1 := o.latin1()
	r.Header = o.header("headers", latin1)
	r.Trailer = o.header("trailers", latin1)
	r.Body = o.body()
	if o.err == nil {
		o.err = r.check()
	}
	if o.err != nil {
		return nil, o.err
	}
	return r, nil
}

// check says what of the reply may not travel.
func (r *Reply) check() error {
	for _, err := range []error{
		needWord("re", r.Re, IDBytesMax), checkWord("token", r.Token, TokenBytesMax),
		checkWord("attempt", r.Attempt, IDBytesMax), checkWord("reason", r.Reason, IDBytesMax),
		checkHeader("headers", r.Header), checkHeader("trailers", r.Trailer), r.checkShape(),
	} {
		if err != nil {
			return err
		}
	}
	_, err := contentLength(r.Header)
	return err
}

// checkShape checks that the parts of the message fit each other.
func (r *Reply) checkShape() error {
	switch {
	case r.Seq < 0 || r.Seq > SeqMax:
		return wrong("seq", "%d is not between 0 and %d", r.Seq, SeqMax)
	case r.Attempt == "" && (r.Seq > 0 || !r.Last):
		return wrong("attempt", "is missing in an answer of several messages")
	case r.Status != 0 && (r.Status < 102 || r.Status > StatusMax):
		return wrong("status", "%d is not between 102 and %d", r.Status, StatusMax)
	case r.Status == 0 && r.Seq == 0 && !r.Abort:
		return wrong("status", "is missing in the first message")
	case r.Status == 0 && len(r.Header) > 0:
		return wrong("headers", "stand in a message without status")
	case r.Interim() && (r.Last || len(r.Body) > 0):
		return wrong("status", "%d is interim: no body, and not the last", r.Status)
	case len(r.Trailer) > 0 && !r.Last:
		return wrong("trailers", "stand before the last message")
	case r.Abort && !r.Last:
		return wrong("abort", "stands before the last message")
	case len(r.Body) > 0 && !bodyAllowed(r.Status):
		return wrong("body", "an answer with status %s has none", strconv.Itoa(r.Status))
	}
	return nil
}

// bodyAllowed says whether an answer with the status may have a body.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
