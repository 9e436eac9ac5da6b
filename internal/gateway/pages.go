package gateway

import (
	_ "embed"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
)

//go:embed forebay.js
var script []byte

// scriptPath is where browsers find the script.
const scriptPath = "/forebay.js"

// hopHeader marks a question that another gateway of the site has passed on, so that it is passed on once only.
const hopHeader = "Forebay-Gateway-Hop"

// isOwn says whether a path is the gateway's own and never a route's.
func (g *Gateway) isOwn(path string) bool {
	return path == scriptPath || isHealth(path) || strings.HasPrefix(path, g.opts.Prefix)
}

// isHealth says whether a path is one that supervisors ask.
func isHealth(path string) bool { return path == "/livez" || path == "/readyz" }

// ownPages are those of the gateway itself.
func (g *Gateway) ownPages() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { health(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { health(w, g.Ready()) })
	mux.HandleFunc("GET "+scriptPath, g.script)
	mux.HandleFunc(g.opts.Prefix+"replies/{token}", g.reply)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g.refuse(w, r, problem{status: http.StatusNotFound, what: "the gateway has no such page"})
	})
	return mux
}

func health(w http.ResponseWriter, ok bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("fail\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

func (g *Gateway) script(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "max-age=300")
	h.Set("Access-Control-Allow-Origin", "*") // it holds no secret, and modules need it
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write(script)
}

// reply answers a client that fetches a reply.
func (g *Gateway) reply(w http.ResponseWriter, r *http.Request) {
	counted := &countingWriter{ResponseWriter: w}
	w = counted
	accessOf(r).route = "replies"
	defer g.metrics.begin("replies", counted)()
	if g.corsForReplies(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		g.refuse(w, r, problem{status: http.StatusMethodNotAllowed, what: "a reply is fetched with GET", allow: "GET, HEAD"})
		return
	}
	t, err := g.opts.Keys.open(r.PathValue("token"), toFetch, time.Now())
	switch {
	case errors.Is(err, errExpired):
		g.refuse(w, r, problem{status: http.StatusGone, what: "the time of this reply is over; it was kept until " + t.expires.UTC().Format(time.RFC3339)})
		return
	case err != nil:
		g.refuse(w, r, problem{status: http.StatusForbidden, what: err.Error()})
		return
	}
	accessOf(r).request = t.id.String()
	httpserve.Keep(r.Context(), false)
	w.Header().Set("Cache-Control", "private, no-store")
	if !g.local(t) && g.throughPeer(w, r, t) {
		return
	}
	s := g.desk.sit(t.id, false)
	defer s.leave()
	if err := g.seek(t); err != nil {
		g.refuse(w, r, *g.storeProblem(err))
		return
	}
	if accepts(r.Header, "text/event-stream") {
		g.events(w, r, s, t)
		return
	}
	_, patience, _ := prefer(r.Header)
	if g.sendHome(w, r, s, t) {
		return
	}
	g.attend(noStore{w}, r, s, t, min(patience, g.waitMax()), true)
}

// waitMax is the longest that any route lets a client wait.
func (g *Gateway) waitMax() time.Duration {
	var longest time.Duration
	for _, l := range g.routes {
		longest = max(longest, l.WaitMax)
	}
	return longest
}

// noStore keeps whatever the backend says about caching away from the address of a reply, which is a secret.
type noStore struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w noStore) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "private, no-store")
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w noStore) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// local reports whether the reply is this gateway's to know: it took the request, or has the reply.
func (g *Gateway) local(t token) bool {
	if t.owner == g.opts.Instance {
		return true
	}
	_, there, err := g.store.reply(t.id)
	return there && err == nil
}

// seek sees to it that a reply comes, if it can: it asks the gateway that has it, or ends a request whose time is over.
func (g *Gateway) seek(t token) error {
	_, there, err := g.store.reply(t.id)
	if there || err != nil {
		return err
	}
	if t.owner == g.opts.Instance && g.own.emptySince(t.deadline.Add(lateGrace)) && !g.others.mayHave(t) {
		return g.giveUp(t)
	}
	g.others.ask(t)
	return nil
}

// giveUp is the final answer to a request that no backend has answered in time.
func (g *Gateway) giveUp(t token) error {
	answer := t
	answer.purpose = toAnswer
	p := ownReply(t.id.String(), g.opts.Keys.sign(answer), attemptLate, http.StatusGatewayTimeout, "no backend has answered in time")
	text, err := p.Encode()
	if err == nil {
		_, err = g.store.put(t, pieceOf(p, text), time.Now())
	}
	if errors.Is(err, errLate) || errors.Is(err, errFull) {
		return nil // answered meanwhile; or the client hears it next time
	}
	g.desk.wake(t.id)
	return err
}

// throughPeer has another gateway answer, when its address is known. It returns false when that was not possible.
func (g *Gateway) throughPeer(w http.ResponseWriter, r *http.Request, t token) bool {
	base, err := url.Parse(g.opts.Peers[t.owner])
	if err != nil || base.Host == "" || r.Header.Get(hopHeader) != "" {
		return false
	}
	reached := true
	proxy := &httputil.ReverseProxy{
		Transport:     g.toPeers,
		FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(base)
			p.Out.Header.Set(hopHeader, g.opts.Instance.String())
		},
		ModifyResponse: func(answer *http.Response) error {
			for name := range answer.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					answer.Header.Del(name) // said already
				}
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			g.log.Debug("a peer does not answer", "instance", t.owner.String(), "err", err)
			reached = false
		},
	}
	proxy.ServeHTTP(w, r)
	return reached
}

// accepts reports whether a client asks for a media type by name.
func accepts(h http.Header, kind string) bool {
	for _, line := range h.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			item, _, _ = strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(item), kind) {
				return true
			}
		}
	}
	return false
}

// The headers of answers that scripts may read, and those they may send.
const (
	corsExpose = "Location, Retry-After, Forebay-Reply, Idempotent-Replayed, Preference-Applied"
	corsAge    = "600"
)

// cors says which pages may read the answer. It returns true when it has answered: the request was only a question.
func (l *lane) cors(w http.ResponseWriter, r *http.Request) bool { return cors(w, r, l.CORS) }

// corsForReplies lets the pages of every route fetch replies.
func (g *Gateway) corsForReplies(w http.ResponseWriter, r *http.Request) bool {
	var all []string
	for _, l := range g.routes {
		all = append(all, l.CORS...)
	}
	return cors(w, r, all)
}

func cors(w http.ResponseWriter, r *http.Request, origins []string) bool {
	if len(origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	any := slices.Contains(origins, "*")
	if origin == "" || !any && !slices.Contains(origins, origin) {
		return false
	}
	if any {
		origin = "*"
	} else {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExpose)
	method := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || method == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", method)
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
	h.Set("Access-Control-Max-Age", corsAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}
