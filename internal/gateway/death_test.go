package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/queued"
)

// mortal is the client of a backend that can be killed: nothing of it reaches the server any more then.
type mortal struct {
	*sqs.Client
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

func (m *mortal) ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Client.ChangeMessageVisibility(ctx, in, o...)
}

func (m *mortal) SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Client.SendMessage(ctx, in, o...)
}

func (m *mortal) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Client.DeleteMessageBatch(ctx, in, o...)
}

// backend runs a backend with default options until kill, which ends it without a last word, or stop.
func (w *world) backend(h http.Handler, change func(*queued.Options)) (kill, stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	client := &mortal{Client: w.client}
	var running sync.WaitGroup
	running.Go(func() {
		err := queued.Serve(ctx, client, "requests", h, func(o *queued.Options) {
			o.Logger, o.Grace = slog.New(slog.DiscardHandler), -1
			if change != nil {
				change(o)
			}
		})
		if err != nil {
			w.t.Error(err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	return func() { client.dead.Store(true); stop() }, stop
}

// TestAClientGetsItsReplyAlthoughABackendIsKilled has everything at its defaults and kills a backend at its work.
func TestAClientGetsItsReplyAlthoughABackendIsKilled(t *testing.T) {
	for _, row := range []struct {
		name   string
		after  time.Duration // of the kill, since the request
		signed bool
	}{
		{"at once", 0, false},
		{"a moment after it has said that it is at work", 4 * time.Second, false},
		{"after half of the wait", WaitDefault / 2, false},
		{"with signed requests, which are used once", 4 * time.Second, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				var ring queued.Keyring
				if row.signed {
					ring = queued.Keyring{{ID: "k", Secret: bytes.Repeat([]byte("s"), 32)}}
				}
				s := w.gateway(1, func(o *Options) { o.Routes[0].Wait, o.Keyring = 0, ring })
				var calls atomic.Int32
				keyed := func(o *queued.Options) { o.Keys = ring }
				kill, _ := w.backend(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					calls.Add(1)
					<-r.Context().Done()
				}), keyed)
				began := time.Now()
				got := s.later("POST", "/order", "one")
				time.Sleep(row.after)
				synctest.Wait()
				kill()
				_, stop := w.backend(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
					fmt.Fprintf(rw, "done at attempt %d", calls.Add(1))
				}), keyed)
				defer stop()
				(<-got).want(t, 200, "done at attempt 2")
				if took := time.Since(began); took >= WaitDefault {
					t.Errorf("the reply took %v, and a gateway waits %v", took, WaitDefault)
				}
			})
		})
	}
}

func TestWaitsThatNoDeathOfABackendFitsIntoAreToldAtTheStart(t *testing.T) {
	for _, row := range []struct {
		name string
		wait time.Duration
		warn bool
	}{
		{"the default", 0, false},
		{"twice the visibility", 2 * queued.VisibilityDefault, false},
		{"the visibility", queued.VisibilityDefault, true},
		{"a client that does not wait", -1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				var log bytes.Buffer
				s := w.gateway(1, func(o *Options) {
					o.Routes[0].Wait, o.Log = row.wait, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
				})
				s.stop()
				if got := strings.Contains(log.String(), "a backend that dies"); got != row.warn {
					t.Errorf("warned %v, want %v: %s", got, row.warn, log.String())
				}
			})
		})
	}
}
