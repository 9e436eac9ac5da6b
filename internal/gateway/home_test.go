package gateway

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

// tab is a browser as far as it matters: it accepts pages and keeps cookies.
type tab struct {
	*site
	cookies map[string]*http.Cookie // by name and path
	headers []string
}

func (s *site) browser() *tab { return &tab{site: s, cookies: make(map[string]*http.Cookie)} }

// load asks for a page, and keeps the cookies that come with it.
func (b *tab) load(method, target, body string, headers ...string) answer {
	b.t.Helper()
	a := b.do(b.t.Context(), method, target, body, append(b.sends(target), headers...)...)
	b.keep(a)
	return a
}

func (b *tab) sends(target string) []string {
	headers := append([]string{"Accept", browser, "Sec-Fetch-Mode", "navigate"}, b.headers...)
	path, _, _ := strings.Cut(target, "?")
	var cookies []string
	for _, c := range b.cookies {
		if path == c.Path || strings.HasPrefix(path, strings.TrimSuffix(c.Path, "/")+"/") {
			cookies = append(cookies, c.Name+"="+c.Value)
		}
	}
	if len(cookies) > 0 {
		headers = append(headers, "Cookie", strings.Join(cookies, "; "))
	}
	return headers
}

func (b *tab) keep(a answer) {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name+" "+c.Path)
		} else {
			b.cookies[c.Name+" "+c.Path] = c
		}
	}
}

// follow goes where a waiting page or a redirect sends the browser.
func (b *tab) follow(a answer) (string, answer) {
	b.t.Helper()
	to := a.header.Get("Location")
	if a.status == http.StatusAccepted {
		_, to, _ = strings.Cut(a.header.Get("Refresh"), "; url=")
	}
	return to, b.load("GET", to, "")
}

func TestAPageThatWaitedEndsAtItsOwnAddress(t *testing.T) {
	for _, uri := range []string{"/report", "/report?a=1%2F2&b=%zz", "/a;b=1/c", "/a%2Fb//c", "/x?" + strings.Repeat("y", 1500)} {
		play(t, func(t *testing.T, w *world) {
			s := w.gateway(1, func(o *Options) { o.Routes[0].Wait = 0 })
			b := s.browser()
			began := time.Now()
			a := b.load("GET", uri, "", "Cookie", "theirs=1")
			a.location(t)
			if took := time.Since(began); took != PageWaitDefault {
				t.Errorf("%s: the waiting page came after %v, want %v", uri, took, PageWaitDefault)
			}
			q := w.mustTake()
			if got := q.Header.Get("Cookie"); got != "theirs=1" || q.URL != uri {
				t.Errorf("the backend is asked for %s with the cookies %q", q.URL, got)
			}
			place, a := b.follow(a)
			a.want(t, http.StatusAccepted, "looks again")
			w.reply(q, 200, "the report", func(p *queued.Reply) {
				p.Header = http.Header{"Set-Cookie": {"theirs=2"}, "Cache-Control": {"max-age=60"}, "Etag": {`"1"`}}
			})
			a = b.load("GET", place, "")
			if a.status != http.StatusSeeOther || a.header.Get("Location") != uri {
				t.Fatalf("%s: got %d to %q, want to be sent back", uri, a.status, a.header.Get("Location"))
			}
			_, a = b.follow(a)
			a.want(t, 200, "the report")
			if a.header.Get("Etag") == "" || a.header.Get("Cache-Control") != "max-age=60" || a.header.Values("Set-Cookie")[0] != "theirs=2" {
				t.Errorf("%s: the page came with %v", uri, a.header)
			}
			got := make(chan answer, 1)
			go func() { got <- b.load("GET", uri, "", "Cache-Control", "max-age=0") }() // a reload asks anew
			q = w.mustTake()
			if strings.Contains(q.Header.Get("Cookie"), "forebay") {
				t.Errorf("%s: the backend is given the cookies %q", uri, q.Header.Get("Cookie"))
			}
			w.reply(q, 200, "another", nil)
			(<-got).want(t, 200, "another")
		})
	}
}

