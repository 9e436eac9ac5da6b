package queue

import (
	"encoding/hex"
	"time"
)

// ID is a queue's number. It is given once: a queue created again under the same name has another one.
// Zero is no queue.
type ID uint64

// Seq is a message's place in its queue. It grows with every send, also over restarts; zero is before the first.
type Seq uint64

// Millis is a moment in milliseconds since the Unix epoch; zero is never.
type Millis int64

// ToMillis converts t.
func ToMillis(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time converts m back, in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Add returns m moved by d, which is cut to whole milliseconds.
func (m Millis) Add(d time.Duration) Millis { return m + Millis(d/time.Millisecond) }

// Digest is an MD5 sum. The zero value means that there is none.
type Digest [16]byte

// String returns the lower-case hex text that clients compare.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MessageID names a message for as long as it lives, also in its dead-letter queue.
type MessageID [16]byte

// String returns the UUID text.
func (id MessageID) String() string {
	var b [36]byte
	return string(id.AppendText(b[:0]))
}

// AppendText appends the UUID text to b.
func (id MessageID) AppendText(b []byte) []byte {
	for i, part := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[part[0]:part[1]])
	}
	return b
}
