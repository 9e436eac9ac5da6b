package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/queued"
)

const (
	// bodiesMax is how many bytes of memory the bodies of requests have that are on their way into a queue, half of it
	// for one address. As messages they take more than twice of that besides.
	bodiesMax   = 64 << 20
	envelopeFor = 1024 // bytes of a message beside URL, headers and body
)

// matches says whether a route is for the host and path of a request.
func (r *Route) matches(host, path string) bool {
	if r.Host != "" {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		below, wild := strings.CutPrefix(r.Host, "*.")
		label, rest, _ := strings.Cut(host, ".")
		if wild && (label == "" || !strings.EqualFold(rest, below)) || !wild && !strings.EqualFold(host, r.Host) {
			return false
		}
	}
	prefix := strings.TrimSuffix(r.Path, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// laneFor finds the route of a request for a path. When only the method does not fit, the methods that would are returned.
func (g *Gateway) laneFor(r *http.Request, path string) (found *lane, allow []string) {
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	for _, l := range g.routes {
		if !l.matches(r.Host, path) {
			continue
		}
		if len(l.Methods) == 0 || slices.Contains(l.Methods, r.Method) || preflight && len(l.CORS) > 0 {
			return l, nil
		}
		allow = append(allow, l.Methods...)
	}
	return nil, allow
}

// accept makes a message of a request, and answers when the reply is there or the wait is over.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request) {
	l, allow := g.laneFor(r, r.URL.Path)
	switch {
	case l == nil && len(allow) > 0:
		g.refuse(w, r, problem{status: http.StatusMethodNotAllowed, what: "this path does not take " + r.Method, allow: strings.Join(allow, ", ")})
		return
	case l == nil:
		g.refuse(w, r, problem{status: http.StatusNotFound, what: "no route is for this host and path"})
		return
	}
	accessOf(r).route = l.Name
	counted := &countingWriter{ResponseWriter: w}
	defer g.metrics.begin(l.Name, counted)()
	if l.cors(counted, r) {
		return
	}
	if p := g.process(counted, r, l); p != nil {
		g.refuse(counted, r, *p)
	}
}

// process is accept without its refusals.
func (g *Gateway) process(w http.ResponseWriter, r *http.Request, l *lane) *problem {
	now := time.Now()
	if g.draining.Load() {
		return &problem{status: http.StatusServiceUnavailable, what: "the gateway is closing", retry: time.Second}
	}
	leave, p := l.enter(g.visitor(l, r), now)
	if p != nil {
		return p
	}
	defer leave()
	key, keyed, err := scopeOf(l.Route, r)
	if err != nil {
		return &problem{status: http.StatusBadRequest, what: err.Error()}
	}
	if p := l.checkBody(r); p != nil {
		return p
	}
	if !keyed {
		if p := g.room(r.Context(), l, now); p != nil {
			return p
		}
	}
	arrived := g.bodies.Body(g.clientOf(r), httpserve.Stranger)
	defer arrived.Close()
	body, p := readBody(r, l, &arrived)
	if p != nil {
		return p
	}
	httpserve.Keep(r.Context(), false)
	q := &request{body: &arrived, lane: l, token: g.newToken(l, now), wait: l.patience(r, w.Header())}
	switch {
	case keyed:
		return g.again(w, r, q, key, body)
	case isForm(l.Route, r):
		return g.form(w, r, q, body)
	default:
		return g.fresh(w, r, q, body)
	}
}

// request is a request that is being answered.
type request struct {
	*lane
	token token // without a purpose
	wait  time.Duration
	body  *httpserve.Body // closed once the request is in its queue
}

func (g *Gateway) newToken(l *lane, now time.Time) token {
	t := token{owner: g.opts.Instance, deadline: now.Add(l.Deadline).Truncate(time.Second), expires: now.Add(l.lifetime()).Truncate(time.Second)}
	rand.Read(t.id[:])
	return t
}

// room refuses new requests where no reply could be kept, or no backend would take them in time.
func (g *Gateway) room(ctx context.Context, l *lane, now time.Time) *problem {
	if g.store.full() {
		return g.storeProblem(errFull)
	}
	return l.room(ctx, now)
}

// checkBody refuses what its headers show to be too large or of a kind that the route does not take.
func (l *lane) checkBody(r *http.Request) *problem {
	if r.ContentLength > int64(l.BodyMax) {
		return l.tooLarge()
	}
	if len(l.ContentTypes) == 0 || r.ContentLength == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	for _, allowed := range l.ContentTypes {
		all, any := strings.CutSuffix(allowed, "*")
		if err == nil && (kind == allowed || any && strings.HasPrefix(kind, all)) {
			return nil
		}
	}
	return &problem{status: http.StatusUnsupportedMediaType, what: "this route takes " + strings.Join(l.ContentTypes, ", ")}
}

func (l *lane) tooLarge() *problem {
	return &problem{status: http.StatusRequestEntityTooLarge, what: fmt.Sprintf("the body may have at most %d bytes", l.BodyMax)}
}

// readBody reads the body, within the memory that there is for it. How slowly it may come, the server knows.
func readBody(r *http.Request, l *lane, into *httpserve.Body) ([]byte, *problem) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := into.Read(r.Body, r.ContentLength, int64(l.BodyMax))
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, httpserve.ErrTooLarge):
		return nil, l.tooLarge()
	case errors.Is(err, httpserve.ErrNoRoom):
		return nil, &problem{status: http.StatusServiceUnavailable, retry: time.Second, what: "too many bodies are being read"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &problem{status: http.StatusRequestTimeout, what: "the body came too slowly, or stopped coming"}
	}
	return nil, &problem{status: http.StatusBadRequest, what: "the body cannot be read: " + err.Error()}
}

