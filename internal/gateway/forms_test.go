package gateway

import (
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const formType = "application/x-www-form-urlencoded"

// order sends a form in the background, as a browser does. The returned function gives it up.
func (s *site) order(body, kind string, headers ...string) (<-chan answer, context.CancelFunc) {
	ctx, cancel := context.WithCancel(s.t.Context())
	got := make(chan answer, 1)
	headers = append([]string{"Accept", browser, "Content-Type", kind}, headers...)
	go func() { got <- s.do(ctx, "POST", "/orders", body, headers...) }()
	return got, cancel
}

// orders counts the requests in the queue, and takes them.
func (w *world) orders() (n int) {
	w.t.Helper()
	synctest.Wait()
	for w.take() != nil {
		n++
		synctest.Wait()
	}
	return n
}

var navigates = []string{"Sec-Fetch-Mode", "navigate"}

func TestAFormThatIsSentAgainIsOneOrder(t *testing.T) {
	session := append([]string{"Cookie", "session=1"}, navigates...)
	for _, tt := range []struct {
		name     string
		headers  [2][]string // of the first and of those after it
		bodies   [2]string
		giveUp   bool // each gives up the one before
		apart    time.Duration
		every    bool
		requests int
	}{
		{name: "three times, by one who gives up the ones before", headers: [2][]string{navigates, navigates}, giveUp: true, requests: 1},
		{name: "three times at once, with one session", headers: [2][]string{session, session}, requests: 1},
		{name: "three times at once, by a browser that says little", requests: 1},
		{name: "by one who looks the same and waits still", headers: [2][]string{navigates, navigates}, requests: 3},
		{name: "by one with another session", headers: [2][]string{session, {"Cookie", "session=2"}}, requests: 2},
		{name: "by another browser", headers: [2][]string{nil, {"User-Agent", "another"}}, requests: 2},
		{name: "with other credentials", headers: [2][]string{nil, {"Authorization", "Basic eDp5"}}, requests: 2},
		{name: "with other content", bodies: [2]string{"item=tea", "item=coffee"}, requests: 2},
		{name: "long after the first was given up", headers: [2][]string{navigates, navigates}, giveUp: true, apart: formWindow + time.Second, requests: 3},
		{name: "by scripts", headers: [2][]string{{"Sec-Fetch-Mode", "cors"}, {"Sec-Fetch-Mode", "cors"}}, requests: 3},
		{name: "where every form counts", every: true, requests: 3},
	} {
		play(t, func(t *testing.T, w *world) {
			s := w.gateway(1, func(o *Options) {
				o.Routes[0].Wait, o.Routes[0].PageWait, o.Routes[0].EveryForm = time.Hour, time.Hour, tt.every
			})
			giveUp := context.CancelFunc(func() {})
			var all []<-chan answer
			for i := range 3 {
				body := tt.bodies[min(i, 1)]
				if body == "" {
					body = "item=tea"
				}
				if tt.giveUp {
					giveUp()
				}
				var got <-chan answer
				got, giveUp = s.order(body, formType, tt.headers[min(i, 1)]...)
				all = append(all, got)
				synctest.Wait()
				time.Sleep(max(tt.apart, time.Second))
			}
			q := w.mustTake()
			if n := 1 + w.orders(); n != tt.requests {
				t.Errorf("%s: %d requests are in the queue, want %d", tt.name, n, tt.requests)
			}
			if tt.requests == 1 {
				w.reply(q, 200, "order 1", nil)
				(<-all[2]).want(t, 200, "order 1")
			}
		})
	}
}

func TestTheSameFormAfterItsAnswerIsAnotherOrder(t *testing.T) {
	for _, tab := range []bool{false, true} {
		play(t, func(t *testing.T, w *world) {
			s := w.gateway(1, nil)
			b := s.browser()
			for n := range 3 {
				var headers []string
				if tab {
					headers = b.sends("/orders")
				}
				got, _ := s.order("item=tea", formType, headers...)
				q := w.mustTake()
				w.reply(q, 200, fmt.Sprint("order ", n), nil)
				a := <-got
				a.want(t, 200, fmt.Sprint("order ", n))
				b.keep(a)
			}
		})
	}
}

func TestAFormIsOneAlsoWhileItsPageWaits(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		b, other := s.browser(), s.browser()
		waiting := b.load("POST", "/orders", "item=tea", "Content-Type", formType)
		waiting.location(t)
		w.kit.Advance(5 * time.Minute)
		s.stop()
		s.start() // the browser itself knows
		again := b.load("POST", "/orders", "item=tea", "Content-Type", formType)
		if again.location(t) != waiting.location(t) || again.header.Get(replayed) != "true" {
			t.Errorf("the second has its reply at %s, the first at %s", again.location(t), waiting.location(t))
		}
		again.want(t, http.StatusAccepted, "more than once")
		b.load("POST", "/orders", "item=coffee", "Content-Type", formType).location(t)
		other.load("POST", "/orders", "item=tea", "Content-Type", formType).location(t) // alike, but without the cookie
		q := w.mustTake()
		if n := 1 + w.orders(); n != 3 {
			t.Errorf("%d requests are in the queue, want 3", n)
		}
		w.reply(q, 200, "order 1", nil)
		_, a := b.follow(again)
		_, a = b.follow(a)
		a.want(t, 200, "order 1")
		if a := b.load("POST", "/orders", "item=tea", "Content-Type", formType); a.location(t) == waiting.location(t) {
			t.Error("the same form after its answer was seen is taken for the first")
		}
		if n := w.orders(); n != 1 {
			t.Errorf("%d requests are in the queue, want the second order", n)
		}
	})
}

func TestFilesInAFormAreComparedWithoutTheirBoundary(t *testing.T) {
	form := func(file string) (body, kind string) {
		var b strings.Builder
		m := multipart.NewWriter(&b)
		part, err := m.CreateFormFile("photo", "a.jpg")
		if err == nil {
			_, err = part.Write([]byte(file))
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		return b.String(), m.FormDataContentType()
	}
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		for _, file := range []string{"one", "one", "two"} {
			s.order(form(file))
			synctest.Wait()
		}
		if n := w.orders(); n != 2 {
			t.Errorf("%d requests are in the queue, want one for each file", n)
		}
	})
}

func TestAFormThatTheQueueDidNotTakeIsSentAgain(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		broken := &failingClient{Client: w.client}
		s := w.gateway(1, func(o *Options) { o.Client = broken })
		broken.fail.Store(true)
		got, _ := s.order("item=tea", formType)
		(<-got).want(t, http.StatusServiceUnavailable, "busy")
		broken.fail.Store(false)
		s.order("item=tea", formType)
		if n := w.orders(); n != 1 {
			t.Errorf("%d requests are in the queue, want one", n)
		}
	})
}
