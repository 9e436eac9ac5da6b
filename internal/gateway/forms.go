package gateway

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A form that is sent again before it is answered is one form. People press a button again when nothing happens,
// and go back and send again when a page says that it waits. What is taken for one:
//
//   - the same content: route, host, method, URL, type and body;
//   - of the same client: address, credentials, cookies, and what browsers say of themselves;
//   - while the first is under way. Once its answer was shown, the same form is another one, however soon it comes;
//   - within formWindow of the one before; or later from a browser whose cookie tells that it still waits for the first.
//
// Two people may look like one client: behind one address, with the same browser, without any cookie. A browser that
// sends a form again in the same tab has given up the request before. So where nothing but the address and the browser
// tells who it is, and the browser is one that does so, the first must have been given up.
const (
	formWindow = 10 * time.Second       // from one to the next
	formRace   = 250 * time.Millisecond // for a request that was given up to be noticed, when the next is here already
	formsMax   = 10_000                 // forms under way that are remembered; more are all taken
	formUnseen = 10 * time.Minute       // for which a browser is held to one form that it has not seen the answer of

	formCookie = "forebay-form-" // at the address of a form, with the id: it was sent, and its answer was not shown yet
)

// replayed marks an answer to a request that was sent before.
const replayed = "Idempotent-Replayed"

// formKey finds the digest of a form in the context of its request.
type formKey struct{}

// isForm reports whether a browser sends a form, and not a script.
func isForm(route *Route, r *http.Request) bool {
	if route.EveryForm || r.Method != http.MethodPost || !isPageLoad(r) {
		return false
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data" || kind == "text/plain"
}

// formDigest is the same for what is the same form of the same client.
func (g *Gateway) formDigest(l *lane, r *http.Request, body []byte) [32]byte {
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if boundary := parameters["boundary"]; boundary != "" { // chance, in each submission another
		body = bytes.ReplaceAll(body, []byte("--"+boundary), []byte("--"))
	}
	h := http.Header{"Cookie": r.Header["Cookie"]}
	dropOwnCookies(h)
	return digest(l.Name, g.visitor(l, r), g.remote(r), strings.Join(h["Cookie"], "\n"), r.UserAgent(),
		r.Header.Get("Accept-Language"), r.Host, r.Method, r.RequestURI, kind, string(body))
}

// forms are those under way. It is safe for concurrent use.
type forms struct {
	mu    sync.Mutex
	under map[[32]byte]*form
}

// form is one that was sent, perhaps more than once.
type form struct {
	digest [32]byte
	token  token
	last   time.Time     // when it was sent last
	sent   chan struct{} // closed when it is in the queue, or dropped

	// Below is what forms.mu guards.
	waiting int           // clients that are connected and have no answer
	idle    chan struct{} // closed when waiting is zero again
	paged   bool          // a client was given a page that waits, and with it a cookie that tells
	dropped bool          // it was not accepted
}

func newForms() *forms { return &forms{under: make(map[[32]byte]*form)} }

// enter returns the form under way that a request is one more of, or begins one. Nil: it is taken by itself, since another
// client may have sent the first. sure says that no other can have. The caller must leave what it has entered.
func (f *forms) enter(d [32]byte, t token, sure bool) (one *form, first bool) {
	race := time.NewTimer(formRace)
	defer race.Stop()
	for late := false; ; {
		f.mu.Lock()
		now := time.Now()
		one = f.under[d]
		switch {
		case one == nil || now.Sub(one.last) > formWindow:
			one, first = f.beginLocked(d, t, now), true
			f.mu.Unlock()
			return one, one != nil
		case sure || one.waiting == 0 && !one.paged:
			one.arriveLocked(now)
			f.mu.Unlock()
			return one, false
		case late || one.waiting == 0:
			f.mu.Unlock()
			return nil, false
		}
		idle := one.idle
		f.mu.Unlock()
		select {
		case <-idle:
		case <-race.C:
			late = true
		}
	}
}

func (f *forms) beginLocked(d [32]byte, t token, now time.Time) *form {
	if len(f.under) >= formsMax && f.under[d] == nil {
		return nil
	}
	one := &form{digest: d, token: t, sent: make(chan struct{})}
	one.arriveLocked(now)
	f.under[d] = one
	return one
}

func (one *form) arriveLocked(now time.Time) {
	if one.waiting == 0 {
		one.idle = make(chan struct{})
	}
	one.waiting++
	one.last = now
}

// What became of a client that sent a form.
type formEnd int

const (
	formGone     formEnd = iota // it left
	formPaged                   // it was given a page that waits
	formAnswered                // it was given the answer
)

// leave notes what became of a client.
func (f *forms) leave(one *form, end formEnd) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.paged = one.paged || end == formPaged
	if end == formAnswered {
		f.forgetLocked(one)
	}
	if one.waiting--; one.waiting == 0 {
		close(one.idle)
	}
}

