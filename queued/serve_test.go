package queued_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/queued"
)

// replies is a queue that replies may go to.
const replies = "forebay-replies-test"

// counting is a handler that counts how often it is called.
func counting(n *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "call ", n.Add(1)) })
}

// short is a reply in few words.
func short(r *queued.Reply) string {
	text := fmt.Sprintf("%s %d %s %q", r.Re, r.Status, r.Reason, r.Body)
	if r.Abort {
		text += " abort"
	}
	return strings.ReplaceAll(text, "  ", " ")
}

// asked is a request to the queue replies with some members changed.
func asked(changes map[string]any) string {
	members := map[string]any{"method": "GET", "reply_to": replies}
	for name, value := range changes {
		members[name] = value
	}
	return with(members)
}

func TestARequestMadeByHandIsAnswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		var calls atomic.Int32
		defer w.serve(counting(&calls))()
		w.send(`{"forebay": "queued-http/1", "id": "7b1d", "method": "GET", "url": "/", "reply_to": "`+replies+`", "token": "t"}`, nil)
		r := w.reply(back)
		if got, want := short(r), `7b1d 200 "call 1"`; got != want || r.Token != "t" || !r.Last {
			t.Errorf("reply %s, token %q, last %t; want %s, t, true", got, r.Token, r.Last, want)
		}
		w.send(asked(map[string]any{"reply_to": back, "id": "by-url"}), nil)
		if got, want := short(w.reply(back)), `by-url 200 "call 2"`; got != want {
			t.Errorf("to a URL: %s, want %s", got, want)
		}
		w.kit.Settle()
		if got := w.left(w.queue); got != "0 waiting, 0 hidden" {
			t.Errorf("the queue holds %s, want nothing", got)
		}
	})
}

// signed is the attribute with a signature of body.
func signed(body string) map[string]string {
	return map[string]string{queued.AttributeSignature: keyring.Sign(queued.KindRequest, body, time.Now())}
}

// keys asks for signatures.
func keys(o *queued.Options) { o.Keys = keyring }

// rules sets the rules of a server.
func rules(r queued.Rules) func(*queued.Options) { return func(o *queued.Options) { o.Rules = r } }

