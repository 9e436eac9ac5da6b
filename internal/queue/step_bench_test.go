package queue

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkStep measures a message's whole way through the machine: sent, received, deleted, in batches of ten.
func BenchmarkStep(b *testing.B) {
	for _, kind := range []struct {
		name     string
		fifo     bool
		tenants  int
		standing int // messages that wait all along
	}{
		{"standard", false, 0, 0},
		{"standard, 20,000 waiting", false, 0, 20_000},
		{"standard, 100 tenants", false, 100, 0},
		{"fifo, 100 groups", true, 100, 0},
		{"fifo, 20,000 waiting in 1,000 groups", true, 1000, 20_000},
	} {
		b.Run(kind.name, func(b *testing.B) { benchmarkStep(b, kind.fifo, kind.tenants, kind.standing) })
	}
}

func benchmarkStep(b *testing.B, fifo bool, tenants, standing int) {
	c := NewCatalog(Options{Account: testAccount, Region: testRegion, Epoch: 1})
	now, sent := time.UnixMilli(1_700_000_000_000), 0
	create := &CreateQueueInput{Name: "q"}
	if fifo {
		create = &CreateQueueInput{Name: "q.fifo", Attributes: map[string]string{"FifoQueue": "true"}}
	}
	ref, body := Ref{Name: create.Name}, make([]byte, 1024)
	step := func(cmd Command) any {
		result, _, err := c.Step(now, cmd)
		if err != nil {
			b.Fatal(err)
		}
		return result.Value
	}
	send := func() {
		entries := make([]Prepared, 10)
		for i := range entries {
			m := &Message{Body: body, Size: len(body)}
			if tenants > 0 {
				m.GroupID = fmt.Sprint(sent % tenants)
			}
			if fifo {
				m.DeduplicationID = fmt.Sprint(sent)
			}
			sent++
			entries[i].Message = m
		}
		step(&Send{By: root, Queue: ref, Entries: entries, Batch: true})
	}
	step(&Control{root, create})
	for sent < standing {
		send()
	}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		send()
		received := step(&Receive{By: root, In: &ReceiveMessageInput{Queue: ref, Max: IntOf(10)}}).(*Received)
		held := make([]HeldReceipt, len(received.Deliveries))
		for i, d := range received.Deliveries {
			held[i].Receipt = d.Receipt
		}
		step(&Delete{By: root, Queue: ref, Entries: held})
		c.Marks(now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10), "ns/message")
}

// BenchmarkSignals measures what the signals add to a message's way that BenchmarkStep measures: its ages, its two
// histograms, and its consumer by name. Together they make the ratio of docs/signals.md.
func BenchmarkSignals(b *testing.B) {
	c := NewCatalog(Options{Account: testAccount, Region: testRegion, Epoch: 1})
	q := newQueue(c, 1, &Config{Name: "q", Attributes: NewAttributes(false)})
	now, seq := Millis(1_700_000_000_000), Seq(0)
	pass := func(n int, each func(e *entry)) {
		entries := make([]entry, n)
		for i := range entries {
			seq++
			entries[i] = entry{seq: seq, sent: now}
			q.ages.put(&entries[i])
		}
		for i := range entries {
			each(&entries[i])
		}
	}
	for range 2000 {
		pass(10, func(*entry) {}) // a backlog
	}
	b.ReportAllocs()
	for b.Loop() {
		now++
		pass(10, func(e *entry) {
			who := c.consumer(q, "worker-1", now)
			q.started(e, now)
			e.receives, e.received, e.phase = 1, now, phaseInFlight
			q.ages.put(e)
			q.hold(e, who)
			q.finished(e, Receipt{Attempt: 1}, now)
			q.letGo(e)
			q.ages.remove(e)
		})
		c.result.Busy = c.result.Busy[:0]
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10), "ns/message")
}
