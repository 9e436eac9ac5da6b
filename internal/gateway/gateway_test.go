package gateway

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

func TestAClientThatWaitsGetsTheReply(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		got := s.later("POST", "/orders?x=1", "a body", "Content-Type", "text/plain", "Connection", "X-Hop", "X-Hop", "1", "X-Kept", "2")
		q := w.mustTake()
		if q.Method != "POST" || q.URL != "/orders?x=1" || string(q.Body) != "a body" || q.Header.Get("X-Kept") != "2" || q.Header.Get("X-Hop") != "" {
			t.Errorf("the request travels as %+v", q)
		}
		if f := q.Header.Get("Forwarded"); !strings.Contains(f, "for=192.0.2.1;host=\"example.com\";proto=http") {
			t.Errorf("Forwarded is %q", f)
		}
		w.reply(q, 201, "made", func(p *queued.Reply) { p.Header = http.Header{"X-Of-Backend": {"yes"}} })
		a := <-got
		a.want(t, 201, "made")
		if a.header.Get("X-Of-Backend") != "yes" || a.header.Get(replyState) != "complete" {
			t.Errorf("headers are %v", a.header)
		}
		synctest.Wait()
		if n := w.left(q.ReplyTo); n != "0+0" {
			t.Errorf("%s messages are left in the reply queue, want none", n)
		}
		if n := s.g.store.bytes.Load(); n != 0 {
			t.Errorf("%d bytes are stored, want none: the client has the reply", n)
		}
	})
}

func TestAReplyIsFetchedAgainAndAgainAlsoAfterARestart(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		location := s.do(t.Context(), "POST", "/slow", "x", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		s.get(location).location(t)
		polled := s.later("GET", location, "", "Prefer", "wait=60")
		w.reply(q, 200, "at last", nil)
		(<-polled).want(t, 200, "at last")
		s.get(location).want(t, 200, "at last")
		s.stop()
		s.start()
		s.get(location).want(t, 200, "at last")
		w.kit.Advance(testRetention + DeadlineDefault)
		s.get(location).want(t, http.StatusGone, "over")
		w.kit.Advance(2 * expireEvery)
		if n := s.g.store.bytes.Load(); n != 0 {
			t.Errorf("%d bytes are stored after the retention", n)
		}
	})
}

func TestAReplyThatComesWhileTheGatewayIsAwayIsKept(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		location := s.do(t.Context(), "POST", "/slow", "x", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		s.stop()
		w.reply(q, 200, "kept", nil)
		w.kit.Advance(10 * time.Minute)
		s.start()
		s.get(location, "Prefer", "wait=5").want(t, 200, "kept")
	})
}

func TestTheWaitEndsWithAPlaceForTheReply(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		began := time.Now()
		s.get("/x", "Prefer", "wait=3").location(t)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the wait took %v, want 3s", took)
		}
		began = time.Now()
		location := s.get("/x").location(t)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the wait of the route took %v, want 5s", took)
		}
		w.mustTake()
		w.reply(w.mustTake(), 200, "later", nil)
		s.get(location).want(t, 200, "later")
	})
}

// browser is what browsers ask for when somebody opens a page.
const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestPeopleWaitBeforeAPageThatLooksAgain(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		a := s.get("/x", "Accept", browser)
		location := a.location(t)
		a.want(t, http.StatusAccepted, `<a href="`+location+`">`)
		if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("the page is %q", got)
		}
		pause, to, _ := strings.Cut(a.header.Get("Refresh"), "; url=")
		if n, err := strconv.Atoi(pause); err != nil || n < 1 || n > 10 || to != location {
			t.Errorf("the page looks again after %q at %q, want 1 to 10 seconds and %q", pause, to, location)
		}
		s.get(to, "Accept", browser).want(t, http.StatusAccepted, "This page looks again")
		w.reply(w.mustTake(), 200, "there", nil)
		s.get(to, "Accept", browser).want(t, 200, "there")
	})
}

func TestProgramsWaitWithJSON(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		for _, accept := range []string{"*/*", "application/json", "text/*", ""} {
			a := s.get("/x", "Prefer", "respond-async", "Accept", accept)
			a.want(t, http.StatusAccepted, `"reply":"`+a.location(t)+`"`)
			if a.header.Get("Refresh") != "" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("Accept %q: %v", accept, a.header)
			}
		}
	})
}

func TestABackendThatNeverAnswersEndsInOneFinalAnswer(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		location := s.get("/x").location(t)
		q := w.mustTake()
		w.kit.Advance(DeadlineDefault)
		s.get(location).location(t) // an answer may be on its way
		w.kit.Advance(lateGrace + 2*pollWait)
		s.get(location).want(t, http.StatusGatewayTimeout, "no backend")
		w.reply(q, 200, "too late", nil)
		s.get(location).want(t, http.StatusGatewayTimeout, "no backend")
		if n := w.left(q.ReplyTo); n != "0+0" {
			t.Errorf("%s messages are left in the reply queue, want none", n)
		}
	})
}