// messages are one message each, with what becomes of it.
var messages = []struct {
	name       string
	body       string
	attributes func(body string) map[string]string
	option     func(*queued.Options)
	want       string // the reply, or what is left in the queue
}{
	{name: "garbage", body: "hello", want: "1 hidden"},
	{name: "another version", body: asked(map[string]any{"forebay": "queued-http/9"}), want: "1 hidden"},
	{name: "an unknown need", body: asked(map[string]any{"needs": []string{"x"}}), want: "1 hidden"},
	{name: "a reply", body: `{"forebay":"queued-http/1","re":"1","status":200,"last":true}`, want: "1 hidden"},
	{name: "a bad path", body: asked(map[string]any{"url": "/../etc"}), want: "400 bad-request"},
	{name: "conflicting lengths", body: asked(map[string]any{"headers": pairs{{"Content-Length", "5"}}}), want: "400 bad-request"},
	{name: "a smuggled header", body: asked(map[string]any{"headers": pairs{{"X", "a\r\nY: b"}}}), want: "400 bad-request"},
	{name: "a bad path and no address", body: asked(map[string]any{"url": "/../etc", "reply_to": nil}), want: "1 hidden"},
	{name: "replies to a stranger's queue", body: asked(map[string]any{"reply_to": "orders"}), want: "1 hidden"},
	{name: "replies to a stranger's queue by URL", body: asked(map[string]any{"reply_to": "http://evil/forebay-replies-x/orders"}), want: "1 hidden"},
	{name: "a deadline that has passed", body: asked(map[string]any{"deadline": "2000-01-01T00:00:00Z"}), want: "504 deadline"},
	{name: "a deadline that has passed, and no address", body: asked(map[string]any{"deadline": "2000-01-01T00:00:00Z", "reply_to": nil}), want: "gone"},
	{name: "no signature", body: asked(nil), option: keys, want: "403 unsigned"},
	{name: "a signature", body: asked(nil), attributes: signed, option: keys, want: `200 "served"`},
	{name: "a forged signature", body: asked(nil), option: keys, want: "403 unsigned",
		attributes: func(string) map[string]string { return signed("another body") }},
	{name: "a bad request without signature", body: asked(map[string]any{"url": "x"}), option: keys, want: "403 unsigned"},
	{name: "no signature, given back", body: asked(nil), want: "1 hidden",
		option: func(o *queued.Options) { o.Keys, o.Refused = keyring, queued.GiveBack }},
	{name: "another method", body: asked(nil), option: rules(queued.Rules{Methods: []string{"POST"}}), want: "403 refused"},
	{name: "this method", body: asked(nil), option: rules(queued.Rules{Methods: []string{"GET"}}), want: `200 "served"`},
	{name: "another path", body: asked(map[string]any{"url": "/apix"}), option: rules(queued.Rules{Paths: []string{"/api"}}), want: "403 refused"},
	{name: "this path", body: asked(map[string]any{"url": "/api/x?y"}), option: rules(queued.Rules{Paths: []string{"/b", "/api"}}), want: `200 "served"`},
	{name: "another host", body: asked(map[string]any{"host": "b.example:80"}), option: rules(queued.Rules{Hosts: []string{"a.example"}}), want: "403 refused"},
	{name: "this host", body: asked(map[string]any{"host": "A.example:80"}), option: rules(queued.Rules{Hosts: []string{"a.example"}}), want: `200 "served"`},
	{name: "no header", body: asked(nil), option: rules(queued.Rules{Header: http.Header{"X-Team": {"a"}}}), want: "403 refused"},
	{name: "another header", body: asked(map[string]any{"headers": pairs{{"x-team", "b"}}}), option: rules(queued.Rules{Header: http.Header{"X-Team": {"a"}}}), want: "403 refused"},
	{name: "this header", body: asked(map[string]any{"headers": pairs{{"x-team", "a"}}}), option: rules(queued.Rules{Header: http.Header{"X-Team": {"a"}}}), want: `200 "served"`},
	{name: "a large body", body: asked(map[string]any{"body": "12345"}), option: rules(queued.Rules{BodyBytesMax: 4}), want: "413 too-large"},
	{name: "another token", body: asked(map[string]any{"token": "b.1"}), option: rules(queued.Rules{TokenPrefix: "a."}), want: "403 refused"},
	{name: "a refusal given back", body: asked(nil), want: "1 hidden", option: func(o *queued.Options) {
		o.Rules.Methods, o.Refused = []string{"POST"}, queued.GiveBack
	}},
	{name: "a refusal that nobody waits for", body: asked(map[string]any{"reply_to": nil}), option: rules(queued.Rules{Methods: []string{"POST"}}), want: "1 hidden"},
}

// TestWhatIsNotServedHasAnOutcome sends each message and looks at the reply, or at what is left in the queue.
func TestWhatIsNotServedHasAnOutcome(t *testing.T) {
	for _, c := range messages {
		inWorld(t, func(t *testing.T, w *world) {
			back := w.create(replies, nil)
			option := c.option
			if option == nil {
				option = func(*queued.Options) {}
			}
			defer w.serve(write("served"), option)()
			var attributes map[string]string
			if c.attributes != nil {
				attributes = c.attributes(c.body)
			}
			w.send(c.body, attributes)
			w.kit.Settle()
			left := w.left(w.queue)
			got := "gone"
			if !strings.HasPrefix(left, "0 waiting, 0") {
				got = left
			} else if m := w.left(back); !strings.HasPrefix(m, "0 waiting") {
				got = short(w.reply(back))
			}
			if !strings.Contains(got, c.want) || c.want == "1 hidden" && w.left(back) != "0 waiting, 0 hidden" {
				t.Errorf("%s: %s: got %s, want %s; log:\n%s", c.name, c.body, got, c.want, w.logs.String())
			}
		})
	}
}

func TestGarbageEndsInTheDeadLetterQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		dead := w.create("dead", nil)
		w.queue = w.create("guarded", map[string]string{
			"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"3"}`})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- queued.Serve(ctx, w.client, w.queue, write(""), func(o *queued.Options) { o.Logger = w.logger() })
		}()
		w.send("garbage", nil)
		w.kit.Advance(time.Minute)
		if m := w.receive(dead); m == nil || *m.Body != "garbage" {
			t.Errorf("the dead-letter queue gave %v, want the garbage", m)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestARequestMarkedOnceIsStartedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		var calls atomic.Int32
		stop := w.serve(counting(&calls))
		w.send(asked(map[string]any{"once": true}), nil)
		w.send(asked(map[string]any{"once": true}), nil) // sent twice by an asker who was not sure
		got := []string{short(w.reply(back)), short(w.reply(back))}
		if !strings.Contains(got[0]+got[1], `200 "call 1"`) || !strings.Contains(got[0]+got[1], "502 started") || calls.Load() != 1 {
			t.Errorf("replies %q after %d calls; want one 200 and one 502", got, calls.Load())
		}
		stop()
		w.kit.Advance(aWhile) // until the server has noticed that the polls have ended

		w.send(asked(map[string]any{"once": true, "id": "second"}), nil) // received by a server that dies
		if m := w.receiveOnly(); m == nil {
			t.Fatal("nothing to receive")
		}
		defer w.serve(counting(&calls))()
		w.kit.Advance(time.Minute)
		if got, want := short(w.reply(back)), "second 502 started"; !strings.HasPrefix(got, want) || calls.Load() != 1 {
			t.Errorf("after a server that died: %s, %d calls; want %s", got, calls.Load(), want)
		}
	})
}

// receiveOnly takes a request as a server that dies does.
func (w *world) receiveOnly() *types.Message {
	out, err := w.client.ReceiveMessage(w.t.Context(), receiveFrom(w.queue))
	if err != nil || len(out.Messages) == 0 {
		return nil
	}
	return &out.Messages[0]
}

func TestARequestWhoseServerDiesIsAnsweredByAnother(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		w.send(asked(nil), nil)
		w.receiveOnly()
		var calls atomic.Int32
		defer w.serve(counting(&calls))()
		w.kit.Advance(time.Minute)
		if got, want := short(w.reply(back)), `r-1 200 "call 1"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestARequestWhoseAskerHasGoneIsSkipped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var calls atomic.Int32
		defer w.serve(counting(&calls))()
		w.send(asked(map[string]any{"skip_if_gone": true}), nil)
		w.kit.Settle()
		if n := calls.Load(); n != 0 || w.left(w.queue) != "0 waiting, 0 hidden" {
			t.Errorf("%d calls, %s; want none and an empty queue", n, w.left(w.queue))
		}
		w.send(asked(nil), nil)
		w.kit.Settle()
		if n := calls.Load(); n != 1 || w.left(w.queue) != "0 waiting, 0 hidden" {
			t.Errorf("without the mark: %d calls, %s; want one and an empty queue", n, w.left(w.queue))
		}
	})
}

func TestASlowHandlerKeepsItsRequest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		var calls atomic.Int32
		slow := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.pass(10 * time.Minute)
			io.WriteString(rw, "at last")
		})
		defer w.serve(slow)()
		w.send(asked(nil), nil)
		w.kit.Advance(11 * time.Minute)
		if got, want := short(w.reply(back)), `r-1 200 "at last"`; got != want || calls.Load() != 1 {
			t.Errorf("%s after %d calls, want %s after one", got, calls.Load(), want)
		}
	})
}

func TestTimeEndsAHandler(t *testing.T) {
	for _, c := range []struct {
		name, want string
		timeout    time.Duration
		deadline   time.Duration
		begin      bool // the handler has sent a piece before
	}{
		{name: "the server's limit", timeout: aWhile, want: "504 timeout"},
		{name: "the request's deadline", timeout: time.Hour, deadline: aWhile, want: "504 deadline"},
		{name: "in the middle of an answer", timeout: aWhile, begin: true, want: "200 | 0 timeout abort"},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			back := w.create(replies, nil)
			h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if c.begin {
					rw.(http.Flusher).Flush()
				}
				<-r.Context().Done()
				http.Error(rw, "interrupted", 500)
			})
			defer w.serve(h, func(o *queued.Options) { o.Timeout = c.timeout })()
			changes := map[string]any{"stream": true}
			if c.deadline > 0 {
				changes["deadline"] = time.Now().Add(c.deadline).Format(time.RFC3339Nano)
			}
			w.send(asked(changes), nil)
			w.kit.Advance(2 * aWhile)
			got := short(w.reply(back))
			if c.begin {
				got += " | " + short(w.reply(back))
			}
			got = strings.ReplaceAll(strings.ReplaceAll(got, ` ""`, ""), "r-1 ", "")
			if !strings.Contains(got, c.want) {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
		})
	}
}

func TestAPanicIsAnswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		defer w.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))()
		w.send(asked(nil), nil)
		if got, want := short(w.reply(back)), "r-1 500 panic"; !strings.HasPrefix(got, want) || strings.Contains(got, "broken") {
			t.Errorf("got %s, want %s and no detail", got, want)
		}
		if !strings.Contains(w.logs.String(), "broken") {
			t.Error("the log does not tell of the panic")
		}
	})
}

func TestStoppingWaitsForAnswersAndGivesTheRestBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(map[string]time.Duration{"/quick": 5 * time.Second, "/slow": time.Hour}[r.URL.Path]):
				io.WriteString(rw, "done")
			case <-r.Context().Done():
				http.Error(rw, "interrupted", 500)
			}
		})
		stop := w.serve(h, func(o *queued.Options) { o.Grace, o.Timeout = 10*time.Second, 2*time.Hour })
		w.send(asked(map[string]any{"id": "quick", "url": "/quick"}), nil)
		w.send(asked(map[string]any{"id": "slow", "url": "/slow"}), nil)
		w.kit.Settle()
		begun := time.Now()
		stop()
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("stopping took %s, want the grace of 10s", took)
		}
		if got, want := short(w.reply(back)), `quick 200 "done"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := w.left(back) + "; " + w.left(w.queue); got != "0 waiting, 0 hidden; 1 waiting, 0 hidden" {
			t.Errorf("left: %s; want no reply, and the slow request in its queue", got)
		}
	})
}