func (f *forms) forgetLocked(one *form) {
	if f.under[one.digest] == one {
		delete(f.under, one.digest)
	}
}

// settle notes whether a form was accepted.
func (f *forms) settle(one *form, accepted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !accepted {
		one.dropped = true
		f.forgetLocked(one)
	}
	close(one.sent)
}

func (f *forms) refused(one *form) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return one.dropped
}

// expire forgets forms without a client that waits.
func (f *forms) expire(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for d, one := range f.under {
		if one.waiting == 0 && now.Sub(one.last) > formWindow {
			delete(f.under, d)
		}
	}
}

// form answers a browser's form: it is sent, unless the same is under way.
func (g *Gateway) form(w http.ResponseWriter, r *http.Request, q *request, body []byte) *problem {
	d := g.formDigest(q.lane, r, body)
	r = r.WithContext(context.WithValue(r.Context(), formKey{}, d))
	if t, ok := g.unseenForm(r, d); ok {
		g.joinForm(w, r, q, t)
		return nil
	}
	sure := r.Header.Get("Sec-Fetch-Mode") == "" || credentialOf(q.Route, r) != "" || hasCookies(r)
	one, first := g.forms.enter(d, q.token, sure)
	if one == nil {
		return g.fresh(w, r, q, body)
	}
	end := formGone
	defer func() { g.forms.leave(one, end) }()
	if first {
		p := g.sendForm(r, q, body)
		if g.forms.settle(one, p == nil); p != nil {
			return p
		}
		s := g.desk.sit(q.token.id, false) // the answer goes through the store, since others may come to wait for it
		defer s.leave()
		g.attend(w, r, s, q.token, q.wait, true)
	} else {
		if <-one.sent; g.forms.refused(one) {
			return notTaken()
		}
		g.joinForm(w, r, q, one.token)
	}
	if end = formAnswered; w.Header().Get(replyState) == "pending" {
		end = formPaged
	}
	return nil
}

func (g *Gateway) sendForm(r *http.Request, q *request, body []byte) *problem {
	m, p := g.message(r, q, body)
	if p != nil {
		return p
	}
	return g.submit(q, m)
}

// joinForm answers a form that was sent before with the reply to that.
func (g *Gateway) joinForm(w http.ResponseWriter, r *http.Request, q *request, t token) {
	w.Header().Set(replayed, "true")
	s := g.desk.sit(t.id, false)
	defer s.leave()
	g.attend(w, r, s, t, q.wait, true)
}

// hasCookies reports whether a client has a cookie that is not the gateway's.
func hasCookies(r *http.Request) bool {
	h := http.Header{"Cookie": slices.Clone(r.Header["Cookie"])}
	dropOwnCookies(h)
	return len(h["Cookie"]) > 0
}

// rememberForm gives a browser that has to wait for the answer to a form the cookie that tells so, should it send the
// form again.
func (g *Gateway) rememberForm(w http.ResponseWriter, r *http.Request, t token) {
	d, ok := r.Context().Value(formKey{}).([32]byte)
	lasts := min(formUnseen, time.Until(t.expires))
	if !ok || lasts <= 0 {
		return
	}
	t.purpose = toFetch
	text := g.opts.Keys.sign(t)
	until := strconv.FormatInt(time.Now().Add(lasts).Unix(), 10)
	value := text + "." + until + "." + g.opts.Keys.seal(formCookie, text, until, string(d[:]))
	setCookie(w, r, formCookie+t.short(), value, cookiePath(r.RequestURI), lasts)
}

// unseenForm finds the form that a browser has sent before and waits for still, as its cookies say.
func (g *Gateway) unseenForm(r *http.Request, d [32]byte) (token, bool) {
	now := time.Now()
	for _, c := range r.Cookies() {
		parts := strings.Split(c.Value, ".")
		if !strings.HasPrefix(c.Name, formCookie) || len(parts) != 3 ||
			!g.opts.Keys.sealed(parts[2], formCookie, parts[0], parts[1], string(d[:])) {
			continue
		}
		until, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || now.Unix() >= until {
			continue
		}
		if t, err := g.opts.Keys.open(parts[0], toFetch, now); err == nil && !g.shown.has(t.id) {
			return t, true
		}
	}
	return token{}, false
}
