package broker

import (
	"encoding/binary"
	"math"

	"github.com/forebay-mq/forebay/internal/queue"
)

// appendText appends a length and the text.
func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendMillis appends a moment.
func appendMillis(dst []byte, m queue.Millis) []byte { return binary.AppendVarint(dst, int64(m)) }

// decoder reads the parts of an encoding and remembers the first thing that is wrong with it.
type decoder struct {
	rest []byte
	err  error
}

// begin reads the version byte of a stored value and returns a decoder of the rest.
func begin(data []byte, version byte) decoder {
	d := decoder{rest: data}
	if v := d.byte(); v != version {
		d.fail(errVersion)
	}
	return d
}

// end returns what is wrong with the value called what, nil when it was read whole and right.
func (d *decoder) end(what string) error {
	if len(d.rest) > 0 {
		d.fail(errTrailing)
	}
	if d.err != nil {
		return damaged(what, d.err)
	}
	return nil
}

// fail remembers the first thing that is wrong and leaves nothing to read.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail(errCut)
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail(errCut)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail(errCut)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// number reads a number that must not be larger than most.
func (d *decoder) number(most uint64) uint64 {
	v := d.uvarint()
	if v > most {
		d.fail(errRange)
		return 0
	}
	return v
}

func (d *decoder) uint32() uint32 { return uint32(d.number(math.MaxUint32)) }

func (d *decoder) millis() queue.Millis { return queue.Millis(d.varint()) }

// bytes reads a length and that many bytes, which stay part of the encoding.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail(errCut)
		return nil
	}
	p := d.rest[:n:n]
	d.rest = d.rest[n:]
	return p
}

func (d *decoder) text() string { return string(d.bytes()) }

// fill reads exactly as many bytes as dst has room for.
func (d *decoder) fill(dst []byte) {
	if len(d.rest) < len(dst) {
		d.fail(errCut)
		return
	}
	d.rest = d.rest[copy(dst, d.rest):]
}
