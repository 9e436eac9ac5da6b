package bench

import (
	"strings"
	"testing"
	"time"
)

// The generator's own cost of a request, all but the system calls.

func BenchmarkRequest(b *testing.B) {
	for _, protocol := range []string{"json", "query"} {
		for _, batch := range []int{1, 10} {
			b.Run(protocol+map[int]string{1: "/single", 10: "/batch"}[batch], func(b *testing.B) {
				c := &conn{target: target{host: "localhost:4566"}, codec: newCodec(protocol)}
				c.signer = newSigner("AKID", "secret", "us-east-1", c.target.host, c.codec.contentType())
				q := &queue{urlJSON: quoted("http://localhost:4566/0/q"), path: "/0/q"}
				act := map[int]action{1: sendMessage, 10: sendMessageBatch}[batch]
				messages := make([]outgoing, batch)
				padding := newPadding()
				now := time.Now()
				b.ReportAllocs()
				for b.Loop() {
					for i := range messages {
						messages[i].rest = padding[:1024-stampLen]
						stamp{sequence: uint32(i)}.put(&messages[i].stamp)
					}
					c.body = c.codec.appendSend(c.body[:0], q, messages)
					c.out = c.appendRequest(c.out[:0], act, c.codec.path(q), now)
				}
			})
		}
	}
}

func BenchmarkReply(b *testing.B) {
	body := strings.Repeat("0", 1024)
	for _, row := range []struct{ protocol, entry, before, after string }{
		{"json", `{"MessageId":"0c5e7b3a-5d5f-4c7e-9d0a-3d1f5f5d7a11","ReceiptHandle":"` + body[:120] + `","MD5OfBody":"` + body[:32] + `","Body":"` + body + `"},`,
			`{"Messages":[`, `{}]}`},
		{"query", `<Message><MessageId>0c5e7b3a-5d5f-4c7e-9d0a-3d1f5f5d7a11</MessageId><ReceiptHandle>` + body[:120] + `</ReceiptHandle><Body>` + body + `</Body></Message>`,
			`<R>`, `</R>`},
	} {
		b.Run(row.protocol, func(b *testing.B) {
			reply := []byte(row.before + strings.Repeat(row.entry, 10) + row.after)
			c := newCodec(row.protocol)
			var got []incoming
			b.ReportAllocs()
			for b.Loop() {
				if got = c.messages(reply, got); len(got) != 10 {
					b.Fatalf("%d messages, want 10", len(got))
				}
			}
		})
	}
}

func BenchmarkLedger(b *testing.B) {
	l := newLedger(30 * time.Second)
	var mark stamp
	b.ReportAllocs()
	for b.Loop() {
		mark.sequence = (mark.sequence + 1) % sequenceMax
		l.acked(mark)
		l.received(mark, 0, time.Second, false)
		l.deleted(mark, 0, time.Second)
	}
}

func BenchmarkMeter(b *testing.B) {
	m := newMeter()
	m.start()
	b.ReportAllocs()
	for b.Loop() {
		m.record(stepSend, 3, time.Millisecond, 10, 10240)
	}
}
