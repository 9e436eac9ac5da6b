package broker

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// owner0 may do everything.
var owner0 = queue.Caller{Account: "000000000000", Principal: "arn:aws:iam::000000000000:root", ID: "000000000000", Owner: true}

func ref(name string) queue.Ref { return queue.Ref{Name: name} }

// rig is a broker over a store in memory, and the calls of a test in few words. A refused call ends the test.
type rig struct {
	testing.TB
	store *memStore
	*Broker
}

// newRig opens a broker over an empty store. It must be called in a bubble, and is closed at the end of it.
func newRig(t testing.TB, opts Options) *rig {
	r := &rig{TB: t, store: newMemStore(t)}
	r.open(opts)
	return r
}

func (r *rig) open(opts Options) {
	r.Helper()
	b, err := openOn(r.store, opts)
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	r.Broker = b
	r.Cleanup(func() {
		r.store.release()
		b.Close()
	})
}

func openOn(store Store, opts Options) (*Broker, error) {
	opts.Queue.Account, opts.Queue.Region, opts.Queue.NoCoolDown = "000000000000", "us-east-1", true
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return Open(store, opts)
}

// restart closes the broker and opens another one over the same store.
func (r *rig) restart() {
	r.Helper()
	if err := r.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
	r.open(Options{})
}

func (r *rig) create(name string, attributes ...string) {
	r.Helper()
	in := &queue.CreateQueueInput{Name: name, Attributes: map[string]string{}}
	for i := 0; i < len(attributes); i += 2 {
		in.Attributes[attributes[i]] = attributes[i+1]
	}
	if _, err := r.CreateQueue(r.Context(), owner0, in); err != nil {
		r.Fatalf("create queue %s %v: %v", name, attributes, err)
	}
}

func (r *rig) send(name, body string) {
	r.Helper()
	if err := r.trySend(name, body); err != nil {
		r.Fatalf("send %.40q to %s: %v", body, name, err)
	}
}

func (r *rig) trySend(name, body string) error {
	in := &queue.SendMessageInput{Queue: ref(name)}
	in.Body = []byte(body)
	if len(name) > 5 && name[len(name)-5:] == ".fifo" {
		in.GroupID, in.GroupIDSet, in.DeduplicationID, in.DedupIDSet = "g", true, body, true
	}
	_, err := r.SendMessage(r.Context(), owner0, in)
	return err
}

// receive takes up to ten messages, waiting for so many seconds.
func (r *rig) receive(name string, wait int64) []queue.ReceivedMessage {
	r.Helper()
	out, err := r.ReceiveMessage(r.Context(), owner0, receiveInput(name, wait))
	if err != nil {
		r.Fatalf("receive from %s: %v", name, err)
	}
	return out.Messages
}

func receiveInput(name string, wait int64) *queue.ReceiveMessageInput {
	return &queue.ReceiveMessageInput{
		Queue: ref(name), Max: queue.IntOf(10), Wait: queue.IntOf(wait), System: queue.SystemAll, AttributeNames: []string{"All"},
	}
}

func (r *rig) delete(name string, m queue.ReceivedMessage) {
	r.Helper()
	if err := r.DeleteMessage(r.Context(), owner0, &queue.DeleteMessageInput{Queue: ref(name), Receipt: m.Receipt}); err != nil {
		r.Fatalf("delete from %s: %v", name, err)
	}
}

// attribute returns one attribute of a queue.
func (r *rig) attribute(name, attribute string) string {
	r.Helper()
	in := &queue.GetQueueAttributesInput{Queue: ref(name), Names: []string{attribute}}
	out, err := r.GetQueueAttributes(r.Context(), owner0, in)
	if err != nil {
		r.Fatalf("attribute %s of %s: %v", attribute, name, err)
	}
	return out.Attributes[attribute]
}

// counts returns visible, in flight and delayed messages.
func (r *rig) counts(name string) string {
	r.Helper()
	stats, _ := r.Stats(0)
	for _, s := range stats {
		if s.Name == name {
			return fmt.Sprint(s.Visible, s.InFlight, s.Delayed)
		}
	}
	return "no queue"
}

func bodies(messages []queue.ReceivedMessage) string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, string(m.Message.Body))
	}
	return fmt.Sprint(texts)
}

// wantBodies compares what was received with bodies in fmt.Sprint form.
func (r *rig) wantBodies(what string, got []queue.ReceivedMessage, want string) {
	r.Helper()
	if bodies(got) != want {
		r.Errorf("%s: got bodies %.200s, want %.200s", what, bodies(got), want)
	}
}
