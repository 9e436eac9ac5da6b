package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"
)

// TestMain fails the package when a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// queue is a server with queues whose calls take as long as the test wants.
type queue struct {
	takes time.Duration
	whole error             // fails every batch
	bad   map[string]string // bodies that are refused, with the code

	mu    sync.Mutex
	calls []string // the bodies of each, and where they went
	most  int      // calls at one time
	now   int
}

var errAway = errors.New("nobody answers")

// call notes a call and waits for its end.
func (q *queue) call(ctx context.Context, url string, bodies ...string) error {
	q.mu.Lock()
	q.calls = append(q.calls, url+": "+strings.Join(bodies, " "))
	q.now++
	q.most = max(q.most, q.now)
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.now--
	}()
	select {
	case <-time.After(q.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if err := q.call(ctx, *in.QueueUrl, *in.MessageBody); err != nil {
		return nil, err
	}
	if code, ok := q.bad[*in.MessageBody]; ok {
		return nil, &smithy.GenericAPIError{Code: code, Fault: smithy.FaultClient}
	}
	return &sqs.SendMessageOutput{}, nil
}

func (q *queue) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	bodies := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		bodies[i] = *e.MessageBody
	}
	if err := q.call(ctx, *in.QueueUrl, bodies...); err != nil {
		return nil, err
	}
	if q.whole != nil {
		return nil, q.whole
	}
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		switch code, bad := q.bad[*e.MessageBody]; {
		case bad && code == "":
		case bad:
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: &code, Message: aws.String("no"), SenderFault: true})
		default:
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

func (q *queue) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	receipts := make([]string, len(in.Entries))
	out := &sqs.DeleteMessageBatchOutput{}
	for i, e := range in.Entries {
		receipts[i] = *e.ReceiptHandle
		if code, bad := q.bad[receipts[i]]; bad {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: &code})
		}
	}
	if err := q.call(ctx, *in.QueueUrl, receipts...); err != nil {
		return nil, err
	}
	return out, q.whole
}

// said are the calls so far.
func (q *queue) said() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return strings.Join(q.calls, "; ")
}

// crowd sends bodies to a queue, one after the other without waiting, and returns how it went for each.
type crowd struct {
	sender  *Sender
	mu      sync.Mutex
	running sync.WaitGroup
	results map[string]error
}

func (c *crowd) send(ctx context.Context, url string, bodies ...string) {
	for _, body := range bodies {
		c.running.Go(func() {
			err := c.sender.Send(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
			c.mu.Lock()
			defer c.mu.Unlock()
			c.results[body] = err
		})
		synctest.Wait()
	}
}

// inBubble runs f with a sender of at most so many bytes a call, and waits for the end of everything. One call is under way
// when there is little to do, which makes the tests shorter.
func inBubble(t *testing.T, q *queue, bytes int, f func(t *testing.T, c *crowd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{sender: NewSender(q, bytes), results: make(map[string]error)}
		c.sender.gather.eager = 1
		f(t, c)
		c.running.Wait()
		c.sender.Wait()
		if n := len(c.sender.gather.lanes); n != 0 {
			t.Errorf("%d queues are still remembered", n)
		}
	})
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func TestAloneGoesAtOnceAndWhatComesMeanwhileGoesTogether(t *testing.T) {
	q := &queue{takes: time.Second}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		began := time.Now()
		c.send(t.Context(), "q", numbers(15)...)
		want(t, "before any answer", q.said(), "q: 0; q: 1 2 3 4 5 6 7 8 9 10")
		c.send(t.Context(), "p", "x")
		want(t, "another queue", q.said(), "q: 0; q: 1 2 3 4 5 6 7 8 9 10; p: x")
		c.running.Wait()
		want(t, "in the end", q.said(), "q: 0; q: 1 2 3 4 5 6 7 8 9 10; p: x; q: 11 12 13 14")
		if took := time.Since(began); took != time.Second+sendLinger {
			t.Errorf("it took %v, want the last call to begin after %v", took, sendLinger)
		}
		for body, err := range c.results {
			if err != nil {
				t.Errorf("%s: %v", body, err)
			}
		}
	})
}

func TestTwoGoAtOnceBesideEachOther(t *testing.T) {
	q := &queue{takes: sendLinger / 2}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		c.sender.gather.eager = sendEager
		c.send(t.Context(), "q", numbers(5)...)
		want(t, "before any answer", q.said(), "q: 0; q: 1")
		c.running.Wait()
		want(t, "in the end", q.said(), "q: 0; q: 1; q: 2 3 4")
	})
}

func TestWhatWaitsGoesWhenTheCallBeforeItEnds(t *testing.T) {
	q := &queue{takes: sendLinger / 2}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		began := time.Now()
		c.send(t.Context(), "q", numbers(3)...)
		c.running.Wait()
		want(t, "calls", q.said(), "q: 0; q: 1 2")
		if took := time.Since(began); took != sendLinger {
			t.Errorf("it took %v, want two calls one after the other", took)
		}
	})
}

func TestCallsToOneQueueAreFew(t *testing.T) {
	q := &queue{takes: time.Second}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		c.send(t.Context(), "q", numbers(sendCalls*Most*2)...)
	})
	if q.most != sendCalls {
		t.Errorf("%d calls at one time, want %d", q.most, sendCalls)
	}
}

func TestABatchIsNoLargerThanACallMayBe(t *testing.T) {
	q := &queue{takes: time.Second}
	large := strings.Repeat("l", 200)
	inBubble(t, q, 8, func(t *testing.T, c *crowd) {
		c.send(t.Context(), "q", "1", "2", "aaaa", "bbbb", "c", large, "d")
	})
	slices.Sort(q.calls)
	want(t, "calls", q.said(), "q: 1; q: 2 aaaa; q: bbbb c; q: d; q: "+large)
}

