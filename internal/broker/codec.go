package broker

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/forebay-mq/forebay/internal/queue"
)

// ErrDamaged is wrapped by every error about stored bytes that do not mean anything.
var ErrDamaged = errors.New("damaged data")

// Each kind of value that is stored begins with its own version byte. To change an encoding:
//
//  1. give it the next version number and write only that one from now on;
//  2. keep the old decoder as a case of its decode function: data folders live longer than programs;
//  3. add a golden value of the old version to the tests;
//  4. raise dataFormat only when an older program would misread the data instead of refusing the version byte.
const (
	headerVersion = 1
	stateVersion  = 1
	markVersion   = 1
	sendVersion   = 1
	deleteVersion = 1
	jsonVersion   = 1 // of configurations and tasks
)

// damaged says which stored value cannot be understood, and why.
func damaged(what string, why error) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, what, why)
}

var (
	errVersion  = errors.New("unknown version")
	errCut      = errors.New("cut short or garbled")
	errTrailing = errors.New("bytes after the end")
	errRange    = errors.New("number out of range")
)

// State, version 1: flags byte, then Visible, Received, First and Sent as varints, Receives, Epoch and Size as
// uvarints, GroupID as text, and with its flag Late as uvarint. See the ritual at headerVersion.

// The flags of a state.
const (
	stateDelayed = 1 << iota
	stateAdopted
	stateLate
)

func appendState(dst []byte, s *queue.State) []byte {
	var flags byte
	if s.Delayed {
		flags |= stateDelayed
	}
	if s.Adopted {
		flags |= stateAdopted
	}
	if s.Late != 0 {
		flags |= stateLate
	}
	dst = append(dst, stateVersion, flags)
	dst = appendMillis(dst, s.Visible)
	dst = appendMillis(dst, s.Received)
	dst = appendMillis(dst, s.First)
	dst = appendMillis(dst, s.Sent)
	dst = binary.AppendUvarint(dst, uint64(s.Receives))
	dst = binary.AppendUvarint(dst, uint64(s.Epoch))
	dst = binary.AppendUvarint(dst, uint64(s.Size))
	dst = appendText(dst, s.GroupID)
	if s.Late != 0 {
		dst = binary.AppendUvarint(dst, uint64(s.Late))
	}
	return dst
}

func decodeState(data []byte) (queue.State, error) {
	d := begin(data, stateVersion)
	flags := d.byte()
	s := queue.State{
		Visible: d.millis(), Received: d.millis(), First: d.millis(), Sent: d.millis(),
		Receives: d.uint32(), Epoch: d.uint32(), Size: d.uint32(), GroupID: d.text(),
		Delayed: flags&stateDelayed != 0, Adopted: flags&stateAdopted != 0,
	}
	if flags&stateLate != 0 {
		s.Late = d.uint32()
	}
	return s, d.end("message state")
}

// Mark, version 1: Next and Low as uvarints, Live, Bytes and Now as varints.

func appendMark(dst []byte, m queue.Mark) []byte {
	dst = append(dst, markVersion)
	dst = binary.AppendUvarint(dst, uint64(m.Next))
	dst = binary.AppendUvarint(dst, uint64(m.Low))
	dst = binary.AppendVarint(dst, m.Live)
	dst = binary.AppendVarint(dst, m.Bytes)
	return appendMillis(dst, m.Now)
}

func decodeMark(data []byte) (queue.Mark, error) {
	d := begin(data, markVersion)
	m := queue.Mark{
		Next: queue.Seq(d.uvarint()), Low: queue.Seq(d.uvarint()),
		Live: d.varint(), Bytes: d.varint(), Now: d.millis(),
	}
	return m, d.end("queue mark")
}

// Remembered send, version 1: the key is the key of the metadata; ID as 16 bytes, Seq as uvarint, Sent as varint.

func appendSend(dst []byte, s *queue.RememberedSend) []byte {
	dst = append(dst, sendVersion)
	dst = append(dst, s.ID[:]...)
	dst = binary.AppendUvarint(dst, uint64(s.Seq))
	return appendMillis(dst, s.Sent)
}

func decodeSend(key, data []byte) (queue.RememberedSend, error) {
	var s queue.RememberedSend
	d := begin(data, sendVersion)
	if copy(s.Key[:], key) != len(key) || len(key) != len(s.Key) {
		d.fail(errRange)
	}
	d.fill(s.ID[:])
	s.Seq, s.Sent = queue.Seq(d.uvarint()), d.millis()
	return s, d.end("remembered send")
}

// Deleted queue name, version 1: the name is the key of the metadata; the moment as varint.

func appendDeleted(dst []byte, at queue.Millis) []byte {
	return appendMillis(append(dst, deleteVersion), at)
}

func decodeDeleted(data []byte) (queue.Millis, error) {
	d := begin(data, deleteVersion)
	at := d.millis()
	return at, d.end("deleted queue name")
}

// Configurations and tasks are rare and small, so they are JSON: a version byte and the object, whose members
// are the field names of queue.Config and queue.Task. Renaming a field there is a change of the encoding: a
// golden value in the tests notices it.

func appendJSON(dst []byte, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain structs of texts and numbers cannot fail
	}
	return append(append(dst, jsonVersion), text...)
}

func decodeConfig(data []byte) (*queue.Config, error) {
	c := new(queue.Config)
	return c, decodeJSON("queue configuration", data, c)
}

func decodeTask(data []byte) (*queue.Task, error) {
	t := new(queue.Task)
	return t, decodeJSON("move task", data, t)
}

// decodeJSON refuses unknown members: a value that cannot be kept whole must not be rewritten without them.
func decodeJSON(what string, data []byte, into any) error {
	d := begin(data, jsonVersion)
	if d.err != nil {
		return d.end(what)
	}
	dec := json.NewDecoder(bytes.NewReader(d.rest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return damaged(what, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return damaged(what, errTrailing)
	}
	return nil
}