func TestTheAnswerToAFormIsShownAtItsAddress(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.Routes[0].Methods = []string{"POST"} })
		b := s.browser()
		a := b.load("POST", "/orders", "item=tea", "Content-Type", "application/x-www-form-urlencoded")
		q := w.mustTake()
		w.reply(q, 200, "ordered", func(p *queued.Reply) { p.Header = http.Header{"Etag": {`"1"`}} })
		_, a = b.follow(a)
		to, a := b.follow(a)
		a.want(t, 200, "ordered")
		if to != "/orders" || a.header.Get("Etag") != "" || a.header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("shown at %s with %v", to, a.header)
		}
		b.load("GET", "/orders", "", "Cache-Control", "max-age=0").want(t, 200, "ordered") // a reload orders nothing
		b.load("GET", "/orders", "").want(t, http.StatusMethodNotAllowed, "")              // and whoever comes anew gets what there is
		s.browser().load("GET", "/orders", "", "Cache-Control", "max-age=0").want(t, http.StatusMethodNotAllowed, "")
		synctest.Wait()
		if w.take() != nil {
			t.Error("showing an answer has sent a request")
		}
	})
}

func TestWhatIsNotAPageLoadWaitsAsPrograms(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.Routes[0].Wait = time.Minute })
		for _, tt := range []struct {
			name    string
			headers []string
			waits   time.Duration
		}{
			{"a program", nil, time.Minute},
			{"a script that accepts pages", []string{"Accept", browser, "Sec-Fetch-Mode", "cors"}, time.Minute},
			{"a script of old", []string{"Accept", browser, "X-Requested-With", "XMLHttpRequest"}, time.Minute},
			{"a page load that says how long", []string{"Accept", browser, "Prefer", "wait=20"}, 20 * time.Second},
			{"a page load", []string{"Accept", browser}, PageWaitDefault},
		} {
			began := time.Now()
			a := s.get("/x", tt.headers...)
			a.location(t)
			if took := time.Since(began); took != tt.waits {
				t.Errorf("%s waited %v, want %v", tt.name, took, tt.waits)
			}
			if wants := tt.waits == PageWaitDefault || strings.Contains(fmt.Sprint(tt.headers), "wait="); (a.header.Get("Set-Cookie") != "") != wants {
				t.Errorf("%s is given the cookies %q", tt.name, a.header.Values("Set-Cookie"))
			}
		}
	})
}

func TestCookiesOfAnotherAddressOrSiteShowNothing(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.Routes[0].Wait = -1 })
		b := s.browser()
		place, _ := b.follow(b.load("GET", "/mine", ""))
		w.reply(w.mustTake(), 200, "secret", nil)
		a := b.load("GET", place, "")
		cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
		token := strings.TrimPrefix(place, PrefixDefault+"replies/")
		evil := "g." + cookieText.EncodeToString([]byte("/evil")) + ".AAAAAAAAAAAAAAAAAAAAAA"
		for name, tt := range map[string][2]string{
			"another address":            {"/other", cookie},
			"another query":              {"/mine?x", cookie},
			"a changed cookie":           {"/mine", cookie + "A"},
			"one without a signature":    {"/mine", "forebay-reply-1=n.g." + token + ".A"},
			"one with too few parts":     {"/mine", "forebay-reply-1=n"},
			"a script that accepts HTML": {"/mine", "no=1"},
		} {
			if a := s.get(tt[0], "Accept", browser, "Cookie", tt[1]); strings.Contains(a.body, "secret") {
				t.Errorf("%s: got the reply", name)
			}
		}
		s.get(place, "Accept", browser, "Cookie", "forebay-page="+evil).want(t, 200, "secret") // not sent to /evil
		s.get("/mine", "Accept", browser, "Cookie", cookie).want(t, 200, "secret")
		if a := s.get("/mine", "Accept", browser, "Cookie", cookie); strings.Contains(a.body, "secret") {
			t.Error("the reply is shown a second time")
		}
	})
}

