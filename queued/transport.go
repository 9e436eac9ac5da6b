package queued

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/gather"
)

// ErrTooLarge is matched by the error for a request whose body does not fit into a message.
var ErrTooLarge = errors.New("the body does not fit into a message")

// ReasonHeader is the field in which [Transport] shows the Reason of a reply that the queued server made by itself.
const ReasonHeader = "Forebay-Reason"

// Transport is an http.RoundTripper that reaches a queued server through its queue. It may be used by several
// goroutines. It owns one queue for replies, made at the first request, deleted by Close or when nothing was asked for ten
// minutes; see [ReplyQueuePrefix]. The fields must not change after the first request.
//
// A request is one message: its body is read to the end before it is sent. A response may come in pieces, and its body can be
// read as they come. The path must be free of the segments "." and "..". A context that ends makes the client stop waiting;
// the request is not started after that if its deadline was known, and is not called back otherwise.
type Transport struct {
	// Client and Queue are needed: whom to call, and the name or URL of the queue of requests.
	Client Client
	Queue  string

	// Keys sign requests. If there are any, replies without a signature of one of them are ignored.
	Keys Keyring
	// Timeout is the deadline of requests whose context has none. 0: 5 min. Negative is an error.
	Timeout time.Duration
	// Whole waits for the end of an answer before anything of it is shown. Then a server that dies while it answers is
	// made good by the next one; but nothing can be streamed.
	Whole bool
	// MessageBytes is how long a message may be that is sent. 0: 256 KiB. From 16 KiB to 1 MiB.
	MessageBytes int
	// BufferBytes is how much of an answer is held for a reader who is slow. What does not fit stays in the queue. 0: 4 MiB.
	BufferBytes int
	// Once, unless it is nil, says which requests must not be started twice.
	Once func(*http.Request) bool
	// Pollers is how many calls wait for replies at once while there is a request. 0: 2. At most 100.
	Pollers int
	// Logger is told what goes wrong. Nil: slog.Default().
	Logger *slog.Logger

	mu     sync.Mutex
	book   *addressBook
	sender *gather.Sender
	box    *mailbox
	closed bool
	boxes  sync.WaitGroup // mailboxes that have not ended
}

// RoundTrip implements http.RoundTripper. The error is the context's when it has ended, matches [ErrTooLarge] or [ErrFormat] for a
// request that cannot be sent, and [ErrCutShort] for an answer that broke off.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := t.read(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), orElse(t.Timeout, 5*time.Minute))
	if deadline, ok := r.Context().Deadline(); ok {
		cancel()
		ctx, cancel = context.WithDeadline(r.Context(), deadline)
	}
	box, err := t.open(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	x := t.exchange(r, body, box)
	x.release = cancel
	if !box.expect(x) {
		cancel()
		return nil, errors.New("queued: the transport is closed")
	}
	x.unwatch = context.AfterFunc(ctx, func() { x.fail(context.Cause(ctx)) })
	if d, ok := ctx.Deadline(); ok {
		x.request.Deadline = d
	}
	if err := t.send(ctx, x); err != nil {
		x.close()
		return nil, err
	}
	return x.response(ctx, r)
}

// read takes the body of the request, which it closes.
func (t *Transport) read(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, t.check()
	}
	defer r.Body.Close()
	if err := t.check(); err != nil {
		return nil, err
	}
	max := int64(orElse(t.MessageBytes, 256<<10))
	body, err := io.ReadAll(io.LimitReader(r.Body, max+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("queued: read the request's body: %w", err)
	case int64(len(body)) > max:
		return nil, fmt.Errorf("queued: %w: more than %d bytes", ErrTooLarge, max)
	case r.ContentLength > 0 && r.ContentLength != int64(len(body)):
		return nil, fmt.Errorf("queued: the request's body has %d bytes, ContentLength says %d", len(body), r.ContentLength)
	}
	return body, nil
}

func (t *Transport) check() error {
	switch {
	case t.Client == nil || t.Queue == "":
		return errors.New("queued: the transport needs a client and a queue")
	case t.Timeout < 0 || t.Pollers < 0 || t.Pollers > 100 || t.BufferBytes < 0:
		return errors.New("queued: a limit of the transport is negative, or there are more than 100 pollers")
	}
	if err := t.Keys.Check(); err != nil {
		return fmt.Errorf("queued: %w", err)
	}
	return checkMessageBytes(orElse(t.MessageBytes, 256<<10))
}

func (t *Transport) logger() *slog.Logger {
	if t.Logger != nil {
		return t.Logger
	}
	return slog.Default()
}

