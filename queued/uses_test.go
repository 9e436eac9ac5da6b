package queued_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

// signedAt is the attribute with a signature of body, made at a time.
func signedAt(body string, at time.Time) map[string]string {
	return map[string]string{queued.AttributeSignature: keyring.Sign(queued.KindRequest, body, at)}
}

// inMinutes is a deadline as it stands in a message.
func inMinutes(n int) string {
	return time.Now().Add(time.Duration(n) * time.Minute).UTC().Format(time.RFC3339)
}

// copies are ways to send one signed request, which body makes, more than once.
var copies = []struct {
	name  string
	play  func(w *world, body string)
	body  func() string
	calls int32
	log   string
}{
	{"the same message sent again after its answer", func(w *world, body string) {
		w.send(body, signed(body))
		w.pass(time.Second)
		w.send(body, signed(body))
	}, func() string { return asked(nil) }, 1, "a copy of a signed request is dropped"},
	{"with the signature that it had", func(w *world, body string) {
		attributes := signed(body)
		w.send(body, attributes)
		w.pass(time.Minute)
		w.send(body, attributes)
	}, func() string { return asked(nil) }, 1, "a copy of a signed request is dropped"},
	{"many times at once", func(w *world, body string) {
		for range 20 {
			w.send(body, signed(body))
		}
	}, func() string { return asked(nil) }, 1, "a copy of a signed request is dropped"},
	{"thirteen days after it was signed, without a deadline", func(w *world, body string) {
		attributes := signedAt(body, time.Now().Add(-13*24*time.Hour))
		w.send(body, attributes)
		w.send(body, attributes)
	}, func() string { return asked(nil) }, 1, "a copy of a signed request is dropped"},
	{"fifteen days after it was signed, which no queue keeps", func(w *world, body string) {
		w.send(body, signedAt(body, time.Now().Add(-15*24*time.Hour)))
	}, func() string { return asked(nil) }, 0, "and a queue keeps a message for 336h0m0s at most"},
	{"marked once", func(w *world, body string) {
		w.send(body, signed(body))
		w.send(body, signed(body))
	}, func() string { return asked(map[string]any{"once": true}) }, 1, "a copy of a signed request is dropped"},
	{"just before its deadline", func(w *world, body string) {
		w.send(body, signed(body))
		w.pass(9 * time.Minute)
		w.send(body, signed(body))
	}, func() string { return asked(map[string]any{"deadline": inMinutes(10)}) }, 1, "a copy of a signed request is dropped"},
	{"a plain message of the temporary queues client", func(w *world, body string) {
		attributes := signed(body)
		attributes["ResponseQueueUrl"] = w.create(replies, nil)
		w.send(body, attributes)
		w.pass(2 * time.Second)
		w.send(body, attributes)
	}, func() string { return "plain" }, 1, "a copy of a signed request is dropped"},
	{"another request", func(w *world, body string) {
		w.send(body, signed(body))
		other := strings.Replace(body, `"r-1"`, `"r-2"`, 1)
		w.send(other, signed(other))
	}, func() string { return asked(nil) }, 2, ""},
}

func TestACopyOfASignedRequestIsNotExecuted(t *testing.T) {
	for _, row := range copies {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.create(replies, nil)
				var calls atomic.Int32
				stop := w.serve(counting(&calls), keys)
				row.play(w, row.body())
				w.pass(time.Second)
				w.kit.Settle()
				stop()
				if calls.Load() != row.calls || !strings.Contains(w.logs.String(), row.log) {
					t.Errorf("%d calls, want %d and %q in the log:\n%s", calls.Load(), row.calls, row.log, w.logs.String())
				}
			})
		})
	}
}

func TestACopyOfASignedRequestIsNotAnswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		release := make(chan struct{})
		slow := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			<-release
			fmt.Fprint(rw, "the answer")
		})
		stop := w.serve(slow, keys)
		defer stop()
		body := asked(map[string]any{"once": true})
		w.send(body, signed(body))
		w.pass(time.Second)
		w.send(body, signed(body)) // while the first is at work
		w.pass(time.Second)
		close(release)
		if got, want := short(w.reply(back)), `r-1 200 "the answer"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if m := w.receive(back); m != nil {
			t.Errorf("a second reply came: %s", *m.Body)
		}
		if got := w.left(w.queue); got != "0 waiting, 0 hidden" {
			t.Errorf("the queue holds %s, want nothing", got)
		}
	})
}

// sharedUses is a memory that outlives the servers that it is given to, as one on disk does.
type sharedUses map[string]string

func (u sharedUses) Use(request, message string, _ time.Time) (bool, error) {
	if u[request] == "" {
		u[request] = message
	}
	return u[request] == message, nil
}

func (u sharedUses) Forget(request string) error { delete(u, request); return nil }

func TestARedeliveryOfASignedRequestIsNoCopy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		memory := sharedUses{}
		remember := func(o *queued.Options) { o.Keys, o.Uses = keyring, memory }
		first := w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			d, _ := queued.DeliveryOf(r.Context())
			d.GiveBack(10 * time.Second) // as a server that dies at its work: noted, and not answered
		}), remember)
		body := asked(nil)
		w.send(body, signed(body))
		w.pass(time.Second)
		first()
		if len(memory) != 1 {
			t.Fatalf("remembered are %v, want one request", memory)
		}
		w.send(body, signed(body)) // a copy comes before the redelivery
		var calls atomic.Int32
		second := w.serve(counting(&calls), remember)
		defer second()
		w.pass(5 * time.Second)
		if calls.Load() != 0 {
			t.Errorf("the copy was executed")
		}
		w.pass(10 * time.Second)
		if got, want := short(w.reply(back)), `r-1 200 "call 1"`; got != want || calls.Load() != 1 {
			t.Errorf("got %s after %d calls, want %s after one", got, calls.Load(), want)
		}
	})
}

type failingUses struct{ sharedUses }

func (failingUses) Use(string, string, time.Time) (bool, error) { return false, errors.New("no room") }

func TestARequestThatCannotBeRememberedStaysInItsQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.create(replies, nil)
		var calls atomic.Int32
		stop := w.serve(counting(&calls), func(o *queued.Options) { o.Keys, o.Uses = keyring, failingUses{} })
		defer stop()
		body := asked(nil)
		w.send(body, signed(body))
		w.kit.Settle()
		if got := w.left(w.queue); got != "0 waiting, 1 hidden" || calls.Load() != 0 {
			t.Errorf("the queue holds %s after %d calls, want the request and none", got, calls.Load())
		}
	})
}

func TestARequestThatIsKeptElsewhereMayComeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		var calls atomic.Int32
		stop := w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			d, _ := queued.DeliveryOf(r.Context())
			if calls.Add(1) == 1 {
				d.Fail(http.StatusBadGateway, queued.ReasonFailed, "down")
				if err := d.MayComeAgain(); err != nil {
					t.Error(err)
				}
				return
			}
			fmt.Fprint(rw, "up")
		}), keys)
		defer stop()
		body := asked(nil)
		w.send(body, signed(body))
		if got := short(w.reply(back)); !strings.Contains(got, "502 failed") {
			t.Errorf("got %s, want 502", got)
		}
		w.send(body, signed(body)) // out of a dead-letter queue
		if got, want := short(w.reply(back)), `r-1 200 "up"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
