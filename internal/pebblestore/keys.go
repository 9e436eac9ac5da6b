package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// The keys of the store. Numbers are big endian, so that the order of the bytes is the order of the numbers.
//
//	kind   then                          value
//	0x01   -                             position: commits, changes (8 bytes each)
//	0x02   -                             number of the store, 8 bytes, by chance: for outside.go
//	0x10   queue 8, seq 8                message: uvarint header length * 2 + large, header, body if not large
//	0x20   queue 8, seq 8                body of a large message
//	0x30   queue 8, seq 8                state
//	0x40   queue 8, meta kind 1, key     metadata
//	0x50   queue 8                       empty: the queue has held a large message
//
// To change a value: give it a new kind, read both, and write the new one. Raise formatVersion when an older
// program must not open the result. Never reuse a kind.
const (
	kindPosition byte = 0x01
	kindNumber   byte = 0x02
	kindMessage  byte = 0x10
	kindBody     byte = 0x20
	kindState    byte = 0x30
	kindMeta     byte = 0x40
	kindLarge    byte = 0x50
)

// inlineMax is the size of the largest body that is stored beside its header. A scan reads what is inline, so
// it stays near the size of a block; a larger body would be read again for every window that passes over it.
const inlineMax = 4 << 10

// errValue reports a stored value that this program cannot have written.
var errValue = errors.New("damaged value")

// queueKey is the start of all keys of one kind of q.
func queueKey(dst []byte, kind byte, q queue.ID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), uint64(q))
}

// seqKey is the key of a message, of its body or of its state.
func seqKey(dst []byte, kind byte, q queue.ID, seq queue.Seq) []byte {
	return binary.BigEndian.AppendUint64(queueKey(dst, kind, q), uint64(seq))
}

// metaKey is the key of one metadata value; with an empty key it is also the start of all of its kind.
func metaKey(dst []byte, q queue.ID, kind broker.MetaKind, key []byte) []byte {
	return append(append(queueKey(dst, kindMeta, q), byte(kind)), key...)
}

// queueEnd is the first key of the kind after all of q's.
func queueEnd(dst []byte, kind byte, q queue.ID) []byte {
	if q == math.MaxUint64 {
		return append(dst, kind+1)
	}
	return queueKey(dst, kind, q+1)
}

// seqEnd is the first key of the kind after q's seq.
func seqEnd(dst []byte, kind byte, q queue.ID, seq queue.Seq) []byte {
	if seq == math.MaxUint64 {
		return queueEnd(dst, kind, q)
	}
	return seqKey(dst, kind, q, seq+1)
}

// metaEnd is the first key after all metadata of the kind.
func metaEnd(dst []byte, q queue.ID, kind broker.MetaKind) []byte {
	if kind == math.MaxUint8 {
		return queueEnd(dst, kindMeta, q)
	}
	return metaKey(dst, q, kind+1, nil)
}

// keyQueue is the queue of a key that has one.
func keyQueue(key []byte) (queue.ID, error) {
	if len(key) < 9 {
		return 0, fmt.Errorf("%w: key %x", errValue, key)
	}
	return queue.ID(binary.BigEndian.Uint64(key[1:])), nil
}

// keySeq is the sequence number of a key made by seqKey.
func keySeq(key []byte) (queue.Seq, error) {
	if len(key) != 17 {
		return 0, fmt.Errorf("%w: key %x", errValue, key)
	}
	return queue.Seq(binary.BigEndian.Uint64(key[9:])), nil
}

// messageLen is the length of the value of a message.
func messageLen(header, body []byte) int {
	n := uvarintLen(uint64(len(header))<<1) + len(header)
	if len(body) <= inlineMax {
		n += len(body)
	}
	return n
}

func uvarintLen(v uint64) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], v)
}

// appendMessage appends the value of a message, which is messageLen bytes long.
func appendMessage(dst, header, body []byte) []byte {
	large := len(body) > inlineMax
	n := uint64(len(header)) << 1
	if large {
		n |= 1
	}
	dst = append(binary.AppendUvarint(dst, n), header...)
	if large {
		return dst
	}
	return append(dst, body...)
}

// splitMessage undoes appendMessage. body is nil when it is stored apart, and not nil otherwise. The results
// are parts of value.
func splitMessage(value []byte) (header, body []byte, err error) {
	n, used := binary.Uvarint(value)
	if used <= 0 || n>>1 > uint64(len(value)-used) {
		return nil, nil, fmt.Errorf("%w of a message", errValue)
	}
	end := used + int(n>>1)
	header, body = value[used:end:end], value[end:]
	if n&1 == 0 {
		return header, body, nil
	}
	if len(body) > 0 {
		return nil, nil, fmt.Errorf("%w of a large message", errValue)
	}
	return header, nil, nil
}

// position says how far the store has come. Both numbers only grow.
type position struct {
	commits uint64 // batches
	changes uint64 // changes in them
}

func (p position) append(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, p.commits), p.changes)
}

func parsePosition(value []byte) (position, error) {
	if len(value) != 16 {
		return position{}, fmt.Errorf("%w of the position", errValue)
	}
	return position{binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])}, nil
}
