package broker

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Batch is a list of logical changes in an encoding of its own, so that it means the same to every store and,
// one day, in a replicated log. To change the encoding: add an op with a new number, keep decoding the old one.
//
// Each change is: op byte, queue as uvarint, then what the op's comment says; "bytes" is a uvarint length and
// that many bytes.
type Batch struct {
	// Lazy asks for no sync: the batch becomes durable with the next one that is not lazy.
	Lazy bool

	data  []byte
	count int
}

// opCode is the kind of a change. The numbers are on disk in logs: never reuse one.
type opCode byte

const (
	opPutMessage   opCode = 1 // seq uvarint, header bytes, body bytes
	opDropMessage  opCode = 2 // seq uvarint: the message and its state
	opDropMessages opCode = 3 // seq uvarint: all messages and states up to and including it
	opPutState     opCode = 4 // seq uvarint, state bytes
	opPutMeta      opCode = 5 // kind byte, key bytes, value bytes
	opDropMeta     opCode = 6 // kind byte, key bytes
	opDropMetas    opCode = 7 // kind byte: all keys of the kind
	opDropQueue    opCode = 8 // all messages, states and metadata of the queue
)

// Len is the number of changes.
func (b *Batch) Len() int { return b.count }

// Size is the number of encoded bytes.
func (b *Batch) Size() int { return len(b.data) }

// Bytes is the encoding. It belongs to the batch.
func (b *Batch) Bytes() []byte { return b.data }

// Reset empties the batch for reuse.
func (b *Batch) Reset() { b.Lazy, b.data, b.count = false, b.data[:0], 0 }

func (b *Batch) begin(op opCode, q queue.ID) {
	b.data = append(b.data, byte(op))
	b.data = binary.AppendUvarint(b.data, uint64(q))
	b.count++
}

func (b *Batch) bytes(p []byte) {
	b.data = binary.AppendUvarint(b.data, uint64(len(p)))
	b.data = append(b.data, p...)
}

// PutMessage stores a message.
func (b *Batch) PutMessage(q queue.ID, seq queue.Seq, header, body []byte) {
	b.begin(opPutMessage, q)
	b.data = binary.AppendUvarint(b.data, uint64(seq))
	b.bytes(header)
	b.bytes(body)
}

// PutMessageParts stores a message whose stored body is prefix and body, one after the other.
func (b *Batch) PutMessageParts(q queue.ID, seq queue.Seq, header, prefix, body []byte) {
	b.begin(opPutMessage, q)
	b.data = binary.AppendUvarint(b.data, uint64(seq))
	b.bytes(header)
	b.data = binary.AppendUvarint(b.data, uint64(len(prefix)+len(body)))
	b.data = append(b.data, prefix...)
	b.data = append(b.data, body...)
}

// DropMessage removes a message and its state.
func (b *Batch) DropMessage(q queue.ID, seq queue.Seq) {
	b.begin(opDropMessage, q)
	b.data = binary.AppendUvarint(b.data, uint64(seq))
}

// DropMessages removes all messages and states up to and including upTo.
func (b *Batch) DropMessages(q queue.ID, upTo queue.Seq) {
	b.begin(opDropMessages, q)
	b.data = binary.AppendUvarint(b.data, uint64(upTo))
}

// PutState stores the state of a message.
func (b *Batch) PutState(q queue.ID, seq queue.Seq, state []byte) {
	b.begin(opPutState, q)
	b.data = binary.AppendUvarint(b.data, uint64(seq))
	b.bytes(state)
}

// PutMeta stores a value.
func (b *Batch) PutMeta(q queue.ID, kind MetaKind, key, value []byte) {
	b.begin(opPutMeta, q)
	b.data = append(b.data, byte(kind))
	b.bytes(key)
	b.bytes(value)
}

// DropMeta removes a value.
func (b *Batch) DropMeta(q queue.ID, kind MetaKind, key []byte) {
	b.begin(opDropMeta, q)
	b.data = append(b.data, byte(kind))
	b.bytes(key)
}

// DropMetas removes all values of a kind.
func (b *Batch) DropMetas(q queue.ID, kind MetaKind) {
	b.begin(opDropMetas, q)
	b.data = append(b.data, byte(kind))
}

// DropQueue removes all that is stored of a queue.
func (b *Batch) DropQueue(q queue.ID) { b.begin(opDropQueue, q) }

// Applier takes the changes of a batch one by one; its slices are parts of the batch. A store is one.
type Applier interface {
	PutMessage(q queue.ID, seq queue.Seq, header, body []byte) error
	DropMessage(q queue.ID, seq queue.Seq) error
	DropMessages(q queue.ID, upTo queue.Seq) error
	PutState(q queue.ID, seq queue.Seq, state []byte) error
	PutMeta(q queue.ID, kind MetaKind, key, value []byte) error
	DropMeta(q queue.ID, kind MetaKind, key []byte) error
	DropMetas(q queue.ID, kind MetaKind) error
	DropQueue(q queue.ID) error
}

// ErrBatch is returned by Apply for bytes that are no batch.
var ErrBatch = errors.New("damaged batch")

// Apply decodes data, the Bytes of a batch, and gives each change to a, in order. It stops at the first error.
func Apply(data []byte, a Applier) error {
	d := decoder{rest: data}
	for len(d.rest) > 0 && d.err == nil {
		op, q := opCode(d.byte()), queue.ID(d.uvarint())
		if err := d.apply(op, q, a); err != nil {
			return err
		}
	}
	return d.batchError()
}

// batchError is what Apply returns for what d ran into.
func (d *decoder) batchError() error {
	if d.err != nil {
		return fmt.Errorf("%w: %w", ErrBatch, d.err)
	}
	return nil
}

func (d *decoder) apply(op opCode, q queue.ID, a Applier) error {
	var seq queue.Seq
	var kind MetaKind
	switch op {
	case opPutMessage, opDropMessage, opDropMessages, opPutState:
		seq = queue.Seq(d.uvarint())
	case opPutMeta, opDropMeta, opDropMetas:
		kind = MetaKind(d.byte())
	}
	var first, second []byte
	switch op {
	case opPutMessage, opPutMeta:
		first, second = d.bytes(), d.bytes()
	case opPutState, opDropMeta:
		first = d.bytes()
	}
	if d.err != nil {
		return d.batchError()
	}
	switch op {
	case opPutMessage:
		return a.PutMessage(q, seq, first, second)
	case opDropMessage:
		return a.DropMessage(q, seq)
	case opDropMessages:
		return a.DropMessages(q, seq)
	case opPutState:
		return a.PutState(q, seq, first)
	case opPutMeta:
		return a.PutMeta(q, kind, first, second)
	case opDropMeta:
		return a.DropMeta(q, kind, first)
	case opDropMetas:
		return a.DropMetas(q, kind)
	case opDropQueue:
		return a.DropQueue(q)
	}
	return fmt.Errorf("%w: unknown change %d", ErrBatch, op)
}
