package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

// A page that had to wait ends at its own address, in four steps, each an ordinary answer to an ordinary browser:
//
//	GET or POST /report    202, a page that goes on to the address of the reply, and a cookie for that address which
//	                       remembers where it came from
//	GET …/replies/TOKEN    202, a page that looks again, until the reply is there: then 303 to /report, and a cookie
//	                       for /report which holds the token
//	GET /report            the reply, and the cookie is taken away
//
// The address of the reply is one tab's own, so tabs do not get in each other's way. A browser without cookies shows the
// reply at that address, as programs get it. Cookies are signed: they name what this gateway has put there or nothing.
const (
	homeCookie     = "forebay-page"   // at the address of a reply: where the page belongs
	replyCookie    = "forebay-reply-" // at the address of a page, with the id: the token of the reply to show
	homeBytesMax   = 2000             // of path and query in a cookie; longer ones are shown at the address of the reply
	replyCookieFor = time.Minute      // to get from one address to the other
	reloadFor      = 10 * time.Minute // in which a reload shows the reply to a form again, and asks for nothing
	pageHold       = 5 * time.Second  // for a reply, before the waiting page is shown again
)

// home is where a page belongs.
type home struct {
	uri      string // path and query
	posted   bool   // it is the answer to a form
	repeated bool   // a form that was sent more than once
}

// kind is what else than the address a cookie tells of a home; see homeFrom.
func (h home) kind() string {
	switch {
	case h.repeated:
		return "r"
	case h.posted:
		return "p"
	}
	return "g"
}

func homeFrom(uri, kind string) home {
	return home{uri: uri, posted: kind != "g", repeated: kind == "r"}
}

var cookieText = base64.RawURLEncoding.Strict()

// seal proves texts that go out with a client, and come back.
func (k *Keys) seal(texts ...string) string {
	sum := digest(texts...)
	mac := hmac.New(sha256.New, k.all[0])
	mac.Write([]byte("forebay gateway cookie\n"))
	mac.Write(sum[:])
	return cookieText.EncodeToString(mac.Sum(nil)[:tokenCode])
}

// sealed reports whether a gateway of the site has sealed the texts.
func (k *Keys) sealed(proof string, texts ...string) bool {
	for _, key := range k.all {
		one := Keys{all: [][]byte{key}}
		if subtle.ConstantTimeCompare([]byte(proof), []byte(one.seal(texts...))) == 1 {
			return true
		}
	}
	return false
}

// setCookie gives a browser a cookie for a path; without a value it takes it away.
func setCookie(w http.ResponseWriter, r *http.Request, name, value, path string, lasts time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: path, MaxAge: int(lasts / time.Second), HttpOnly: true,
		Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// cookiePath is the path of a cookie for an address. A semicolon would end it, so it ends before that.
func cookiePath(uri string) string {
	path, _, _ := strings.Cut(uri, "?")
	if i := strings.IndexByte(path, ';'); i >= 0 {
		path = path[:strings.LastIndexByte(path[:i], '/')+1]
	}
	return path
}

// dropOwnCookies takes away what is between browser and gateway, and leaves the rest of the header as it came.
func dropOwnCookies(h http.Header) {
	var kept []string
	for _, line := range h["Cookie"] {
		if strings.Contains(line, "forebay-") {
			var pairs []string
			for pair := range strings.SplitSeq(line, ";") {
				pair = strings.TrimSpace(pair)
				if !isOwnCookie(pair) {
					pairs = append(pairs, pair)
				}
			}
			line = strings.Join(pairs, "; ")
		}
		if line != "" {
			kept = append(kept, line)
		}
	}
	if delete(h, "Cookie"); len(kept) > 0 {
		h["Cookie"] = kept
	}
}

func isOwnCookie(pair string) bool {
	return strings.HasPrefix(pair, homeCookie+"=") || strings.HasPrefix(pair, replyCookie) || strings.HasPrefix(pair, formCookie)
}

// rememberHome gives a browser that has to wait what brings it back to the address at which it asked. It returns false
// where that is not possible, or was done before.
func (g *Gateway) rememberHome(w http.ResponseWriter, r *http.Request, t token) bool {
	if !isPageLoad(r) || g.isOwn(r.URL.Path) || len(r.RequestURI) > homeBytesMax {
		return false
	}
	if _, err := r.Cookie(replyCookie + t.short()); err == nil {
		return true // it came from the address of the reply, and has the cookie for that still
	}
	h := home{uri: r.RequestURI, posted: r.Method == http.MethodPost, repeated: w.Header().Get(replayed) != ""}
	value := h.kind() + "." + cookieText.EncodeToString([]byte(h.uri)) + "." +
		g.opts.Keys.seal(homeCookie, t.id.String(), h.kind(), h.uri)
	setCookie(w, r, homeCookie, value, g.replyURL(t), time.Until(t.expires))
	g.rememberForm(w, r, t)
	return true
}

// short names a request in the names of cookies.
func (t token) short() string { return t.id.String()[:12] }

// homeOf is where the page with the reply belongs, as the browser's cookie says.
func (g *Gateway) homeOf(r *http.Request, t token) (h home, ok bool) {
	c, err := r.Cookie(homeCookie)
	if err != nil || r.Method != http.MethodGet || !isPageLoad(r) {
		return h, false
	}
	kind, rest, _ := strings.Cut(c.Value, ".")
	encoded, proof, _ := strings.Cut(rest, ".")
	uri, err := cookieText.DecodeString(encoded)
	if err != nil || !g.opts.Keys.sealed(proof, homeCookie, t.id.String(), kind, string(uri)) {
		return h, false
	}
	return homeFrom(string(uri), kind), true
}

// sendHome brings a browser back to the page's own address once the reply is there. It returns false when the browser
// does not say which that is.
func (g *Gateway) sendHome(w http.ResponseWriter, r *http.Request, s *seat, t token) bool {
	to, ok := g.homeOf(r, t)
	if !ok {
		return false
	}
	if !g.arrives(r, s, t) {
		if to.repeated {
			w.Header().Set(replayed, "true")
		}
		g.pending(w, r, t)
		return true
	}
	setCookie(w, r, replyCookie+t.short(), g.replyValue(t, to, "n"), cookiePath(to.uri), replyCookieFor)
	h := w.Header()
	h.Set("Location", to.uri)
	h.Set("Cache-Control", "private, no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
	return true
}

// arrives waits a while for the beginning of a reply.
func (g *Gateway) arrives(r *http.Request, s *seat, t token) bool {
	timer := time.NewTimer(pageHold)
	defer timer.Stop()
	for {
		if rec, there, err := g.store.reply(t.id); err == nil && there && g.chosen(t.id, rec) != "" {
			return true
		}
		select {
		case <-s.look:
		case <-timer.C:
			return false
		case <-r.Context().Done():
			return false
		case <-g.ctx.Done():
			return false
		}
	}
}

// replyValue is the value of a replyCookie. State is n for a reply that was not shown yet, and s for one that was.
func (g *Gateway) replyValue(t token, h home, state string) string {
	t.purpose = toFetch
	text := g.opts.Keys.sign(t)
	return state + "." + h.kind() + "." + text + "." + g.opts.Keys.seal(replyCookie, state, h.kind(), text, h.uri)
}

// homecoming is a reply that is to be shown at the address of its page.
type homecoming struct {
	home
	token token
	state string
}

// comesHome finds the reply that a browser should be shown at this address: one that it was not shown yet, or, when a
// browser reloads the answer to a form, that one again.
func (g *Gateway) comesHome(r *http.Request) (found homecoming, ok bool) {
	if r.Method != http.MethodGet || !isPageLoad(r) {
		return found, false
	}
	control := r.Header.Get("Cache-Control")
	reload := strings.Contains(control, "max-age=0") || strings.Contains(control, "no-cache")
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, replyCookie) {
			continue
		}
		parts := strings.Split(c.Value, ".")
		if len(parts) != 4 || !g.opts.Keys.sealed(parts[3], replyCookie, parts[0], parts[1], parts[2], r.RequestURI) {
			continue
		}
		t, err := g.opts.Keys.open(parts[2], toFetch, time.Now())
		if err != nil {
			continue
		}
		came := homecoming{homeFrom(r.RequestURI, parts[1]), t, parts[0]}
		switch {
		case came.state == "n" && !g.shown.has(t.id):
			return came, true
		case came.state == "s" && reload:
			found, ok = came, true // the last one, unless there is something new
		}
	}
	return found, ok
}

