package queued_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/queued"
)

// queues lists the names of the queues for replies.
func (w *world) queues() []string {
	w.t.Helper()
	out, err := w.client.ListQueues(w.t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(queued.ReplyQueuePrefix)})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.QueueUrls
}

func TestPiecesArriveAsTheyAreMade(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.serve(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(rw, "data: %d\n\n", i)
				rw.(http.Flusher).Flush()
				w.pass(aWhile)
			}
		}))()
		transport, c := w.transport(nil)
		defer transport.Close()
		res, err := c.Get("http://shop.example/events")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		begun := time.Now()
		for i := range 3 {
			p := make([]byte, 100)
			n, err := res.Body.Read(p)
			if want := fmt.Sprintf("data: %d\n\n", i); string(p[:n]) != want || err != nil || time.Since(begun) != time.Duration(i)*aWhile {
				t.Errorf("after %s: %q, %v; want %q after %d s", time.Since(begun), p[:n], err, want, i)
			}
		}
	})
}

func TestManyRequestsGetTheirOwnAnswers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, r.URL.Query().Get("n"))
		}))()
		defer w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { // in two pieces
			n := r.URL.Query().Get("n")
			io.WriteString(rw, n[:1])
			rw.(http.Flusher).Flush()
			io.WriteString(rw, n[1:])
		}))()
		var wg sync.WaitGroup
		for range 3 {
			transport, c := w.transport(nil)
			defer transport.Close()
			for i := range 50 {
				wg.Go(func() {
					want := fmt.Sprintf("200 %q", fmt.Sprint(1000+i))
					if got := get(t.Context(), c, fmt.Sprintf("/?n=%d", 1000+i)); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				})
			}
		}
		wg.Wait()
		w.kit.Settle()
		if got := w.left(w.queue); got != "0 waiting, 0 hidden" {
			t.Errorf("the queue holds %s, want nothing", got)
		}
	})
}

func TestACallEndsWithItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		transport, c := w.transport(func(t *queued.Transport) { t.Timeout = time.Minute })
		defer transport.Close()
		begun := time.Now()
		if got := get(t.Context(), c, "/"); !strings.Contains(got, "deadline exceeded") || time.Since(begun) != time.Minute {
			t.Errorf("without a server: %s after %s; want the timeout after a minute", got, time.Since(begun))
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(aWhile, cancel)
		if got := get(ctx, c, "/"); !strings.Contains(got, "context canceled") {
			t.Errorf("canceled: %s", got)
		}
		defer w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, "half")
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		}))()
		ctx, cancel = context.WithTimeout(t.Context(), aWhile)
		defer cancel()
		if got := get(ctx, c, "/"); !strings.HasPrefix(got, `200 "half" error: `) {
			t.Errorf("in the middle of the body: %s", got)
		}
	})
}

func TestTheQueueForRepliesLivesAsLongAsItIsUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.serve(write("ok"))()
		dead := w.create(queued.ReplyQueuePrefix+"dead", nil)
		alive := w.create(queued.ReplyQueuePrefix+"alive", nil)
		w.create(queued.ReplyQueuePrefix+"nobodys", nil)
		tag := func(url string, until time.Time) {
			_, err := w.client.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{queued.LeaseTag: fmt.Sprint(until.Unix())}})
			if err != nil {
				t.Fatal(err)
			}
		}
		tag(dead, time.Now().Add(-time.Hour))
		tag(alive, time.Now().Add(-time.Minute)) // clocks differ
		transport, c := w.transport(nil)
		if got := get(t.Context(), c, "/"); got != `200 "ok"` {
			t.Fatal(got)
		}
		w.kit.Settle()
		if got := strings.Join(w.queues(), " "); strings.Contains(got, "dead") || len(w.queues()) != 3 {
			t.Errorf("queues after a start: %s; want the dead one gone and one more", got)
		}
		w.kit.Advance(15 * time.Minute)
		if got := w.queues(); len(got) != 2 {
			t.Errorf("queues after an idle quarter of an hour: %v, want the transport's gone", got)
		}
		if got := get(t.Context(), c, "/"); got != `200 "ok"` {
			t.Errorf("a request after that: %s", got)
		}
		w.kit.Settle()
		if err := transport.Close(); err != nil || len(w.queues()) != 1 {
			t.Errorf("after Close: %v, queues %v; want the transport's gone, and the one whose lease has ended since", err, w.queues())
		}
		if got := get(t.Context(), c, "/"); !strings.Contains(got, "closed") {
			t.Errorf("a request after Close: %s", got)
		}
		if strings.Contains(w.logs.String(), "level=WARN") {
			t.Errorf("there are warnings:\n%s", w.logs.String())
		}
	})
}

func TestALongCallKeepsItsQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.pass(3 * time.Hour) }),
			func(o *queued.Options) { o.Timeout = 4 * time.Hour })()
		transport, c := w.transport(func(t *queued.Transport) { t.Timeout = 4 * time.Hour })
		defer transport.Close()
		time.AfterFunc(2*time.Hour, func() { // another starter sweeps
			other, c := w.transport(func(t *queued.Transport) { t.Timeout = aWhile })
			get(context.Background(), c, "/")
			other.Close()
		})
		if got := get(t.Context(), c, "/"); got != `200 ""` {
			t.Errorf("got %s, want an answer after three hours", got)
		}
	})
}

// answerer plays a server: it takes one request and returns it with the queue for its replies.
func (w *world) answerer() (*queued.Request, string) {
	m := w.receive(w.queue)
	if m == nil {
		w.t.Error("no request came")
		return nil, ""
	}
	q, err := queued.DecodeRequest(*m.Body)
	if err != nil {
		w.t.Errorf("%s: %v", *m.Body, err)
		return nil, ""
	}
	out, err := w.client.GetQueueUrl(w.t.Context(), &sqs.GetQueueUrlInput{QueueName: &q.ReplyTo})
	if err != nil {
		w.t.Error(err)
		return nil, ""
	}
	return q, *out.QueueUrl
}

// last is an answer of one message, changed.
func last(change func(*queued.Reply)) queued.Reply {
	r := queued.Reply{Status: 200, Body: []byte("genuine"), Last: true}
	change(&r)
	return r
}

var genuine = last(func(*queued.Reply) {})

// answers are what a server may send to one asker, with what the asker gets.
var answers = []struct {
	name    string
	keys    queued.Keyring
	replies []queued.Reply // Re and Token are filled in unless set
	unsign  int            // this one is not signed; -1: all are
	raw     string         // sent before them
	want    string
}{
	{name: "one", replies: []queued.Reply{genuine}, want: `200 "genuine"`},
	{name: "garbage before it", raw: "hello", replies: []queued.Reply{genuine}, want: `200 "genuine"`},
	{name: "another version before it", raw: `{"forebay":"queued-http/7"}`, replies: []queued.Reply{genuine}, want: `200 "genuine"`},
	{name: "another's token", want: `200 "genuine"`,
		replies: []queued.Reply{last(func(r *queued.Reply) { r.Token, r.Body = "guess", []byte("forged") }), genuine}},
	{name: "another's id", want: `200 "genuine"`,
		replies: []queued.Reply{last(func(r *queued.Reply) { r.Re, r.Body = "guess", []byte("forged") }), genuine}},
	{name: "not signed", keys: keyring, unsign: 0, want: `200 "genuine"`,
		replies: []queued.Reply{last(func(r *queued.Reply) { r.Body = []byte("forged") }), genuine}},
	{name: "two answers", replies: []queued.Reply{genuine, last(func(r *queued.Reply) { r.Attempt, r.Body = "b", []byte("second") })}, want: `200 "genuine"`},
	{name: "a length that is wrong", want: "contradicts",
		replies: []queued.Reply{last(func(r *queued.Reply) { r.Header = http.Header{"Content-Length": {"3"}} })}},
	{name: "two attempts mixed, the second whole", want: `200 "AB" error: queued: the answer broke off`,
		replies: []queued.Reply{{Attempt: "a", Status: 200, Body: []byte("AB")}, {Attempt: "b", Status: 200, Body: []byte("x")},
			{Attempt: "b", Seq: 1, Body: []byte("y"), Last: true}}},
	{name: "out of order", want: `200 "ABCD"`,
		replies: []queued.Reply{{Attempt: "a", Seq: 2, Body: []byte("D"), Last: true}, {Attempt: "a", Seq: 1, Body: []byte("C")},
			{Attempt: "a", Status: 200, Body: []byte("AB")}}},
	{name: "aborted at once", replies: []queued.Reply{{Attempt: "a", Last: true, Abort: true}}, want: "broke off"},
	{name: "by the server itself", want: `502 failed ""`,
		replies: []queued.Reply{last(func(r *queued.Reply) { r.Status, r.Reason, r.Body = 502, queued.ReasonFailed, nil })}},
}

