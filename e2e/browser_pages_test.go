package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/queued"
)

// site is a shop behind a gateway. Its slow pages answer when they are let.
type site struct {
	t      *testing.T
	base   string
	client *sqs.Client
	orders atomic.Int64
	asked  atomic.Int64 // how often a slow page was asked for

	mu   sync.Mutex
	gate chan struct{} // slow pages wait until it is closed
	stop func()        // ends the backend
}

// openSite opens the site. pageWait is how long the browser waits before it is shown the waiting page.
func openSite(t *testing.T, pageWait string) *site {
	t.Helper()
	p := start(t)
	s := &site{t: t, client: p.client(), gate: make(chan struct{})}
	createQueue(t, s.client, "site")
	address := freeAddress(t)
	s.base = "http://" + address
	state := t.TempDir()
	config := filepath.Join(state, "gateway.toml")
	text := fmt.Sprintf(`
listen = %q
state = %q
[[routes]]
path = "/shop"
queue = "site"
page_wait = %q
[[routes]]
name = "busy"
path = "/busy"
queue = "site"
rate = 0.001
[[routes]]
name = "often"
path = "/often"
queue = "site"
client_rate = 0.001
[[routes]]
name = "posted"
path = "/posted"
queue = "site"
methods = ["POST"]
`, address, state, pageWait)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := &daemon{t: t, path: binary, args: []string{"gateway", "--config", config},
		env: []string{"FOREBAY_DATA=" + p.folder, "FOREBAY_ENDPOINT=http://" + p.address}, ready: (&trial{base: s.base}).ready}
	gateway.start()
	t.Cleanup(func() {
		s.leave()
		gateway.kill()
		if t.Failed() {
			t.Logf("the gateway's last words:\n%s", gateway.output.tail(4000))
		}
	})
	return s
}

// come starts the backend, leave ends it.
func (s *site) come() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := queued.Serve(ctx, s.client, "site", s.handler()); err != nil {
			s.t.Error(err)
		}
	}()
	s.stop = func() {
		cancel()
		<-done
	}
}

func (s *site) leave() {
	s.open()
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// open lets the slow pages that were asked for answer; shut makes those to come wait.
func (s *site) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.gate:
	default:
		close(s.gate)
	}
}

func (s *site) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
}

