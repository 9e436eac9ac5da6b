package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/gather"
	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/queued"
)

// Times of the work behind the requests.
const (
	sendTimeout  = 30 * time.Second // for a message to be acknowledged, retries of the client included
	startTimeout = 30 * time.Second
	expireEvery  = time.Minute
	retryFirst   = 100 * time.Millisecond
	retryMost    = 5 * time.Second
	visibility   = 30 * time.Second // of reply queues
)

// Gateway turns HTTP requests into messages, and replies into responses. It is an http.Handler, and safe for concurrent
// use.
type Gateway struct {
	opts    Options
	log     *slog.Logger
	client  Client
	store   *store
	desk    *desk
	routes  []*lane
	metrics *metrics
	access  *accessLog // nil: none
	mux     *http.ServeMux
	pages   *pageWriter
	forms   *forms
	shown   shownReplies

	sender   *gather.Sender
	eraser   *gather.Eraser // of replies; what stays comes again, and is known then
	own      *inbox
	others   *neighbours
	forwards *forwards
	toPeers  http.RoundTripper // to other gateways of the site
	waiting  atomic.Int64      // requests being answered
	bodies   *httpserve.Memory // of requests on their way into a queue

	stop     context.CancelCauseFunc
	ctx      context.Context // ends when the gateway closes
	running  sync.WaitGroup
	draining atomic.Bool
	sending  sync.Map // ids of requests with an Idempotency-Key that are on their way into the queue
}

var errClosing = errors.New("the gateway is closing")

// Open starts a gateway: it opens the store, finds the queues of all routes, makes the reply queue, and begins to
// wait for replies. ctx bounds the start. The caller serves the Gateway over HTTP, and closes it after its server.
func Open(ctx context.Context, opts Options) (*Gateway, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	pages, err := openPages(opts.PageTemplate)
	if err != nil {
		return nil, err
	}
	kept, err := openStore(storeOptions{folder: opts.Folder, fs: opts.FS, max: opts.StoreMax,
		acceptLoss: opts.AcceptLoss, log: opts.Log, fatal: opts.Fatal})
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		opts: opts, log: opts.Log, pages: pages, forms: newForms(), client: opts.Client, store: kept, desk: newDesk(), toPeers: http.DefaultTransport,
		sender: gather.NewSender(opts.Client, opts.MessageMax),
		bodies: httpserve.NewMemory(httpserve.MemoryOptions{All: bodiesMax, Strangers: bodiesMax}),
	}
	g.eraser = gather.NewEraser(opts.Client, func(queue string, replies int, err error) {
		g.log.Debug("replies stay in their queue and will come again", "queue", queue, "count", replies, "err", err)
	})
	if opts.AccessLog != nil {
		g.access = newAccessLog(opts.AccessLog, opts.AccessLogQuery, opts.Log)
	}
	g.metrics = newMetrics(opts.Registry, g)
	g.forwards = newForwards(g)
	g.others = newNeighbours(g)
	g.ctx, g.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := g.begin(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// begin finds and makes the queues, and starts what runs beside the requests.
func (g *Gateway) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for i := range g.opts.Routes {
		lane, err := g.openLane(ctx, &g.opts.Routes[i])
		if err != nil {
			return err
		}
		if lane.Wait > 0 && lane.Wait < 2*queued.VisibilityDefault {
			g.log.Warn("the request of a backend that dies is done by another when clients may not wait any more; lengthen wait, "+
				"or shorten the backends' --visibility to half of it",
				"route", lane.Name, "wait", lane.Wait, "usual_visibility", queued.VisibilityDefault)
		}
		g.routes = append(g.routes, lane)
	}
	name := g.queueName(g.opts.Instance)
	url, err := g.ensureQueue(ctx, name)
	if err != nil {
		return fmt.Errorf("the reply queue %s cannot be made: %w", name, err)
	}
	g.mux = g.ownPages()
	g.own = g.openInbox(name, url)
	g.running.Go(g.housekeeping)
	return g.others.begin(ctx)
}