func TestTabsWithTheCookiesOfBothGetBothReplies(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, func(o *Options) { o.Routes[0].Wait = -1 })
		b := s.browser()
		var places [2]string
		for i := range places {
			places[i], _ = b.follow(b.load("GET", "/same", ""))
		}
		for _, body := range []string{"one", "two"} {
			w.reply(w.mustTake(), 200, body, nil)
		}
		for _, place := range places {
			b.load("GET", place, "").want(t, http.StatusSeeOther, "")
		}
		sent := b.sends("/same") // both tabs ask before either has an answer
		first, second := s.get("/same", sent...), s.get("/same", sent...)
		if got := []string{first.body, second.body}; got[0] == got[1] || first.status != 200 || second.status != 200 {
			t.Errorf("the tabs show %q, want both replies", got)
		}
	})
}

func TestAnotherGatewayOfTheSiteShowsThePageToo(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		one, two := w.gateway(1, func(o *Options) { o.Routes[0].Wait = -1 }), w.gateway(2, func(o *Options) { o.Routes[0].Wait = -1 })
		b := one.browser()
		place, _ := b.follow(b.load("GET", "/report", ""))
		w.reply(w.mustTake(), 200, "the report", nil)
		b.site = two
		var a answer
		for range 3 { // the first question may end with the page that waits
			if a = b.load("GET", place, ""); a.status == http.StatusSeeOther {
				break
			}
		}
		_, a = b.follow(a)
		a.want(t, 200, "the report")
	})
}

func TestBrowsersGetPagesAndProgramsGetProblems(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		own := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(own, []byte(`<h1>Shop: {{.Title}}</h1>{{.Status}} {{.Detail}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, template := range map[string]string{"<!doctype html>": "", "<h1>Shop: ": own} {
			s := w.gateway(1, func(o *Options) { o.Routes[0].BodyMax, o.PageTemplate = 10, template })
			for _, status := range []int{403, 413, 500, 502, 503, 504} { // of the server at the queue
				for _, accept := range []string{browser, "*/*"} {
					got := s.later("GET", "/x", "", "Accept", accept)
					w.reply(w.mustTake(), status, "because <b>\n", func(p *queued.Reply) {
						p.Reason, p.Header = queued.ReasonFailed, http.Header{"Content-Type": {"text/plain"}}
					})
					checkKind(t, <-got, status, accept == browser, name, "text/plain")
				}
			}
			for _, tt := range []struct {
				status               int
				method, target, body string
			}{
				{400, "GET", "/a/../b", ""}, {403, "GET", PrefixDefault + "replies/x", ""}, {404, "GET", PrefixDefault + "x", ""},
				{405, "TRACE", "/", ""}, {413, "POST", "/", "12345678901"}, {414, "GET", "/" + strings.Repeat("x", 9000), ""},
			} {
				for _, accept := range []string{browser, "*/*"} {
					checkKind(t, s.do(t.Context(), tt.method, tt.target, tt.body, "Accept", accept), tt.status, accept == browser, name, problemType)
				}
			}
			got := s.later("GET", "/x", "", "Accept", browser)
			w.reply(w.mustTake(), 404, `{"detail":"mine"}`, func(p *queued.Reply) { p.Header = http.Header{"Content-Type": {problemType}} })
			checkKind(t, <-got, 404, false, name, problemType) // what a program behind the queue answers is its own
			s.stop()
		}
	})
}

func checkKind(t *testing.T, a answer, status int, page bool, begins, kind string) {
	t.Helper()
	got := a.header.Get("Content-Type")
	if page {
		kind = "text/html; charset=utf-8"
	}
	if a.status != status || got != kind || page != strings.HasPrefix(a.body, begins) || page && strings.Contains(a.body, "<b>") {
		t.Errorf("got %d %s %.100q, want %d %s", a.status, got, a.body, status, kind)
	}
}

func TestATemplateThatCannotBeUsedIsRefusedAtTheStart(t *testing.T) {
	for name, text := range map[string]string{"a field that is none": "{{.Nothing}}", "an action without an end": "{{if .Title}}"} {
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openPages(file); err == nil || !strings.Contains(err.Error(), "page_template") {
			t.Errorf("%s: got %v, want an error that names the setting", name, err)
		}
	}
	if _, err := openPages(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a file that is missing is no error")
	}
}