func (s *site) handler() http.Handler {
	slow := func(r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	}
	page := func(w http.ResponseWriter, title, body string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>%s</title><link rel="stylesheet" href="style.css"><h1>%[1]s</h1>
			<a id="relative" href="next">next</a>%s`, title, body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /shop/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		io.WriteString(w, "h1 { color: rgb(1, 2, 3) }")
	})
	mux.HandleFunc("GET /shop/report", func(w http.ResponseWriter, r *http.Request) {
		slow(r)
		page(w, "Report "+r.URL.RawQuery, "")
	})
	mux.HandleFunc("GET /shop/form", func(w http.ResponseWriter, r *http.Request) {
		page(w, "Form", `<form method="post" action="order"><input name="item" value="tea">
			<button>Order</button></form>`)
	})
	mux.HandleFunc("POST /shop/order", func(w http.ResponseWriter, r *http.Request) {
		n := s.orders.Add(1)
		slow(r)
		page(w, fmt.Sprintf("Order %d of %s", n, r.FormValue("item")), "")
	})
	mux.HandleFunc("GET /shop/fails/{status}", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.PathValue("status"))
		d, _ := queued.DeliveryOf(r.Context())
		d.Fail(status, queued.ReasonFailed, "the server behind the queue did not answer, 3 times")
	})
	mux.HandleFunc("GET /shop/moved", func(w http.ResponseWriter, r *http.Request) {
		slow(r)
		http.Redirect(w, r, "form", http.StatusFound)
	})
	return mux
}

// at waits until the browser shows a page with a title at an address, with its own style and links.
func (s *site) at(b *browser, title, path string) {
	s.t.Helper()
	b.wait(fmt.Sprintf(`document.readyState === "complete" && document.title === %q && location.href === %q`,
		title, s.base+path))
	b.wait(`getComputedStyle(document.querySelector("h1")).color === "rgb(1, 2, 3)"`)
	b.wait(fmt.Sprintf(`document.querySelector("#relative").href === %q`, s.base+"/shop/next"))
}

const waitingTitle = `document.title === "Waiting for the answer"`

func TestBrowserPageThatWaitedEndsAtItsOwnAddress(t *testing.T) {
	b := browse(t)
	s := openSite(t, "1s")
	b.visit(s.base + "/shop/report?a=1%2F2") // the backend is not there
	b.wait(waitingTitle)
	b.wait(`location.pathname.startsWith("/forebay/v1/replies/")`)
	b.reload() // is no other request
	b.wait(waitingTitle)
	s.come()
	s.open()
	s.at(b, "Report a=1%2F2", "/shop/report?a=1%2F2")
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the page was asked for %d times, want once", n)
	}
	b.reload()
	waitFor(t, "the reload asks again", func() bool { return s.asked.Load() == 2 })
	s.at(b, "Report a=1%2F2", "/shop/report?a=1%2F2")

	s.shut()
	b.visit(s.base + "/shop/moved")
	b.wait(waitingTitle)
	s.open()
	s.at(b, "Form", "/shop/form") // a redirect is followed from the page's own address
	b.must("Page.navigateToHistoryEntry", map[string]any{"entryId": b.historyBefore()}, nil)
	s.at(b, "Report a=1%2F2", "/shop/report?a=1%2F2") // back leads to the page before, not to one that waits
}

// historyBefore is the entry before the one that is shown.
func (b *browser) historyBefore() int {
	b.t.Helper()
	var history struct {
		CurrentIndex int
		Entries      []struct {
			ID  int
			URL string
		}
	}
	b.must("Page.getNavigationHistory", nil, &history)
	for _, e := range history.Entries {
		if strings.Contains(e.URL, "/replies/") {
			b.t.Errorf("the history has the address of a reply: %v", history.Entries)
		}
	}
	return history.Entries[history.CurrentIndex-1].ID
}

func TestBrowserFormSentInImpatienceIsOneOrder(t *testing.T) {
	b := browse(t)
	s := openSite(t, "3s")
	s.come()
	b.visit(s.base + "/shop/form")
	s.at(b, "Form", "/shop/form")
	var clicked bool
	err := b.eval(`[0, 300, 600].forEach((after) => setTimeout(() => document.querySelector("button").click(), after))
		=== undefined`, &clicked) // by script, since the protocol waits for the page that the first click asks for
	if err != nil {
		t.Fatal(err)
	}
	b.wait(waitingTitle)
	b.visit(s.base + "/shop/form") // and once more from the form
	s.at(b, "Form", "/shop/form")
	b.click("button")
	b.wait(waitingTitle + ` && document.body.innerText.includes("more than once")`)
	b.wait(`location.pathname.startsWith("/forebay/v1/replies/")`)
	s.open()
	s.at(b, "Order 1 of tea", "/shop/order")
	if n := s.orders.Load(); n != 1 {
		t.Errorf("%d orders came of one form, want one", n)
	}
	b.reload() // shows the answer again, and orders nothing
	s.at(b, "Order 1 of tea", "/shop/order")

	b.visit(s.base + "/shop/form")
	s.at(b, "Form", "/shop/form")
	b.click("button") // the same later is another order
	s.at(b, "Order 2 of tea", "/shop/order")
	if n := s.orders.Load(); n != 2 {
		t.Errorf("%d orders came of two, want two", n)
	}
}

func TestBrowserTabsGetTheirOwnPages(t *testing.T) {
	b := browse(t)
	s := openSite(t, "1s")
	var tabs []string
	for n := range 3 {
		b.open()
		tabs = append(tabs, b.session)
		b.visit(fmt.Sprintf("%s/shop/report?%d", s.base, n/2)) // two have the same address
		b.wait(waitingTitle)
	}
	s.come()
	s.open()
	for n, tab := range tabs {
		b.session = tab
		s.at(b, fmt.Sprintf("Report %d", n/2), fmt.Sprintf("/shop/report?%d", n/2))
	}
	if n := s.asked.Load(); n != 3 {
		t.Errorf("the pages were asked for %d times, want three", n)
	}
}

func TestBrowserWithoutCookiesShowsTheReply(t *testing.T) {
	b := browse(t)
	s := openSite(t, "1s")
	b.must("Network.enable", nil, nil)
	b.must("Emulation.setDocumentCookieDisabled", map[string]any{"disabled": true}, nil)
	b.must("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Cookie": "none=1"}}, nil)
	b.visit(s.base + "/shop/report")
	b.wait(waitingTitle)
	s.come()
	s.open()
	b.wait(`document.title === "Report"`)
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the page was asked for %d times, want once", n)
	}
}

// TestBrowserPagesAreShown takes a picture of every page, wide and narrow, light and dark; go test -artifacts keeps them.
func TestBrowserPagesAreShown(t *testing.T) {
	b := browse(t)
	s := openSite(t, "1s")
	s.come()
	for _, at := range [][2]string{
		{"202", "/shop/report"}, {"400", "/shop/x%2F..%2Fy"}, {"403", "/forebay/v1/replies/x"}, {"404", "/nothing/here"}, {"405", "/posted"},
		{"413", "/shop/fails/413"}, {"414", "/shop/" + strings.Repeat("x", 8300)}, {"500", "/shop/fails/500"},
		{"502", "/shop/fails/502"}, {"504", "/shop/fails/504"},
		{"", "/often"}, {"429", "/often"}, {"", "/busy"}, {"503", "/busy"},
	} {
		b.visit(s.base + at[1])
		if at[0] != "" {
			b.wait(`document.querySelector("main h1") !== null`)
			b.pictures(at[0])
		}
	}
	if thrown := b.exceptions(); thrown != "" {
		t.Errorf("uncaught in the page: %s", thrown)
	}
}

// pictures checks that the page fits, and keeps how it looks.
func (b *browser) pictures(name string) {
	b.t.Helper()
	for _, width := range []int{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.must("Emulation.setDeviceMetricsOverride",
				map[string]any{"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
			b.must("Emulation.setEmulatedMedia",
				map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
			b.wait(`document.documentElement.scrollWidth <= innerWidth`)
			var shot struct{ Data string }
			b.must("Page.captureScreenshot", nil, &shot)
			picture, err := base64.StdEncoding.DecodeString(shot.Data)
			if err == nil {
				file := fmt.Sprintf("%s-%d-%s.png", name, width, scheme)
				err = os.WriteFile(filepath.Join(b.t.ArtifactDir(), file), picture, 0o600)
			}
			if err != nil {
				b.t.Error(err)
			}
		}
	}
}
