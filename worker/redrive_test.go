package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// tellingFake is a server that can be asked for its redrive policy.
type tellingFake struct {
	*fake
	mu     sync.Mutex
	policy string
	err    error
}

func (f *tellingFake) GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"RedrivePolicy": f.policy}}, nil
}

func TestNoMoreIsReceivedThanCanBeStartedWhereMessagesCanDie(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Fault: smithy.FaultClient}
	for _, row := range []struct {
		name, queue, policy string
		err                 error
		held                int // of 10 messages, with 2 places and 3 to prefetch
	}{
		{"without a redrive policy it prefetches", "q", "", nil, 5},
		{"with one it does not", "q", `{"deadLetterTargetArn":"arn:aws:sqs:::d","maxReceiveCount":5}`, nil, 2},
		{"nor when the number is a text", "q", `{"maxReceiveCount":"1000"}`, nil, 2},
		{"nor when the policy makes no sense", "q", `{`, nil, 2},
		{"nor when it may not be read", "q", "", denied, 2},
		{"a FIFO queue without one prefetches", "q.fifo", "", nil, 5},
		{"a FIFO queue with one has one of a group in hand", "q.fifo", `{"maxReceiveCount":5}`, nil, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &tellingFake{fake: newFake(), policy: row.policy, err: row.err}
				for _, body := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
					f.send(row.queue, "g:"+body)
				}
				w, err := New(Options{Client: f, QueueURL: row.queue, Handler: until(time.Hour), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
					Settings: Settings{Concurrency: 2, Prefetch: 3, Grace: -1}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				nap(time.Minute)
				if s := w.Stats(); s.Held != row.held {
					t.Errorf("%d messages are held, want %d", s.Held, row.held)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run returned %v", err)
				}
			})
		})
	}
}

func TestARedrivePolicyIsNoticedWhileTheWorkerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &tellingFake{fake: newFake(), err: errors.New("connection refused")}
		w, err := New(Options{Client: f, QueueURL: "q", Handler: until(50 * time.Second), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Settings: Settings{Concurrency: 1, Prefetch: 3}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = w.Run(ctx) }()
		step := func(after time.Duration, what string, want int) {
			t.Helper()
			nap(after)
			if s := w.Stats(); s.Held != want {
				t.Errorf("%s: %d messages are held, want %d", what, s.Held, want)
			}
		}
		for _, body := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
			f.send("q", body)
		}
		step(time.Minute, "before the server has said anything", 0)
		tell := func(policy string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.policy, f.err = policy, nil
		}
		tell("")
		step(10*time.Second, "without a policy", 4)
		tell(`{"maxReceiveCount":"3"}`)
		step(5*time.Minute, "with a policy", 1)
		cancel()
		nap(time.Minute)
	})
}