// showAtHome answers a browser that has come back to the address of its page with the reply that it waited for. It
// returns false when there is none, and the request is one like any other.
func (g *Gateway) showAtHome(w http.ResponseWriter, r *http.Request) bool {
	came, ok := g.comesHome(r)
	if !ok || g.unusable(r, came.token) {
		return false
	}
	counted := &countingWriter{ResponseWriter: w}
	defer g.metrics.begin("replies", counted)()
	if !g.local(came.token) && g.throughPeer(counted, r, came.token) {
		return true
	}
	s := g.desk.sit(came.token.id, false)
	defer s.leave()
	if err := g.seek(came.token); err != nil {
		g.refuse(counted, r, *g.storeProblem(err))
		return true
	}
	g.attend(&homeWriter{counted, g, r, came}, r, s, came.token, pageHold, true)
	return true
}

// unusable reports whether a reply is 304 to a browser that has not asked this time whether something has changed.
func (g *Gateway) unusable(r *http.Request, t token) bool {
	if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
		return false
	}
	rec, there, err := g.store.reply(t.id)
	if err != nil || !there {
		return false
	}
	text, err := g.store.part(t.id, g.chosen(t.id, rec), 0)
	if err != nil || text == "" {
		return false
	}
	p, err := queued.DecodeReply(text)
	return err == nil && p.Status == http.StatusNotModified
}

// homeWriter shows a reply at the address of its page once. The answer to a form is none to a later GET of that address,
// so no cache may take it for one, and a reload shows it again for a while.
type homeWriter struct {
	http.ResponseWriter
	g    *Gateway
	r    *http.Request
	came homecoming
}

// WriteHeader implements http.ResponseWriter.
func (w *homeWriter) WriteHeader(status int) {
	h, t := w.Header(), w.came.token
	if status >= http.StatusOK && h.Get(replyState) != "pending" {
		path, value := cookiePath(w.came.uri), ""
		if w.came.posted {
			value = w.g.replyValue(t, w.came.home, "s")
			if !strings.Contains(h.Get("Cache-Control"), "no-store") {
				h.Set("Cache-Control", "private, no-cache")
			}
			for _, name := range []string{"Etag", "Last-Modified", "Expires"} {
				h.Del(name)
			}
			setCookie(w, w.r, formCookie+t.short(), "", path, 0)
		}
		if w.came.state == "n" {
			setCookie(w, w.r, replyCookie+t.short(), value, path, reloadFor)
		}
		w.g.shown.add(t.id)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *homeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// shownReplies remembers which replies were shown at their pages lately, for two tabs that come back at the same moment,
// each with the cookies of both. Its zero value is empty.
type shownReplies struct {
	mu  sync.Mutex
	ids recent
}

func (s *shownReplies) add(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ids.ids[id] {
		s.ids.add(id)
	}
}

func (s *shownReplies) has(id ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids.ids[id]
}