func TestABackendThatAnswersTwiceIsHeardOnce(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		got := s.later("GET", "/x", "")
		q := w.mustTake()
		w.reply(q, 200, "first", nil)
		(<-got).want(t, 200, "first")
		w.reply(q, 200, "second", func(p *queued.Reply) { p.Attempt = "two" })
		if n := s.g.store.bytes.Load(); n != 0 {
			t.Errorf("%d bytes are stored for the second answer", n)
		}
		location := s.get("/x", "Prefer", "respond-async").location(t)
		q = w.mustTake()
		w.reply(q, 200, "first", nil)
		w.reply(q, 200, "second", func(p *queued.Reply) { p.Attempt = "two" })
		s.get(location).want(t, 200, "first")
	})
}

func TestWhatABackendMaySendInsteadOfAReply(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		victim := s.get("/x", "Prefer", "respond-async").location(t)
		first := w.mustTake()
		other := s.get("/x", "Prefer", "respond-async").location(t)
		second := w.mustTake()

		w.post(first.ReplyTo, "garbage")
		w.post(first.ReplyTo, `{"forebay":"queued-http/1","re":"`+first.ID+`"}`)
		w.reply(first, 200, "forged", func(p *queued.Reply) { p.Token = strings.Repeat("A", len(p.Token)) })
		w.reply(first, 200, "stolen", func(p *queued.Reply) { p.Token = second.Token })
		w.reply(first, 200, "fetched", func(p *queued.Reply) { p.Token = strings.TrimPrefix(victim, PrefixDefault+"replies/") })
		s.get(victim).location(t)
		s.get(other).location(t)
		w.post(first.ReplyTo, `{"forebay":"queued-http/1","re":"`+first.ID+`","token":"`+first.Token+`","attempt":"a","seq":0,"status":9999,"last":true}`)
		s.get(victim).want(t, http.StatusBadGateway, "cannot be read")
		w.reply(second, 200, "fine", nil)
		s.get(other).want(t, 200, "fine")
		if n := w.left(first.ReplyTo); n != "0+0" {
			t.Errorf("%s messages are left in the reply queue, want none", n)
		}
	})
}

func TestAClientThatVanishesLeavesItsReplyInTheStore(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan answer, 1)
		go func() { done <- s.do(ctx, "GET", "/x", "") }()
		q := w.mustTake()
		cancel()
		<-done
		w.reply(q, 200, "nobody is there", nil)
		if n := s.g.store.bytes.Load(); n == 0 {
			t.Error("nothing is stored")
		}
		if n := w.left(q.ReplyTo); n != "0+0" {
			t.Errorf("%s messages are left in the reply queue, want none", n)
		}
	})
}

func TestPiecesOfAReplyArePassedOnAsTheyCome(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		got := s.later("GET", "/stream", "")
		q := w.mustTake()
		piece := func(seq int, body string, last bool) {
			w.reply(q, 0, body, func(p *queued.Reply) {
				p.Seq, p.Last = seq, last
				if seq == 0 {
					p.Status, p.Header = 200, http.Header{"Content-Type": {"text/plain"}}
				}
				if last {
					p.Trailer = http.Header{"X-Sum": {"6"}}
				}
			})
		}
		piece(2, "three ", false) // out of order
		piece(0, "one ", false)
		piece(1, "two ", false)
		piece(1, "two ", false) // again
		w.kit.Advance(time.Minute)
		piece(3, "four", true)
		a := <-got
		a.want(t, 200, "one two three four")
		if a.header.Get(http.TrailerPrefix+"X-Sum") == "" && a.header.Get("X-Sum") == "" {
			t.Logf("the recorder shows no trailers: %v", a.header)
		}
	})
}

func TestAReplyThatBreaksOffIsNotMistakenForAWholeOne(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		location := s.get("/stream", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		got := s.later("GET", location, "", "Prefer", "wait=60")
		w.reply(q, 200, "begun ", func(p *queued.Reply) { p.Last = false })
		w.reply(q, 200, "the other attempt", func(p *queued.Reply) { p.Attempt = "two" })
		if a := <-got; !a.aborted {
			t.Errorf("the client got %q as if it were whole", a.body)
		}
		s.get(location).want(t, 200, "the other attempt")
	})
}

func TestTheGatewayIsSilentWhenNothingHappens(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		calls := &countingClient{Client: w.client}
		w.gateway(1, func(o *Options) { o.Client = calls })
		w.gateway(2, func(o *Options) { o.Client = calls })
		w.kit.Advance(2 * GoneAfterDefault)
		calls.other.Store(0)
		calls.polls.Store(0)
		w.kit.Advance(time.Hour)
		if n := calls.other.Load(); n != 0 {
			t.Errorf("an idle hour made %d calls other than polls", n)
		}
		if n, want := calls.polls.Load(), int64(2*pollersDefault*3600/20); n < want*9/10 || n > want*11/10 {
			t.Errorf("an idle hour made %d polls, want about %d", n, want)
		}
	})
}