func TestOnlyGenuineRepliesReachTheAsker(t *testing.T) {
	for _, c := range answers {
		inWorld(t, func(t *testing.T, w *world) {
			transport, client := w.transport(func(t *queued.Transport) { t.Keys = c.keys })
			defer transport.Close()
			result := make(chan string)
			go func() { result <- get(t.Context(), client, "/") }()
			q, back := w.answerer()
			if q == nil {
				return
			}
			if c.raw != "" {
				w.put(back, c.raw, "")
			}
			for i, r := range c.replies {
				if r.Re == "" {
					r.Re = q.ID
				}
				if r.Token == "" {
					r.Token = q.Token
				}
				body, err := r.Encode()
				if err != nil {
					t.Fatal(err)
				}
				signature := c.keys.Sign(queued.KindReply, body, time.Now())
				if i == c.unsign && len(c.replies) > 1 {
					signature = ""
				}
				w.put(back, body, signature)
				w.kit.Settle() // else two pollers may overtake each other
			}
			if got := <-result; !strings.Contains(got, c.want) {
				t.Errorf("%s: got %s, want %s; log:\n%s", c.name, got, c.want, w.logs.String())
			}
			w.kit.Settle()
			if got := w.left(back); got != "0 waiting, 0 hidden" {
				t.Errorf("%s: the queue for replies holds %s", c.name, got)
			}
		})
	}
}

// put sends a reply as it stands.
func (w *world) put(url, body, signature string) {
	w.t.Helper()
	_, err := w.client.SendMessage(w.t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body, MessageAttributes: queued.Attributes(signature, queued.Trace{})})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestAnAnswerIsHeldBackUntilItIsWhole(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		transport, client := w.transport(func(t *queued.Transport) { t.Whole = true })
		defer transport.Close()
		result := make(chan string)
		go func() { result <- get(t.Context(), client, "/") }()
		q, back := w.answerer()
		if q.Stream {
			t.Error("the request asks for pieces")
		}
		for _, r := range []queued.Reply{{Attempt: "dies", Status: 200, Body: []byte("AB")}, {Attempt: "b", Status: 201, Body: []byte("x")},
			{Attempt: "b", Seq: 1, Body: []byte("y"), Last: true}} {
			r.Re, r.Token = q.ID, q.Token
			body, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			w.put(back, body, "")
		}
		if got := <-result; got != `201 "xy"` {
			t.Errorf("got %s, want the second answer whole", got)
		}
	})
}

func TestASlowReaderLeavesTheRestInTheQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.serve(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(make([]byte, 3<<20)) }))()
		transport, c := w.transport(func(t *queued.Transport) { t.BufferBytes, t.Timeout = 1<<20, time.Hour })
		defer transport.Close()
		res, err := c.Get("http://shop.example/")
		if err != nil {
			t.Fatal(err)
		}
		w.kit.Advance(time.Minute)
		if got := w.left(w.queues()[0]); strings.HasPrefix(got, "0 waiting, 0") {
			t.Error("all of a large answer was taken out of the queue for a reader who does not read")
		}
		n, err := io.Copy(io.Discard, res.Body)
		if n != 3<<20 || err != nil {
			t.Errorf("read %d bytes, %v; want all 3 MiB", n, err)
		}
		res.Body.Close()
	})
}

func TestWhatCannotBeSentIsAnError(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		transport, c := w.transport(nil)
		defer transport.Close()
		_, err := c.Post("http://shop.example/", "", strings.NewReader(strings.Repeat("a", 300<<10)))
		if !errors.Is(err, queued.ErrTooLarge) {
			t.Errorf("a large body: %v, want ErrTooLarge", err)
		}
		_, err = c.Post("http://shop.example/", "", strings.NewReader(strings.Repeat("\xff", 200<<10)))
		if !errors.Is(err, queued.ErrTooLarge) {
			t.Errorf("a body that is large in base64: %v, want ErrTooLarge", err)
		}
		if _, err := c.Get("http://shop.example/a/../b"); !errors.Is(err, queued.ErrFormat) {
			t.Errorf("a path that is not resolved: %v, want ErrFormat", err)
		}
		lost, c := w.transport(func(t *queued.Transport) { t.Queue = "nowhere" })
		defer lost.Close()
		if _, err := c.Get("http://shop.example/"); err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("no such queue: %v", err)
		}
		if _, err := (&http.Client{Transport: &queued.Transport{}}).Get("http://shop.example/"); err == nil {
			t.Error("a transport without a client was taken")
		}
	})
}

func TestSignaturesGoBothWays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var calls atomic.Int32
		defer w.serve(counting(&calls), func(o *queued.Options) { o.Keys = queued.Keyring{oldKey} })()
		transport, c := w.transport(func(t *queued.Transport) { t.Keys = queued.Keyring{oldKey, newKey} })
		defer transport.Close()
		if got := get(t.Context(), c, "/"); got != `200 "call 1"` {
			t.Errorf("got %s", got)
		}
		stranger, c := w.transport(nil)
		defer stranger.Close()
		if got := get(t.Context(), c, "/"); !strings.HasPrefix(got, "403 unsigned") || calls.Load() != 1 {
			t.Errorf("a stranger got %s after %d calls", got, calls.Load())
		}
	})
}