// queueName is the name of an instance's reply queue.
func (g *Gateway) queueName(i Instance) string {
	return g.siteQueues() + i.String()
}

// siteQueues begins the names of the site's reply queues.
func (g *Gateway) siteQueues() string { return g.opts.Queues + "-" + g.opts.Keys.site + "-" }

// ensureQueue makes a reply queue, or sees to it that the one there keeps replies long enough.
func (g *Gateway) ensureQueue(ctx context.Context, name string) (string, error) {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	attributes := map[string]string{
		"MessageRetentionPeriod": seconds(min(max(g.opts.lifetime(), time.Minute), retentionMost)),
		"VisibilityTimeout":      seconds(visibility),
		"MaximumMessageSize":     strconv.Itoa(g.opts.MessageMax),
	}
	out, err := g.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err == nil {
		return *out.QueueUrl, nil
	}
	if code := apiCode(err); code != "QueueNameExists" && code != "QueueAlreadyExists" {
		return "", err
	}
	url, err := queueURL(ctx, g.client, name)
	if err != nil {
		return "", err
	}
	_, err = g.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: attributes})
	return url, err
}

// housekeeping takes away what has expired. It makes no calls.
func (g *Gateway) housekeeping() {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case now := <-tick.C:
			g.forwards.expire(now)
			g.forms.expire(now)
			g.others.tick(now)
			for _, l := range g.routes {
				l.forget(now)
			}
			if n, err := g.store.expire(now); err != nil {
				g.log.Error("expired replies stay", "err", err)
			} else if n > 0 {
				g.log.Debug("replies expired", "count", n)
			}
		}
	}
}

// Drain makes the gateway unready and refuses new requests; those that wait are told to come back, with their token.
func (g *Gateway) Drain() {
	if g.draining.CompareAndSwap(false, true) {
		g.stop(errClosing)
	}
}

// Close ends the gateway, after the server that it handles requests for. Nothing that was acknowledged is lost.
func (g *Gateway) Close() error {
	g.Drain()
	g.running.Wait()
	g.sender.Wait()
	g.eraser.Wait()
	if g.access != nil {
		g.access.close()
	}
	return g.store.close()
}

// Ready reports whether requests can be accepted: replies arrive, and there is room for them.
func (g *Gateway) Ready() bool {
	return !g.draining.Load() && g.own.well() && !g.store.full()
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isHealth(r.URL.Path) { // also when everything is full
		g.mux.ServeHTTP(w, r)
		return
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(g.opts.WaitingMax) {
		g.refuse(w, r, problem{status: http.StatusServiceUnavailable, retry: time.Second,
			what: "the gateway is answering as many requests as it may"})
		return
	}
	r, done := staying(r)
	defer done()
	target, p := readTarget(r)
	if r.RequestURI = target; p == nil {
		p = g.checkSlashes(r)
	}
	if p != nil {
		g.refuse(w, r, *p)
		return
	}
	if g.isOwn(r.URL.Path) {
		g.mux.ServeHTTP(w, r)
		return
	}
	if !g.showAtHome(w, r) {
		g.accept(w, r)
	}
}

// mail is a message on its way into a queue.
type mail struct {
	body      string
	signature string
	trace     queued.Trace
	group     string // of a FIFO queue
	unique    string // deduplication id in a FIFO queue
}

// send puts a message into a queue and returns when it is acknowledged. It is not given up when the client leaves, and
// the error does not say that the message is not there.
func (g *Gateway) send(url string, m *mail) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), sendTimeout)
	defer cancel()
	in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &m.body, MessageAttributes: queued.Attributes(m.signature, m.trace)}
	if strings.HasSuffix(url, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = &m.group, &m.unique
	}
	return g.sender.Send(ctx, in)
}