func TestAHandlerMayGiveBackOrFail(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		back := w.create(replies, nil)
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			d, ok := queued.DeliveryOf(r.Context())
			if !ok {
				t.Error("no delivery in the context")
			}
			io.WriteString(rw, "not to be seen")
			if d.Receives < 3 {
				d.GiveBack(time.Minute)
			} else {
				d.Fail(502, queued.ReasonFailed, "three times")
			}
		})
		defer w.serve(h)()
		w.send(asked(nil), nil)
		begun := time.Now()
		w.kit.Advance(3 * time.Minute)
		if got, want := short(w.reply(back)), `r-1 502 failed "three times\n"`; got != want || time.Since(begun) > 4*time.Minute {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestTheTemporaryQueuesClientIsAnsweredAsItExpects(t *testing.T) {
	const virtual = "__AmazonSQSVirtualQueuesClient.QueueName"
	inWorld(t, func(t *testing.T, w *world) {
		host := w.create("__RequesterClientQueues__-1", nil)
		defer w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/large" {
				rw.Write(make([]byte, 1<<20))
				return
			}
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(rw, "%s %s %s", r.Method, r.URL, body)
		}), func(o *queued.Options) { o.PlainPath = "/jobs" })()
		for _, c := range []struct{ name, body, want string }{
			{"a plain body", "resize 7", "POST /jobs resize 7"},
			{"a request of the format", with(map[string]any{"reply_to": nil}), `"status":200`},
			{"an answer of several messages", with(map[string]any{"reply_to": nil, "url": "/large", "stream": true}), `"status":500`},
		} {
			w.send(c.body, map[string]string{"ResponseQueueUrl": host + "#virtual-7"})
			m := w.receive(host)
			if m == nil || !strings.Contains(*m.Body, c.want) || *m.MessageAttributes[virtual].StringValue != "virtual-7" {
				t.Errorf("%s: got %v, want %s for virtual-7; log:\n%s", c.name, m, c.want, w.logs.String())
			}
		}
		w.send("to itself", map[string]string{"ResponseQueueUrl": host}) // without virtual queues
		if m := w.receive(host); m == nil || len(m.MessageAttributes) != 1 || *m.MessageAttributes["forebay-status"].StringValue != "200" {
			t.Errorf("to a queue of its own: %v", m)
		}
		w.send("elsewhere", map[string]string{"ResponseQueueUrl": w.create("orders", nil)})
		w.kit.Settle()
		if got := w.left(w.queue); got != "0 waiting, 1 hidden" {
			t.Errorf("a reply to a queue that is not allowed: %s, want the request kept", got)
		}
	})
}

