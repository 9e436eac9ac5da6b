package worker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fake is a server with as many queues as it is asked for, on the clock of the test's bubble.
type fake struct {
	mu      sync.Mutex
	queues  map[string][]*stored
	changed chan struct{} // closed and replaced when a receive may find more
	refuse  error         // what every call is answered, if it is not nil
	deletes []int         // entries of each call
	beats   int           // extensions accepted
}

// latency is how long a delete or change takes.
const latency = 10 * time.Millisecond

type stored struct {
	id, body, group string
	visible         time.Time
	receives        int
	handle          string
	sent            time.Time
}

func newFake() *fake { return &fake{queues: make(map[string][]*stored), changed: make(chan struct{})} }

func (f *fake) wakeUp() { close(f.changed); f.changed = make(chan struct{}) }

// send puts messages into a queue; of a FIFO queue "g:body" goes to group g.
func (f *fake) send(queue string, bodies ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, body := range bodies {
		m := &stored{id: fmt.Sprint("id-", body), body: body, visible: time.Now(), sent: time.Now()}
		if strings.HasSuffix(queue, ".fifo") {
			m.group, m.body, _ = strings.Cut(body, ":")
		}
		f.queues[queue] = append(f.queues[queue], m)
	}
	f.wakeUp()
}

// answer sets what all calls are answered from now on; nil is to behave.
func (f *fake) answer(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
	f.wakeUp()
}

func (f *fake) left(queue string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queues[queue])
}

// visible is how many messages of a queue are not hidden, ready for anybody.
func (f *fake) visible(queue string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, m := range f.queues[queue] {
		if !m.visible.After(time.Now()) {
			n++
		}
	}
	return n
}

func (f *fake) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	until := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		f.mu.Lock()
		out, next, changed, err := f.take(in), f.next(*in.QueueUrl, until), f.changed, f.refuse
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if len(out.Messages) > 0 || !time.Now().Before(until) {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case <-time.After(time.Until(next)):
		}
	}
}

// take receives what is visible; of a FIFO group only what no hidden message stands before.
func (f *fake) take(in *sqs.ReceiveMessageInput) *sqs.ReceiveMessageOutput {
	out := &sqs.ReceiveMessageOutput{}
	if f.refuse != nil {
		return out
	}
	locked := make(map[string]bool)
	now := time.Now()
	for _, m := range f.queues[*in.QueueUrl] {
		if m.visible.After(now) {
			locked[m.group] = m.group != ""
		}
	}
	for _, m := range f.queues[*in.QueueUrl] {
		if m.visible.After(now) || locked[m.group] || len(out.Messages) == int(max(in.MaxNumberOfMessages, 1)) {
			continue
		}
		m.receives++
		m.handle = fmt.Sprint(m.id, "#", m.receives)
		m.visible = now.Add(time.Duration(cmp.Or(in.VisibilityTimeout, 30)) * time.Second) // 30 s is of the queue
		attributes := map[string]string{
			"ApproximateReceiveCount": strconv.Itoa(m.receives), "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10),
		}
		if m.group != "" {
			attributes["MessageGroupId"] = m.group
		}
		out.Messages = append(out.Messages, types.Message{
			MessageId: aws.String(m.id), Body: aws.String(m.body), ReceiptHandle: aws.String(m.handle), Attributes: attributes})
	}
	return out
}

// next is when a receive should look again at the latest.
func (f *fake) next(queue string, until time.Time) time.Time {
	for _, m := range f.queues[queue] {
		if m.visible.After(time.Now()) && m.visible.Before(until) {
			until = m.visible
		}
	}
	return until
}

// holder finds the message that a handle holds, unless it is visible again.
func (f *fake) holder(queue, handle string) int {
	return slices.IndexFunc(f.queues[queue], func(m *stored) bool { return m.handle == handle && m.visible.After(time.Now()) })
}

func (f *fake) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	time.Sleep(latency)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	f.deletes = append(f.deletes, len(in.Entries))
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		if i := f.holder(*in.QueueUrl, *e.ReceiptHandle); i >= 0 {
			f.queues[*in.QueueUrl] = slices.Delete(f.queues[*in.QueueUrl], i, i+1)
			continue
		}
		out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("ReceiptHandleIsInvalid"), SenderFault: true})
	}
	f.wakeUp()
	return out, nil
}

func (f *fake) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	time.Sleep(latency)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		i := f.holder(*in.QueueUrl, *e.ReceiptHandle)
		if i < 0 {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InvalidParameterValue"), SenderFault: true})
			continue
		}
		f.queues[*in.QueueUrl][i].visible = time.Now().Add(time.Duration(e.VisibilityTimeout) * time.Second)
		f.beats++
	}
	f.wakeUp()
	return out, nil
}

// rig is a worker on a fake server in virtual time.
type rig struct {
	*Worker
	*fake
	log   *bytes.Buffer
	ended chan error
	stop  context.CancelFunc
}

// play runs a worker on queue q (or q.fifo) in a bubble while the test does what it does, and drains it at the end.
func play(t *testing.T, o Options, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{fake: newFake(), log: &bytes.Buffer{}, ended: make(chan error, 1)}
		o.Client = r.fake
		if o.QueueURL == "" {
			o.QueueURL = "q"
		}
		o.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		w, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r.Worker = w
		ctx, cancel := context.WithCancel(t.Context())
		r.stop = cancel
		go func() { r.ended <- w.Run(ctx) }()
		test(r)
		cancel()
		<-w.ended
		time.Sleep(48 * time.Hour) // for handlers that do not return
		if t.Failed() {
			t.Logf("the log:\n%s", r.log)
		}
	})
}

// nap lets virtual time pass, and everything happen that is due.
func nap(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// take lets a handler take so long.
func take(d time.Duration) { time.Sleep(d) }

var errOnPurpose = errors.New("on purpose")
