package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"
)

// sighting is what the file of a witness outside the data folder says. It fits into one sector and is written in place. It names
// the store, since another one may be given the same file:
//
//	 0  16  outsideMagic
//	16   8  commits           numbers are big endian
//	24   8  changes
//	32   8  number of the store, by chance
//	40  20  zero
//	60   4  CRC-32C of the 60 bytes before
type sighting struct {
	reached position
	store   uint64
}

const (
	outsideMagic = "forebay outside1"
	outsideLen   = 64
)

func (t sighting) encode() []byte {
	b := t.reached.append(append(make([]byte, 0, outsideLen), outsideMagic...))
	b = binary.BigEndian.AppendUint64(b, t.store)
	b = append(b, make([]byte, outsideLen-4-len(b))...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseSighting(b []byte) (sighting, error) {
	if len(b) != outsideLen {
		return sighting{}, errValue
	}
	reached, err := parsePosition(b[16:32])
	t := sighting{reached, binary.BigEndian.Uint64(b[32:])}
	if err != nil || string(t.encode()) != string(b) {
		return sighting{}, errValue
	}
	return t, nil
}

// compare says what a store with a number, which has come to reached, lacks of what the file has seen.
func (t sighting) compare(name string, number uint64, reached position) error {
	switch {
	case t.store != number && number == 0 && reached == position{}:
		return fmt.Errorf("the witness %s has seen commit %d of a store, and the data folder is empty (is its disk mounted?)",
			name, t.reached.commits)
	case t.store != number:
		return fmt.Errorf("the witness %s is that of another store, %016x, and this one is %016x; give each store a witness of its own",
			name, t.store, number)
	case reached.commits < t.reached.commits:
		return fmt.Errorf("%d acknowledged commits are missing: the store ends at commit %d, and %s has seen commit %d "+
			"(was the data folder put back as it was earlier?)", t.reached.commits-reached.commits, reached.commits, name, t.reached.commits)
	case reached.changes < t.reached.changes:
		return fmt.Errorf("%d acknowledged changes are missing: the store counts %d, and %s has seen %d",
			t.reached.changes-reached.changes, reached.changes, name, t.reached.changes)
	}
	return nil
}

// errForeign is for a file that this program has not written, which is left alone.
var errForeign = errors.New("it is not a witness")

// readOutside returns fs.ErrNotExist for a missing or empty file, errForeign for one of something else, errValue for a damaged one.
func readOutside(name string) (sighting, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return sighting{}, err
	case !info.Mode().IsRegular():
		return sighting{}, fmt.Errorf("%s: %w; change the setting witness, or move that file away", name, errForeign)
	case info.Size() == 0:
		return sighting{}, fs.ErrNotExist
	}
	data := make([]byte, outsideLen)
	f, err := os.Open(name)
	if err != nil {
		return sighting{}, err
	}
	n, _ := f.Read(data)
	if err := f.Close(); err != nil {
		return sighting{}, err
	}
	if !strings.HasPrefix(string(data[:n]), outsideMagic) {
		return sighting{}, fmt.Errorf("%s: %w; change the setting witness, or move that file away", name, errForeign)
	}
	t, err := parseSighting(data[:n])
	if err != nil || info.Size() != outsideLen {
		return sighting{}, fmt.Errorf("the witness %s is damaged: %w", name, errValue)
	}
	return t, nil
}