func TestAFIFOQueueHasOneCallAtATime(t *testing.T) {
	q := &queue{takes: time.Second}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		c.send(t.Context(), "q.fifo", numbers(5)...)
	})
	want(t, "calls", q.said(), "q.fifo: 0; q.fifo: 1 2 3 4")
	if q.most != 1 {
		t.Errorf("%d calls at one time", q.most)
	}
}

func TestEachHearsHowItWentForItself(t *testing.T) {
	q := &queue{takes: time.Second, bad: map[string]string{"3": "InvalidMessageContents", "4": ""}}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		c.send(t.Context(), "q", numbers(6)...)
		c.running.Wait()
		api, ok := errors.AsType[smithy.APIError](c.results["3"])
		if !ok || api.ErrorCode() != "InvalidMessageContents" || api.ErrorFault() != smithy.FaultClient {
			t.Errorf("a refused message: %v", c.results["3"])
		}
		if !errors.Is(c.results["4"], errUnsaid) {
			t.Errorf("a message that the answer leaves out: %v", c.results["4"])
		}
		for _, body := range []string{"0", "1", "2", "5"} {
			if c.results[body] != nil {
				t.Errorf("%s: %v", body, c.results[body])
			}
		}
	})
}

func TestAFailedCallIsToldToAllAndARefusedOneIsMadeOneByOne(t *testing.T) {
	for name, test := range map[string]struct {
		whole error
		calls string
		two   error
	}{
		"no answer": {errAway, "q: 0; q: 1 2 3", errAway},
		"throttled": {&smithy.GenericAPIError{Code: "RequestThrottled", Fault: smithy.FaultClient}, "q: 0; q: 1 2 3", nil},
		"refused":   {&smithy.GenericAPIError{Code: "BatchRequestTooLong", Fault: smithy.FaultClient}, "q: 0; q: 1 2 3; q: 1; q: 2; q: 3", nil},
	} {
		q := &queue{takes: time.Second, whole: test.whole}
		inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
			c.send(t.Context(), "q", numbers(4)...)
			c.running.Wait()
			want(t, name, q.said(), test.calls)
			if failed := c.results["2"] != nil; failed != (name != "refused") || test.two != nil && !errors.Is(c.results["2"], test.two) {
				t.Errorf("%s: the message got %v", name, c.results["2"])
			}
		})
	}
}

func TestWhoLeavesTakesNobodyAlong(t *testing.T) {
	q := &queue{takes: time.Minute}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		leaving, leave := context.WithCancel(t.Context())
		c.send(t.Context(), "q", "a", "b")
		c.send(leaving, "q", "gone before")
		leave()
		synctest.Wait()
		if !errors.Is(c.results["gone before"], context.Canceled) {
			t.Errorf("who left waits still, or got %v", c.results["gone before"])
		}
		leaving, leave = context.WithCancel(t.Context())
		c.send(leaving, "q", "gone meanwhile")
		c.send(t.Context(), "q", "stays")
		time.Sleep(time.Second)
		want(t, "calls", q.said(), "q: a; q: b gone meanwhile stays")
		leave()
		c.running.Wait()
		if c.results["stays"] != nil {
			t.Errorf("who stayed got %v", c.results["stays"])
		}
	})
}

func TestACallThatAllHaveLeftEnds(t *testing.T) {
	q := &queue{takes: time.Hour}
	inBubble(t, q, 1<<20, func(t *testing.T, c *crowd) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c.send(ctx, "q.fifo", "a")
		other, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		c.send(other, "q.fifo", "b", "c")
		c.running.Wait()
		c.sender.Wait()
		want(t, "calls", q.said(), "q.fifo: a; q.fifo: b c")
		if took := time.Since(began); took != 2*time.Minute {
			t.Errorf("the calls ended after %v", took)
		}
	})
}

func TestDeletesLingerUntilTenAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{bad: map[string]string{"13": "ReceiptHandleIsInvalid"}}
		failed := ""
		e := NewEraser(q, func(queue string, n int, err error) { failed += fmt.Sprintf("%s %d %v;", queue, n, err) })
		for _, receipt := range numbers(12) {
			e.Delete("q", receipt)
		}
		synctest.Wait()
		want(t, "at once", q.said(), "q: 0 1 2 3 4 5 6 7 8 9")
		time.Sleep(Linger / 2)
		e.Delete("q", "12")
		synctest.Wait()
		want(t, "half a linger later", q.said(), "q: 0 1 2 3 4 5 6 7 8 9")
		time.Sleep(Linger / 2)
		synctest.Wait()
		want(t, "a linger later", q.said(), "q: 0 1 2 3 4 5 6 7 8 9; q: 10 11 12")
		want(t, "failures", failed, "")
		e.Delete("q", "13")
		e.Delete("p", "14")
		e.Wait()
		want(t, "failures in the end", failed, "q 1 api error ReceiptHandleIsInvalid: ;")
		if len(e.gather.lanes) != 0 {
			t.Errorf("%d queues are still remembered", len(e.gather.lanes))
		}
	})
}

func TestWhoeverDeletesWaitsWhenTooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{takes: time.Second}
		e := NewEraser(q, func(_ string, _ int, err error) { t.Error(err) })
		began := time.Now()
		for _, receipt := range numbers(eraseRoom + 2*eraseCalls*Most + 1) {
			e.Delete("q", receipt)
		}
		if took := time.Since(began); took < time.Second {
			t.Errorf("nobody waited: %v", took)
		}
		e.Wait()
	})
}