func TestAnAnswerThatFitsNoMessageIsAnError(t *testing.T) {
	large := strings.Repeat("a", queued.HeaderBytesMax)
	for _, c := range []struct {
		name, want string
		small      bool // the queue for replies takes 4 KiB
		handler    http.HandlerFunc
	}{
		{name: "a header", want: "r-1 500 too-large", handler: func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X", large) }},
		{name: "a header of early hints", want: "r-1 500 too-large", handler: func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Link", large)
			rw.WriteHeader(http.StatusEarlyHints)
			rw.Header().Del("Link")
		}},
		{name: "a trailer", want: "r-1 500 too-large", handler: func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(200)
			rw.Header().Set(http.TrailerPrefix+"X", large)
		}},
		{name: "a trailer after a piece", want: `r-1 200 "x" r-1 0 "" abort`, handler: func(rw http.ResponseWriter, _ *http.Request) {
			io.WriteString(rw, "x")
			rw.(http.Flusher).Flush()
			rw.Header().Set(http.TrailerPrefix+"X", large)
		}},
		{name: "a body, for a queue that takes less", small: true, want: "r-1 500 too-large", handler: write(strings.Repeat("a", 5000))},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			attributes := map[string]string{}
			if c.small {
				attributes["MaximumMessageSize"] = "4096"
			}
			back := w.create(replies, attributes)
			defer w.serve(c.handler)()
			w.send(asked(map[string]any{"stream": true}), nil)
			got := short(w.reply(back))
			if strings.HasSuffix(c.want, "abort") {
				got += " " + short(w.reply(back))
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: got %s, want %s; log:\n%s", c.name, got, c.want, w.logs.String())
			}
			w.kit.Settle()
			if left := w.left(w.queue); left != "0 waiting, 0 hidden" {
				t.Errorf("%s: the request is still there: %s", c.name, left)
			}
		})
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	for _, c := range []struct{ requests, atOnce int32 }{{40, 5}, {250, 100}} {
		concurrencyIs(t, c.requests, c.atOnce)
	}
}

func concurrencyIs(t *testing.T, requests, atOnce int32) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		var now, most, all atomic.Int32
		defer w.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			w.pass(aWhile)
			now.Add(-1)
			all.Add(1)
		}), func(o *queued.Options) { o.Concurrency, o.Pollers = int(atOnce), 3 })()
		for range requests {
			w.send(asked(map[string]any{"reply_to": nil}), nil)
		}
		w.kit.Advance(time.Minute)
		if most.Load() != atOnce || all.Load() != requests {
			t.Errorf("%d requests done, %d at once; want %d, %d", all.Load(), most.Load(), requests, atOnce)
		}
	})
}

func TestServeRefusesWhatCannotWork(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for name, set := range map[string]func(*queued.Options){
			"concurrency -1":  func(o *queued.Options) { o.Concurrency = -1 },
			"visibility 1s":   func(o *queued.Options) { o.Visibility = time.Second },
			"timeout 12h":     func(o *queued.Options) { o.Timeout = 12 * time.Hour },
			"messages of 1":   func(o *queued.Options) { o.MessageBytes = 1 },
			"the secret of k": func(o *queued.Options) { o.Keys = queued.Keyring{{ID: "k"}} },
			"is no pattern":   func(o *queued.Options) { o.ReplyTo = []string{"["} },
		} {
			_, rest, _ := strings.Cut(name, " ")
			if err := queued.Serve(t.Context(), w.client, "requests", write(""), set); err == nil || !strings.Contains(err.Error(), strings.Fields(rest)[0]) {
				t.Errorf("%s: %v, want an error about it", name, err)
			}
		}
		err := queued.Serve(t.Context(), w.client, "nowhere", write(""))
		if gone, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
			t.Errorf("a queue that is not there: %v (%v)", err, gone)
		}
	})
}
