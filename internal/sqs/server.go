package sqs

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// Options say whom a front serves, and how. Service and Account are needed.
type Options struct {
	// Service does the work.
	Service queue.Service
	// Authenticate tells who sent a request with this body, or refuses it with a [*queue.Error]. When it is nil,
	// everybody is the owner of the account, which is for tests.
	Authenticate func(r *http.Request, body []byte) (queue.Caller, error)

	// Admit, unless it is nil, may refuse a request by its head with a [*queue.Error], whoever has sent it.
	Admit func(*http.Request) error
	// Recognize tells from a request's head whether it names a key that there is, before a body of some size is read;
	// an error is what Authenticate would come to whatever that is. When it is nil, every request is taken to name one.
	Recognize func(*http.Request) (known bool, err error)

	Account string // the server's own, 12 digits

	// PublicURL is what the URLs of queues begin with. When it is empty, they follow each request's Host.
	PublicURL string
	// TrustedProxies are the peers whose X-Forwarded-Proto, -Host and -Port and Forwarded headers are believed.
	TrustedProxies []netip.Prefix

	// BodyMax bounds a request's body, in bytes. Zero means 8 MiB, enough for a message of 1 MiB in any escaping.
	BodyMax int64
	// BodiesMax bounds the memory of the bodies of all requests being served together, in bytes, and parts of it those
	// that are arriving; see [httpserve.Memory]. What would exceed it is answered ServiceUnavailable. Zero means 256 MiB.
	BodiesMax int64

	// Pace delays what strangers are told when they are refused often. It may be nil.
	Pace *httpserve.Pace

	// Logger may be nil. Requests are logged at debug level, faults of the server as warnings.
	Logger *slog.Logger
	// Audit, unless it is nil, is called before the answer to a request that has changed more than messages, or is
	// refused; with AuditAll before every answer. Many goroutines call it.
	Audit    func(*http.Request, Audited)
	AuditAll bool
	// Observe, unless it is nil, is called once for each request, by many goroutines.
	Observe func(Observation)
}

// Observation is what became of one request.
type Observation struct {
	Protocol  string // json or query
	Action    string // empty when the request named none that exists
	Code      string // of the error in its Query spelling, empty on success
	Status    int    // of HTTP; 499 when the client left before the answer
	Duration  time.Duration
	Waited    time.Duration // how much of it a ReceiveMessage spent in the service, long poll included
	BodyIn    int64         // bytes
	BodyOut   int64         // bytes
	RequestID string
}

// Defaults of Options.
const (
	bodyMaxDefault   = 8 << 20
	bodiesMaxDefault = 256 << 20
)

// front is the handler behind New.
type front struct {
	opts   Options
	log    *slog.Logger
	json   jsonProtocol
	query  queryProtocol
	memory *httpserve.Memory // of requests' bodies
	// buffers holds *[]byte, to write answers to.
	buffers sync.Pool
}

// noAddress has no share of the memory of bodies.
var noAddress netip.Addr

// New returns a handler that answers the API on any path, by GET and POST, and a few small routes besides:
// the peek under /forebay/v1/queues/, LocalStack's /_aws/sqs/messages, and the action GetCallerIdentity of STS.
func New(opts Options) http.Handler {
	if opts.BodyMax == 0 {
		opts.BodyMax = bodyMaxDefault
	}
	if opts.BodiesMax == 0 {
		opts.BodiesMax = bodiesMaxDefault
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Authenticate == nil {
		opts.Authenticate = everybodyIsOwner(opts.Account)
	}
	claimed := max(opts.BodiesMax/8*3, 4*opts.BodyMax) // enough for one of the largest from one address
	f := &front{opts: opts, log: opts.Logger, memory: httpserve.NewMemory(httpserve.MemoryOptions{
		All: max(opts.BodiesMax, claimed), Claimed: claimed})}
	f.json.documents = &sync.Pool{New: func() any { return new(awsjson.Document) }}
	f.buffers.New = func() any { return new([]byte) }
	return f
}

// everybodyIsOwner is the authentication of tests.
func everybodyIsOwner(account string) func(*http.Request, []byte) (queue.Caller, error) {
	return func(r *http.Request, _ []byte) (queue.Caller, error) {
		by := queue.Caller{
			Account:   account,
			Principal: "arn:aws:iam::" + account + ":root",
			ID:        account,
			Owner:     true,
			Secure:    r.TLS != nil,
		}
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			by.Source = peer.Addr().Unmap()
		}
		return by, nil
	}
}

// ServeHTTP answers one request.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{front: f, w: w, r: r, id: NewRequestID(), start: time.Now()}
	switch {
	case isJSON(r):
		x.protocol = f.json
	case wantsJSON(r):
		x.protocol = queryJSONProtocol{f.query}
	default:
		x.protocol = f.query
	}
	defer x.finish()
	if err := x.serve(); err != nil {
		x.refuse(err)
	}
}

// protocol is one of the two wire forms, or the second with answers in JSON.
type protocol interface {
	// String names it in logs and metrics.
	String() string
	contentType() string
	// parse reads a request as far as is possible without knowing its action.
	parse(r *http.Request, body []byte) (*request, error)
	// appendResult appends the body of an action's success. write is nil for an action without result.
	appendResult(b []byte, x *exchange, action string, write func(*reply)) []byte
	appendError(b []byte, x *exchange, e wireError, err *queue.Error) []byte
}
