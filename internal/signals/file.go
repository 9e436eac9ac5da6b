package signals

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// The file of a history: the line below, a CRC-32 (IEEE) of the rest in four bytes, big-endian, and the rest, compressed
// with DEFLATE. That is uvarints: the number of queues; for each its id, the length of its name and the name, when
// it was active in seconds, and for each of the three rings the number of its newest step, the number of its points
// and these, oldest first, with one added to each value so that missing ones are zero.
//
// To change it: raise the version in the line, and keep reading the older ones or let them begin anew.
const fileHeader = "forebay history 1\n"

// fileBytesMax bounds what a file may unpack to, in bytes.
const fileBytesMax = 256 << 20

var errHistory = errors.New("damaged history")

// encode returns the history as a file.
func (h *history) encode() []byte {
	var rest []byte
	put := func(n int64) { rest = binary.AppendUvarint(rest, uint64(n)) }
	put(int64(len(h.series)))
	for _, id := range slices.Sorted(maps.Keys(h.series)) {
		s := h.series[id]
		put(int64(id))
		put(int64(len(s.name)))
		rest = append(rest, s.name...)
		put(s.active.Unix())
		for i := range s.rings {
			r := &s.rings[i]
			put(r.newest)
			put(int64(len(r.points)))
			for n := r.newest - int64(len(r.points)) + 1; n <= r.newest; n++ {
				p, _ := r.at(n)
				for _, value := range p {
					put(value + 1)
				}
			}
		}
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestSpeed) // fails for unknown levels only
	_, err := w.Write(rest)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	file := append([]byte(fileHeader), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(file[len(fileHeader):], crc32.ChecksumIEEE(packed.Bytes()))
	return append(file, packed.Bytes()...)
}

// decode fills an empty history from a file, or leaves it empty.
func (h *history) decode(file []byte) error {
	rest, ok := bytes.CutPrefix(file, []byte(fileHeader))
	if !ok {
		line, _, _ := bytes.Cut(file[:min(len(file), 40)], []byte("\n"))
		return fmt.Errorf("%w: it begins with %q, not with %q", errHistory, line, fileHeader)
	}
	if len(rest) < 4 || binary.BigEndian.Uint32(rest) != crc32.ChecksumIEEE(rest[4:]) {
		return fmt.Errorf("%w: its checksum does not fit", errHistory)
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(rest[4:])), fileBytesMax))
	if err != nil {
		return fmt.Errorf("%w: %w", errHistory, err)
	}
	d := decoder{rest: plain}
	found := make(map[queue.ID]*series)
	for n := d.upTo(int64(len(plain))); n > 0 && !d.bad; n-- {
		id, s := d.series()
		if len(found) < h.max {
			found[id] = s
		}
	}
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("%w: it is garbled", errHistory)
	}
	h.series = found
	return nil
}

// decoder reads the uvarints of a file. After the first that is wrong everything is zero.
type decoder struct {
	rest []byte
	bad  bool
}

// upTo reads a number from zero to most.
func (d *decoder) upTo(most int64) int64 {
	n, size := binary.Uvarint(d.rest)
	if d.bad || size <= 0 || most >= 0 && n > uint64(most) {
		d.bad = true
		return 0
	}
	d.rest = d.rest[size:]
	return int64(n)
}

// number reads any number.
func (d *decoder) number() int64 { return d.upTo(-1) }

func (d *decoder) series() (queue.ID, *series) {
	id := queue.ID(d.number())
	size := d.upTo(int64(len(d.rest)))
	name := ""
	if size > int64(len(d.rest)) {
		d.bad = true
	} else {
		name, d.rest = string(d.rest[:size]), d.rest[size:]
	}
	s := newSeries(name)
	s.active = time.Unix(d.number(), 0)
	for i := range s.rings {
		r := &s.rings[i]
		r.newest = d.number()
		for n := d.upTo(int64(r.kept)); n > 0 && !d.bad; n-- {
			var p point
			for m := range p {
				p[m] = d.number() - 1
			}
			r.points = append(r.points, p)
		}
	}
	return id, s
}
