package gateway

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnotherInstanceHandsOverTheReply(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		a, b := w.gateway(1, nil), w.gateway(2, nil)
		location := a.get("/x", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		waiting := b.later("GET", location, "", "Prefer", "wait=60")
		synctest.Wait()
		w.reply(q, 200, "from afar", nil)
		(<-waiting).want(t, 200, "from afar")
		a.get(location).want(t, 200, "from afar")
		a.stop()
		b.get(location).want(t, 200, "from afar")

		a.start()
		location = a.get("/x", "Prefer", "respond-async").location(t)
		w.reply(w.mustTake(), 200, "was there", nil)
		b.get(location, "Prefer", "wait=10").want(t, 200, "was there")
	})
}

func TestAnInstanceThatIsGoneIsSweptAndItsRepliesAreKept(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		a := w.gateway(1, nil)
		location := a.get("/x", "Prefer", "respond-async").location(t)
		never := a.get("/x", "Prefer", "respond-async").location(t)
		q, unanswered := w.mustTake(), w.mustTake()
		if q.URL != "/x" || unanswered.ReplyTo != q.ReplyTo {
			t.Fatalf("took %+v and %+v", q, unanswered)
		}
		a.stop() // for good
		w.reply(q, 200, "one", nil)
		w.reply(unanswered, 200, "two", nil)
		b := w.gateway(2, nil)
		b.get(location).location(t)
		w.kit.Advance(GoneAfterDefault + time.Minute)
		b.get(location).want(t, 200, "")
		b.get(never).want(t, 200, "")
		if n := w.left(q.ReplyTo); n != "0+0" {
			t.Errorf("%s messages are left in the queue of the gateway that is gone", n)
		}
		b.stop()
		b.start() // it goes on where it was
		w.kit.Advance(b.opts.withDefaults().lifetime() + 2*time.Minute)
		if n := w.left(q.ReplyTo); !strings.Contains(n, "NonExistentQueue") && !strings.Contains(n, "does not exist") {
			t.Errorf("the queue of the gateway that is gone is still there: %s", n)
		}
	})
}

func TestAnInstanceThatComesBackGetsItsQueueAndItsReplies(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		a := w.gateway(1, nil)
		location := a.get("/x", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		a.stop()
		w.reply(q, 200, "while away", nil)
		b := w.gateway(2, nil)
		w.kit.Advance(GoneAfterDefault + time.Minute)
		b.get(location).want(t, 200, "while away")
		a.start()
		w.kit.Settle()
		w.kit.Advance(time.Second)
		if names, err := b.g.store.notes(noteAdopted); err != nil || len(names) != 0 {
			t.Errorf("the other gateway still takes care of %v, %v", names, err)
		}
		a.get(location, "Prefer", "wait=60").want(t, 200, "while away")
		got := a.later("GET", "/y", "")
		w.reply(w.mustTake(), 200, "as before", nil)
		(<-got).want(t, 200, "as before")
	})
}

func TestAnInstanceThatLivesIsLeftAlone(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		a, b := w.gateway(1, nil), w.gateway(2, nil)
		w.kit.Advance(3 * GoneAfterDefault)
		for _, s := range []*site{a, b} {
			if names, err := s.g.store.notes(""); err != nil || len(names) != 0 {
				t.Errorf("gateway %v has notes %v, %v", s.opts.Instance, names, err)
			}
		}
	})
}

func TestTokensThatAreNotGoodAreRefused(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		location := s.get("/x", "Prefer", "respond-async").location(t)
		q := w.mustTake()
		w.reply(q, 200, "secret", nil)
		token := strings.TrimPrefix(location, PrefixDefault+"replies/")
		other := NewKeys()
		now := time.Now()
		foreign := other.sign(toToken(t, w.keys, token, now))
		flipped := []byte(token)
		flipped[30] ^= 1
		for name, bad := range map[string]string{
			"another site's":        foreign,
			"the backend's own":     q.Token,
			"one with a bit turned": string(flipped),
			"one that is too short": token[:len(token)-1],
			"one that is too long":  token + "A",
			"nothing like it":       "hello",
		} {
			if a := s.get(PrefixDefault + "replies/" + bad); a.status != http.StatusForbidden || strings.Contains(a.body, "secret") {
				t.Errorf("%s: got %d %q, want 403", name, a.status, a.body)
			}
		}
		s.get(location).want(t, 200, "secret")
		w.kit.Advance(testRetention + DeadlineDefault)
		s.get(location).want(t, http.StatusGone, "kept until")
	})
}

func toToken(t *testing.T, k *Keys, text string, now time.Time) token {
	t.Helper()
	tok, err := k.open(text, toFetch, now)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func FuzzToken(f *testing.F) {
	keys, other := NewKeys(), NewKeys()
	now := time.Unix(1_800_000_000, 0)
	good := token{purpose: toFetch, owner: Instance{1}, id: ID{2}, deadline: now, expires: now.Add(time.Hour)}
	f.Add(keys.sign(good))
	f.Add(other.sign(good))
	f.Add("")
	f.Add(strings.Repeat("A", tokenText.EncodedLen(tokenBytes)))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := keys.open(text, toFetch, now)
		if err != nil {
			return
		}
		if got.purpose != toFetch || keys.sign(got) != text {
			t.Errorf("open(%q) = %+v, which is written %q", text, got, keys.sign(got))
		}
	})
}

