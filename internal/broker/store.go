package broker

import (
	"errors"

	"github.com/forebay-mq/forebay/internal/queue"
)

// ErrUnknown is what Commit reports when a batch may or may not appear after a restart.
var ErrUnknown = errors.New("the outcome of the commit is unknown")

// ErrNotFound is what Read returns for a message that is not there.
var ErrNotFound = errors.New("no such message")

// Space says how much room the disk has left.
type Space uint8

// The levels of Space.
const (
	SpaceOK   Space = iota
	SpaceLow        // refuse what makes the store grow; receives and deletes go on
	SpaceFull       // refuse every change
)

// Store keeps what a broker must not forget. It knows nothing of what it keeps: message headers, bodies, states
// and metadata are bytes, in the encodings of this package. storetest.Run holds its promises.
//
// All methods are safe for concurrent use. Reads see every batch whose done was called before the read began.
type Store interface {
	// Commit takes the batch and returns at once; it blocks only while more than the store's bound of bytes
	// is waiting. A batch is applied whole or not at all, in the order of the calls. done is called exactly
	// once, in call order, from a goroutine of the store: nil when every change of the batch, and of all
	// batches before it, is durable; for a Lazy batch nil when it is written but perhaps not yet synced. Any
	// other error is fatal for the store: every later Commit reports it too, and the process must stop.
	// The batch belongs to the store until done is called. A batch without changes is fine: its done is called
	// in its turn.
	Commit(b *Batch, done func(error))

	// Scan visits the messages of q with after < sequence <= upTo in ascending order until visit returns
	// false. header and body are valid during the call only. body is nil for a message whose body is stored
	// apart because it is large; Read returns it.
	Scan(q queue.ID, after, upTo queue.Seq, visit func(seq queue.Seq, header, body []byte) bool) error

	// Read returns one message, or ErrNotFound. The slices are the caller's; body is not nil.
	Read(q queue.ID, seq queue.Seq) (header, body []byte, err error)

	// States visits the stored states of q's messages in sequence order.
	States(q queue.ID, visit func(seq queue.Seq, state []byte) error) error

	// Meta visits the metadata of q of one kind in key order; queue 0 holds what belongs to no queue.
	Meta(q queue.ID, kind MetaKind, visit func(key, value []byte) error) error

	// Queues visits the ids of all queues that hold metadata, ascending, 0 left out.
	Queues(visit func(q queue.ID) error) error

	// Space tells the present level without touching the disk.
	Space() Space

	// Close waits for the batches given to Commit, syncs and closes. Later calls fail.
	Close() error
}

// MetaKind separates the kinds of metadata of a queue; it is part of the stored key.
type MetaKind byte

// The kinds of metadata. Their numbers are on disk: never reuse one.
const (
	MetaConfig  MetaKind = 1 // one value under the empty key: the queue's configuration
	MetaMark    MetaKind = 2 // one value under the empty key: counters and marks
	MetaSend    MetaKind = 3 // remembered deduplication ids, by their 16-byte key
	MetaTask    MetaKind = 4 // move tasks, by id
	MetaDeleted MetaKind = 5 // queue 0: names in their cool-down
	MetaServer  MetaKind = 6 // queue 0: the server's own: epoch, receipt key
)