// exchange makes the message for r.
func (t *Transport) exchange(r *http.Request, body []byte, box *mailbox) *exchange {
	q := NewRequest(r, body)
	q.Scheme = r.URL.Scheme
	if q.Scheme != "http" && q.Scheme != "https" {
		q.Scheme = ""
	}
	q.ReplyTo, q.Token, q.Stream, q.SkipIfGone = box.name, rand.Text(), !t.Whole, true
	q.Once = t.Once != nil && t.Once(r)
	return &exchange{
		box: box, request: q, trace: TraceOf(r.Header), limit: orElse(t.BufferBytes, 4<<20), wake: make(chan struct{}, 1),
		answer: Assembly{Method: q.Method, Whole: t.Whole},
	}
}

// send puts the request into its queue.
func (t *Transport) send(ctx context.Context, x *exchange) error {
	body, err := x.request.Encode()
	if err != nil {
		return fmt.Errorf("queued: %w", err)
	}
	if limit := orElse(t.MessageBytes, 256<<10) - 1024; len(body) > limit {
		return fmt.Errorf("queued: %w: %d bytes with header and names, at most %d", ErrTooLarge, len(body), limit)
	}
	url, err := t.book.find(ctx, t.Queue, false)
	if err != nil {
		return fmt.Errorf("queued: find the queue %s: %w", t.Queue, err)
	}
	in := &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body,
		MessageAttributes: Attributes(t.Keys.Sign(KindRequest, body, time.Now()), x.trace),
	}
	if strings.HasSuffix(url, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = aws.String(x.request.ID), aws.String(x.request.ID)
	}
	if err := t.sender.Send(ctx, in); err != nil {
		return fmt.Errorf("queued: send the request: %w", err)
	}
	return nil
}

// Close ends all exchanges, deletes the queue for replies and waits until that is done, at most half a minute. Requests fail
// afterwards.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	box, sender := t.box, t.sender
	t.box = nil
	t.mu.Unlock()
	if box != nil {
		box.close()
	}
	t.boxes.Wait()
	if sender != nil {
		sender.Wait()
	}
	return nil
}

// response waits for the beginning of the answer.
func (x *exchange) response(ctx context.Context, r *http.Request) (*http.Response, error) {
	for {
		m, err := x.next()
		if err == nil && m.Abort {
			err = fmt.Errorf("queued: %w", ErrCutShort)
		}
		if err != nil {
			x.close()
			return nil, err
		}
		if !m.Interim() {
			return x.begin(m, r), nil
		}
		if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(m.Status, textproto.MIMEHeader(m.Header.Clone())); err != nil {
				x.close()
				return nil, err
			}
		}
	}
}

// begin makes the response that m begins.
func (x *exchange) begin(m *Reply, r *http.Request) *http.Response {
	res := &http.Response{
		Status: strconv.Itoa(m.Status) + " " + http.StatusText(m.Status), StatusCode: m.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: m.Header, Request: r,
	}
	if res.Header == nil {
		res.Header = http.Header{}
	}
	if m.Reason != "" {
		res.Header.Set(ReasonHeader, m.Reason)
	}
	res.ContentLength, _ = contentLength(m.Header) // checked when it was decoded
	switch {
	case r.Method == http.MethodHead || !bodyAllowed(m.Status):
		res.Body = http.NoBody
		if !bodyAllowed(m.Status) {
			res.ContentLength = 0
		}
		res.Trailer = m.Trailer
		x.close()
	case m.Last:
		res.ContentLength = int64(len(m.Body))
		fallthrough
	default:
		res.Body = &answerBody{exchange: x, res: res, piece: m.Body, last: m.Last, trailer: m.Trailer}
	}
	return res
}

// answerBody is the body of a response. It is for one goroutine, but may be closed by any.
type answerBody struct {
	*exchange
	res     *http.Response
	piece   []byte
	last    bool
	trailer http.Header
}

// Read implements io.Reader. The response's trailer is there once it has returned io.EOF.
func (b *answerBody) Read(p []byte) (int, error) {
	for len(b.piece) == 0 {
		if b.last {
			b.res.Trailer = b.trailer
			b.close()
			return 0, io.EOF
		}
		m, err := b.next()
		switch {
		case err != nil:
			return 0, err
		case m.Abort:
			b.fail(fmt.Errorf("queued: %w: %w", ErrCutShort, io.ErrUnexpectedEOF))
			continue
		}
		b.piece, b.last, b.trailer = m.Body, m.Last, m.Trailer
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	return n, nil
}

// Close implements io.Closer. What has not come yet is not waited for.
func (b *answerBody) Close() error {
	b.fail(errors.New("queued: the body was closed"))
	b.close()
	return nil
}