// patience is how long the client waits, by what it prefers and what the route allows. People do not like to wait before
// an empty page.
func (l *lane) patience(r *http.Request, applied http.Header) time.Duration {
	async, asked, ok := prefer(r.Header)
	switch {
	case ok:
		applied.Add("Preference-Applied", "wait="+strconv.Itoa(int(min(asked, l.WaitMax)/time.Second)))
		return min(asked, l.WaitMax)
	case async:
		applied.Add("Preference-Applied", "respond-async")
		return 0
	case isPageLoad(r):
		return max(min(l.Wait, l.PageWait), 0)
	}
	return max(l.Wait, 0)
}

// prefer reads the Prefer header (RFC 7240). The first of several wait preferences counts; one that is no number of
// seconds does not count at all.
func prefer(h http.Header) (async bool, wait time.Duration, ok bool) {
	for _, line := range h.Values("Prefer") {
		for item := range strings.SplitSeq(line, ",") {
			item, _, _ = strings.Cut(item, ";")
			name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				async = true
			case "wait":
				n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
				if err == nil && !ok {
					wait, ok = time.Duration(n)*time.Second, true
				}
			}
		}
	}
	return async, wait, ok
}

// message writes the request as a message.
func (g *Gateway) message(r *http.Request, q *request, body []byte) (*mail, *problem) {
	m := queued.NewRequest(r, body)
	m.ID = q.token.id.String()
	m.URL = r.RequestURI // as readTarget has it
	m.Scheme = g.clientScheme(r)
	m.Remote = g.remote(r)
	g.forwarded(m.Header, r)
	m.Deadline = q.token.deadline
	m.ReplyTo = g.queueName(g.opts.Instance)
	answer := q.token
	answer.purpose = toAnswer
	m.Token = g.opts.Keys.sign(answer)
	m.Once, m.SkipIfGone, m.Stream = q.Once, q.SkipIfGone, q.Stream
	delete(m.Header, "Prefer")
	dropOwnCookies(m.Header)
	text, err := m.Encode()
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, what: "the request cannot travel: " + err.Error()}
	}
	if len(text)+envelopeFor > q.messageMax {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, what: fmt.Sprintf(
			"the request makes a message of %d bytes, and its queue takes %d; a body of up to %d bytes surely fits, "+
				"a longer one if it is text", len(text), q.messageMax-envelopeFor, sureBody(q.messageMax))}
	}
	return &mail{body: text, signature: g.opts.Keyring.Sign(queued.KindRequest, text, time.Now()), trace: traceOf(r.Header),
		group: m.ID, unique: m.ID}, nil
}

