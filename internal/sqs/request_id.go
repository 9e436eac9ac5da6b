package sqs

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/forebay-mq/forebay/internal/queue"
)

// NewRequestID returns a random UUID. It names a request in the log and guards nothing, so the fast source of
// chance is good enough.
func NewRequestID() string {
	var id queue.MessageID // for its text form
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id.String()
}
