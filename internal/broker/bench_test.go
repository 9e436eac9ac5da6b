package broker

import (
	"context"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// BenchmarkMessages sends, receives and deletes messages of 1 KiB through one owner, with no disk behind it.
func BenchmarkMessages(b *testing.B) {
	for _, row := range []struct {
		name    string
		callers int // of each processor
		batch   int
	}{{"one a call, one caller", 0, 1}, {"one a call, many callers", 32, 1}, {"ten a call, many callers", 32, 10}} {
		b.Run(row.name, func(b *testing.B) {
			r := &rig{TB: b}
			broker, err := openOn(discardStore{}, Options{})
			if err != nil {
				b.Fatalf("open: %v", err)
			}
			r.Broker = broker
			defer broker.Close()
			r.create("q")
			b.ReportAllocs()
			b.SetBytes(int64(row.batch) << 10)
			if row.callers == 0 {
				for b.Loop() {
					r.roundTrip(row.batch)
				}
				return
			}
			b.SetParallelism(row.callers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r.roundTrip(row.batch)
				}
			})
		})
	}
}

var kilobyte = make([]byte, 1<<10)

func (r *rig) roundTrip(n int) {
	send := &queue.SendMessageBatchInput{Queue: ref("q")}
	for i := range n {
		body := append([]byte(nil), kilobyte...)
		for j := range body {
			body[j] = 'x'
		}
		send.Entries = append(send.Entries, queue.SendMessageBatchEntry{ID: string(rune('a' + i)), Draft: queue.Draft{Body: body}})
	}
	if _, err := r.SendMessageBatch(context.Background(), owner0, send); err != nil {
		r.Errorf("send: %v", err)
		return
	}
	in := &queue.ReceiveMessageInput{Queue: ref("q"), Max: queue.IntOf(int64(n)), Wait: queue.IntOf(1)}
	got, err := r.ReceiveMessage(context.Background(), owner0, in)
	if err != nil {
		r.Errorf("receive: %v", err)
		return
	}
	remove := &queue.DeleteMessageBatchInput{Queue: ref("q")}
	for i, m := range got.Messages {
		remove.Entries = append(remove.Entries, queue.DeleteMessageBatchEntry{ID: string(rune('a' + i)), Receipt: m.Receipt})
	}
	if _, err := r.DeleteMessageBatch(context.Background(), owner0, remove); err != nil {
		r.Errorf("delete: %v", err)
	}
}

// discardStore takes everything and keeps nothing.
type discardStore struct{ Store }

func (discardStore) Commit(_ *Batch, done func(error)) { done(nil) }
func (discardStore) Space() Space                      { return SpaceOK }

func (discardStore) Meta(queue.ID, MetaKind, func(key, value []byte) error) error { return nil }
func (discardStore) Queues(func(queue.ID) error) error                            { return nil }

func (discardStore) Scan(queue.ID, queue.Seq, queue.Seq, func(queue.Seq, []byte, []byte) bool) error {
	return nil
}

func (discardStore) Read(queue.ID, queue.Seq) (header, body []byte, err error) {
	return nil, nil, ErrNotFound
}