// fresh sends a request and answers it.
func (g *Gateway) fresh(w http.ResponseWriter, r *http.Request, q *request, body []byte) *problem {
	m, p := g.message(r, q, body)
	if p != nil {
		return p
	}
	line := accessOf(r)
	line.request = q.token.id.String()
	s := g.desk.sit(q.token.id, q.wait > 0)
	defer s.leave()
	if p := g.submit(q, m); p != nil {
		return p
	}
	line.accepted = time.Now()
	q.body.Close()
	g.attend(w, r, s, q.token, q.wait, false)
	return nil
}

// submit sends the message of a request. Without a problem it was accepted.
func (g *Gateway) submit(q *request, m *mail) *problem {
	if err := g.send(q.url, m); err != nil {
		g.log.Warn("a request was not accepted", "route", q.Name, "request_id", q.token.id.String(), "err", err)
		return notTaken()
	}
	q.sent(q.token.id, time.Now())
	return nil
}

func notTaken() *problem {
	return &problem{status: http.StatusServiceUnavailable, retry: time.Second, what: "the queue did not take the request"}
}

// again answers a request with an Idempotency-Key: the first one is sent, later ones get its reply.
func (g *Gateway) again(w http.ResponseWriter, r *http.Request, q *request, key scope, body []byte) *problem {
	now := time.Now()
	want := kept{ID: q.token.id, Fingerprint: fingerprint(r.Method, r.RequestURI, r.Header.Get("Content-Type"), body), Expires: q.token.expires.Unix()}
	was, err := g.store.kept(key)
	if err != nil {
		return g.storeProblem(err)
	}
	if now.Unix() >= was.Expires {
		if p := g.room(r.Context(), q.lane, now); p != nil {
			return p
		}
	}
	m, p := g.message(r, q, body)
	if p != nil {
		return p
	}
	was, found, err := g.store.keep(key, want, now)
	switch {
	case err != nil:
		return g.storeProblem(err)
	case found && was.Fingerprint != want.Fingerprint:
		return &problem{status: http.StatusUnprocessableEntity, what: "this Idempotency-Key was used for another request; use a new key"}
	case found:
		q.token.id, q.token.expires = was.ID, time.Unix(was.Expires, 0)
		q.token.deadline = q.token.expires.Add(-q.Retention)
		w.Header().Set(replayed, "true")
		if m, p = g.message(r, q, body); p != nil {
			return p
		}
	}
	line := accessOf(r)
	line.request = q.token.id.String()
	s := g.desk.sit(q.token.id, false)
	defer s.leave()
	if p := g.sendOnce(q, key, m); p != nil {
		return p
	}
	line.accepted = time.Now()
	q.body.Close()
	g.attend(w, r, s, q.token, q.wait, true)
	return nil
}

// sendOnce returns when the request behind a key is in its queue. Of several that come with the same key, one sends it;
// when that fails, the next one tries, under the same id.
func (g *Gateway) sendOnce(q *request, key scope, m *mail) *problem {
	for {
		k, err := g.store.kept(key)
		if err != nil {
			return g.storeProblem(err)
		}
		if k.Sent {
			return nil
		}
		done := make(chan struct{})
		if other, busy := g.sending.LoadOrStore(k.ID, done); busy {
			<-other.(chan struct{})
			continue
		}
		p := g.submit(q, m)
		if p == nil {
			err = g.store.sent(key, k)
		}
		g.sending.Delete(k.ID)
		close(done)
		if err != nil {
			return g.storeProblem(err)
		}
		return p
	}
}

func (g *Gateway) storeProblem(err error) *problem {
	if errors.Is(err, errFull) {
		return &problem{status: http.StatusServiceUnavailable, retry: expireEvery, what: "no more replies can be kept for now"}
	}
	g.log.Error("the reply store does not answer", "err", err)
	return &problem{status: http.StatusInternalServerError, what: "the gateway's store does not answer"}
}

// traceOf returns the trace context of a request, or begins one.
func traceOf(h http.Header) queued.Trace {
	if t := queued.TraceOf(h); t.Parent != "" {
		return t
	}
	var b [24]byte
	rand.Read(b[:])
	return queued.Trace{Parent: "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-00"}
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// replyURL is where the reply with the token is fetched.
func (g *Gateway) replyURL(t token) string {
	t.purpose = toFetch
	return g.opts.Prefix + "replies/" + url.PathEscape(g.opts.Keys.sign(t))
}
