package queued

import (
	"net/http"
	"strconv"
	"time"
)

// Request is a request on its way to a handler: the whole of it is one message.
type Request struct {
	// ID tells requests apart; its replies carry it. 1 to 128 characters of printable ASCII, unlike any other.
	ID string
	// Method is any token but CONNECT.
	Method string
	// URL is path and query as they stand in an HTTP request, byte for byte: begins with one slash, percent-encoded,
	// without fragment, without the segments "." and ".." in any encoding.
	URL string
	// Host is what the client called the server, with or without a port. Empty: not known.
	Host string
	// Scheme is http or https, as the client spoke to whoever made the message. Empty: not known.
	Scheme string
	// Remote is the client's IP address, with or without a port. Empty: not known.
	Remote string
	// Header has no hop-by-hop fields and no Host; see [CleanHeader]. At most 128 fields and 64 KiB.
	Header http.Header
	// Body is all of the body.
	Body []byte

	// Deadline is when the asker stops waiting. After it the request is not started. Zero: never.
	Deadline time.Time
	// ReplyTo is the name or URL of the queue for replies. Empty: nobody wants one.
	ReplyTo string
	// Token is returned with each reply, and means nothing to the server. At most 1024 characters of printable ASCII.
	Token string
	// Once forbids to start the request again once it may have been started.
	Once bool
	// SkipIfGone lets a server drop the request when the queue for its replies is no longer there.
	SkipIfGone bool
	// Stream asks for pieces of the reply as they are made. Without it a reply comes in as few messages as it fits.
	Stream bool
}

// Encode returns the message body. The error matches [ErrFormat] and names the member that cannot travel; a request
// that is too long for any queue is such an error too.
func (r *Request) Encode() (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	w := newWriter()
	w.needed("id", r.ID)
	w.needed("method", r.Method)
	w.needed("url", r.URL)
	w.text("host", r.Host)
	w.text("scheme", r.Scheme)
	w.text("remote", r.Remote)
	latin1 := latin1Names(r.Header)
	w.header("headers", r.Header, latin1)
	w.latin1(latin1)
	w.body(r.Body)
	if !r.Deadline.IsZero() {
		w.text("deadline", r.Deadline.UTC().Format(time.RFC3339Nano))
	}
	w.text("reply_to", r.ReplyTo)
	w.text("token", r.Token)
	w.flag("once", r.Once)
	w.flag("skip_if_gone", r.SkipIfGone)
	w.flag("stream", r.Stream)
	return w.end()
}

// DecodeRequest reads a message body. The error is a [*FormatError]. With an error that matches [ErrFormat] the request
// is still returned when its id and the address for replies can be read, so that the asker can be told; nothing else in
// it may be used then.
func DecodeRequest(body string) (*Request, error) {
	o := parse(body)
	if o.err != nil {
		return nil, o.err
	}
	r := &Request{}
	var deadline string
	o.read("id", &r.ID)
	o.read("reply_to", &r.ReplyTo)
	o.read("token", &r.Token)
	if o.err == nil {
		o.err = r.checkAddress()
	}
	if o.err != nil {
		return nil, o.err
	}
	o.read("method", &r.Method)
	o.read("url", &r.URL)
	o.read("host", &r.Host)
	o.read("scheme", &r.Scheme)
	o.read("remote", &r.Remote)
	o.read("once", &r.Once)
	o.read("skip_if_gone", &r.SkipIfGone)
	o.read("stream", &r.Stream)
	o.read("deadline", &deadline)
	r.Header = o.header("headers", o.latin1())
	r.Body = o.body()
	if o.err == nil && deadline != "" {
		var err error
		if r.Deadline, err = time.Parse(time.RFC3339Nano, deadline); err != nil {
			o.err = wrong("deadline", "%q is no time such as 2026-11-21T14:00:00Z", clip(deadline))
		}
	}
	if o.err == nil {
		o.err = r.check()
	}
	if o.err != nil {
		return &Request{ID: r.ID, ReplyTo: r.ReplyTo, Token: r.Token}, o.err
	}
	return r, nil
}

// checkAddress checks what a reply needs.
func (r *Request) checkAddress() error {
	if err := needWord("id", r.ID, IDBytesMax); err != nil {
		return err
	}
	if err := checkWord("reply_to", r.ReplyTo, TokenBytesMax); err != nil {
		return err
	}
	return checkWord("token", r.Token, TokenBytesMax)
}

// check says what of the request may not travel.
func (r *Request) check() error {
	if err := r.checkAddress(); err != nil {
		return err
	}
	if err := checkMethod(r.Method); err != nil {
		return err
	}
	if err := checkURL(r.URL); err != nil {
		return err
	}
	if err := checkHost(r.Host); err != nil {
		return err
	}
	if err := checkRemote(r.Remote); err != nil {
		return err
	}
	if r.Scheme != "" && r.Scheme != "http" && r.Scheme != "https" {
		return wrong("scheme", "%q is neither http nor https", clip(r.Scheme))
	}
	if err := checkHeader("headers", r.Header); err != nil {
		return err
	}
	n, err := contentLength(r.Header)
	if err != nil {
		return err
	}
	if n >= 0 && n != int64(len(r.Body)) {
		return wrong("headers", "Content-Length is %s, the body has %d bytes", strconv.FormatInt(n, 10), len(r.Body))
	}
	if y := r.Deadline.UTC().Year(); !r.Deadline.IsZero() && (y < 2000 || y > 9999) {
		return wrong("deadline", "the year %d is not between 2000 and 9999", y)
	}
	return nil
}
