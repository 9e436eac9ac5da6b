package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

func TestMessageIsSentReceivedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		r.send("q", "hello")
		got := r.receive("q", 0)
		r.wantBodies("first receive", got, "[hello]")
		r.wantBodies("receive while in flight", r.receive("q", 0), "[]")
		r.delete("q", got[0])
		time.Sleep(time.Minute)
		r.wantBodies("receive after the delete", r.receive("q", 0), "[]")
		if got := r.counts("q"); got != "0 0 0" {
			t.Errorf("counts: got %s, want none", got)
		}
	})
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		start := time.Now()
		r.wantBodies("empty queue", r.receive("q", 20), "[]")
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("a long poll of 20s took %v", took)
		}
		start = time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			r.send("q", "late")
		}()
		r.wantBodies("send during the wait", r.receive("q", 20), "[late]")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the message was received after %v, want 3s", took)
		}
		r.wantBodies("end of the visibility timeout", r.receive("q", 20), "[]")
		r.wantBodies("end of the visibility timeout", r.receive("q", 20), "[late]")
		if took := time.Since(start); took != 33*time.Second {
			t.Errorf("the message came again after %v, want 33s", took)
		}
		if totals := r.Totals(); totals.EmptyReceives != 2 || totals.Received != 2 {
			t.Errorf("totals: got %+v, want 2 received and 2 empty", totals)
		}
	})
}

func TestLargeBodyIsReadFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := strings.Repeat("x", 5*memLarge)
		r := newRig(t, Options{Queue: queue.Options{CacheBytes: 1}})
		r.create("q")
		r.send("q", large)
		r.send("q", "small")
		r.restart()
		r.wantBodies("receive", r.receive("q", 1), "["+large+" small]")
	})
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q", "VisibilityTimeout", "100")
		r.send("q", "a")
		a := r.receive("q", 0)
		r.send("q", "b")
		r.restart()
		r.wantBodies("what was not received", r.receive("q", 0), "[b]")
		r.delete("q", a[0])
		time.Sleep(100 * time.Second)
		got := r.receive("q", 0)
		r.wantBodies("what was not deleted", got, "[b]")
		if got[0].Receives != 2 {
			t.Errorf("receive count: got %d, want 2", got[0].Receives)
		}
		if got := r.attribute("q", "VisibilityTimeout"); got != "100" {
			t.Errorf("VisibilityTimeout: got %s, want 100", got)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	for _, size := range []int{10, 5 * memLarge} {
		synctest.Test(t, func(t *testing.T) {
			body := strings.Repeat("x", size)
			r := newRig(t, Options{Queue: queue.Options{CacheBytes: 1}})
			r.create("dead")
			r.create("q", "VisibilityTimeout", "1", "RedrivePolicy",
				`{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}`)
			r.send("q", body)
			for range 2 {
				r.wantBodies("receive", r.receive("q", 20), "["+body+"]")
			}
			r.wantBodies("receive too often", r.receive("q", 5), "[]")
			r.wantBodies("dead letters", r.receive("dead", 20), "["+body+"]")

			time.Sleep(30 * time.Second)
			in := &queue.StartMessageMoveTaskInput{SourceARN: "arn:aws:sqs:us-east-1:000000000000:dead"}
			if _, err := r.StartMessageMoveTask(t.Context(), owner0, in); err != nil {
				t.Fatalf("start move task: %v", err)
			}
			r.wantBodies("moved back", r.receive("q", 20), "["+body+"]")
			list, err := r.ListMessageMoveTasks(t.Context(), owner0, &queue.ListMessageMoveTasksInput{SourceARN: in.SourceARN})
			if err != nil || len(list.Tasks) != 1 || list.Tasks[0].Status != queue.MoveCompleted || list.Tasks[0].Moved != 1 {
				t.Errorf("move tasks: got %+v, %v, want one completed that moved 1", list, err)
			}
			if got := r.counts("dead"); got != "0 0 0" {
				t.Errorf("counts of the dead-letter queue: got %s, want none", got)
			}
		})
	}
}

func TestBacklogLargerThanTheWindow(t *testing.T) {
	for _, name := range []string{"q", "q.fifo"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{Queue: queue.Options{WindowMax: 16, CacheBytes: 100}})
				if name == "q" {
					r.create(name)
				} else {
					r.create(name, "FifoQueue", "true")
				}
				var want, got []string
				for i := range 200 {
					want = append(want, fmt.Sprintf("m%03d", i))
					r.send(name, want[i])
				}
				r.restart()
				for len(got) < len(want) {
					messages := r.receive(name, 0)
					if len(messages) == 0 {
						t.Fatalf("nothing received after %d of %d messages", len(got), len(want))
					}
					for _, m := range messages {
						got = append(got, string(m.Message.Body))
						r.delete(name, m)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestPeekChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q")
		large := strings.Repeat("x", 2*memLarge)
		r.send("q", "a")
		r.send("q", large)
		r.delete("q", r.receive("q", 0)[0])
		in := &queue.SendMessageInput{Queue: ref("q"), Draft: queue.Draft{Body: []byte("later"), Delay: queue.IntOf(60)}}
		if _, err := r.SendMessage(t.Context(), owner0, in); err != nil {
			t.Fatalf("send: %v", err)
		}
		before := r.counts("q")
		out, err := r.Peek(t.Context(), owner0, &queue.PeekInput{Queue: ref("q")})
		if err != nil {
			t.Fatalf("peek: %v", err)
		}
		var states []queue.PeekedState
		var got []queue.ReceivedMessage
		for _, m := range out.Messages {
			states, got = append(states, m.State), append(got, m.ReceivedMessage)
		}
		r.wantBodies("peek", got, "["+large+" later]")
		if len(states) != 2 || states[0] != queue.PeekInFlight || states[1] != queue.PeekDelayed {
			t.Errorf("states: got %v, want in flight and delayed", states)
		}
		if after := r.counts("q"); after != before {
			t.Errorf("counts: got %s after the peek, want %s as before", after, before)
		}
		out, err = r.Peek(t.Context(), owner0, &queue.PeekInput{Queue: ref("q"), Max: 1, After: out.Messages[0].Sequence})
		if err != nil || len(out.Messages) != 1 || string(out.Messages[0].Message.Body) != "later" {
			t.Errorf("second page: got %+v, %v, want the later message", out, err)
		}
		if _, err := r.Peek(t.Context(), owner0, &queue.PeekInput{Queue: ref("q"), Max: PeekMax + 1}); err == nil {
			t.Errorf("peek at %d messages: got no error", PeekMax+1)
		}
	})
}