func TestARequestKeyIsUsedOnce(t *testing.T) {
	const key = "0123456789abcdef"
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		first := s.later("POST", "/pay", "10", "Idempotency-Key", key)
		q := w.mustTake()
		if got := q.Header.Get("Idempotency-Key"); got != key {
			t.Errorf("the backend sees the key %q, want %q", got, key)
		}
		second := s.later("POST", "/pay", "10", "Idempotency-Key", key)
		synctest.Wait()
		if w.take() != nil {
			t.Error("the second request is in the queue too")
		}
		w.reply(q, 201, "paid", nil)
		(<-first).want(t, 201, "paid")
		(<-second).want(t, 201, "paid")
		s.stop()
		s.start()
		again := s.do(t.Context(), "POST", "/pay", "10", "Idempotency-Key", key)
		again.want(t, 201, "paid")
		if again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("headers are %v", again.header)
		}
		s.do(t.Context(), "POST", "/pay", "11", "Idempotency-Key", key).want(t, http.StatusUnprocessableEntity, "another request")
		s.do(t.Context(), "POST", "/pay", "10", "Idempotency-Key", "short").want(t, http.StatusBadRequest, "guess")
		mine := s.later("POST", "/pay", "10", "Idempotency-Key", key, "Authorization", "Bearer me")
		w.reply(w.mustTake(), 201, "paid by me", nil)
		(<-mine).want(t, 201, "paid by me")
		before := s.g.store.bytes.Load()
		s.stop()
		s.start()
		if n := s.g.store.bytes.Load(); n != before || n == 0 {
			t.Errorf("%d bytes are counted after a restart, %d before", n, before)
		}
		w.kit.Advance(testRetention + DeadlineDefault + 2*expireEvery)
		if n := s.g.store.bytes.Load(); n != 0 {
			t.Errorf("%d bytes are counted when all keys have expired", n)
		}
	})
}

func TestARequestKeySurvivesASendThatFailed(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		broken := &failingClient{Client: w.client}
		s := w.gateway(1, func(o *Options) { o.Client = broken })
		broken.fail.Store(true)
		s.do(t.Context(), "POST", "/pay", "10", "Idempotency-Key", "0123456789abcdef").want(t, http.StatusServiceUnavailable, "did not take")
		broken.fail.Store(false)
		got := s.later("POST", "/pay", "10", "Idempotency-Key", "0123456789abcdef")
		w.reply(w.mustTake(), 201, "paid", nil)
		(<-got).want(t, 201, "paid")
	})
}

// direct is the network between two gateways: it hands requests to the other's handler, while that is up.
type direct struct {
	to    *site
	asked []*http.Request
}

func (d *direct) RoundTrip(r *http.Request) (*http.Response, error) {
	d.asked = append(d.asked, r)
	if d.to.g == nil {
		return nil, errors.New("connection refused")
	}
	rec := httptest.NewRecorder()
	r.RequestURI = r.URL.RequestURI()
	d.to.g.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func TestAPeerIsAskedDirectly(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		route := func(origin string) func(*Options) {
			return func(o *Options) {
				o.Routes = []Route{{Queue: "requests", Wait: 5 * time.Second, Retention: testRetention, CORS: []string{origin}}}
				o.Peers = map[Instance]string{{1}: "https://a.example:8443"}
			}
		}
		a, b := w.gateway(1, route("*")), w.gateway(2, route("https://app.example"))
		wire := &direct{to: a}
		b.g.toPeers = wire
		location := a.get("/x", "Prefer", "respond-async").location(t)

		pending := b.get(location, "Origin", "https://app.example")
		if pending.location(t) != location || len(wire.asked) != 1 {
			t.Fatalf("%d questions to the peer, and its answer is %v", len(wire.asked), pending.header)
		}
		q := wire.asked[0]
		if got, want := q.URL.String(), "https://a.example:8443"+location; got != want || q.Header.Get(hopHeader) != b.opts.Instance.String() {
			t.Errorf("the peer was asked %s, want %s\n%v", got, want, q.Header)
		}
		if got := pending.header.Values("Access-Control-Allow-Origin"); !slices.Equal(got, []string{"https://app.example"}) {
			t.Errorf("pages of origins %q may read the answer, want what this gateway's route says", got)
		}
		w.reply(w.mustTake(), 200, "from the peer", nil)
		b.get(location).want(t, 200, "from the peer")

		b.get(location, hopHeader, Instance{3}.String()) // a peer asks
		if len(wire.asked) != 2 {
			t.Errorf("%d questions to the peer, want 2: what another gateway has passed on is not passed on again", len(wire.asked))
		}
	})
}

func TestAPeerThatDoesNotAnswerIsAskedThroughItsQueue(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		a := w.gateway(1, nil)
		b := w.gateway(2, func(o *Options) { o.Peers = map[Instance]string{{1}: "https://a.example"} })
		wire := &direct{to: &site{}}
		b.g.toPeers = wire
		location := a.get("/x", "Prefer", "respond-async").location(t)
		w.reply(w.mustTake(), 200, "through the queue", nil)
		b.get(location, "Prefer", "wait=10").want(t, 200, "through the queue")
		if len(wire.asked) == 0 {
			t.Error("the peer was not asked directly first")
		}
	})
}
