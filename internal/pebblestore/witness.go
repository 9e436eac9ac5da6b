package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// witness is a file beside the database that says how far the database has come. Pebble alone does not notice
// every loss: a log that was cut short opens without a word, and one flipped bit can hide every record. A
// database that opens behind its witness has lost something that was acknowledged.
//
// The file follows the commits by at most 100 ms: an idle store writes nothing, and a busy one about ten times a
// second. It fits into one sector and is written in place:
//
//	 0  16  witnessMagic
//	16   8  commits           numbers are big endian
//	24   8  changes
//	32   8  MANIFEST: number
//	40   8  MANIFEST: length
//	48   4  MANIFEST: CRC-32C of that length
//	52   8  zero
//	60   4  CRC-32C of the 60 bytes before
type witness struct {
	fs       vfs.FS
	name     string // of the file
	database string // the folder of the database
	file     vfs.File
	written  testimony            // in the file; used by one goroutine at a time
	wake     chan struct{}        // holds an element while there may be something to write
	beside   func(position) error // compares another witness; nil: there is none

	mu      sync.Mutex
	reached position // durable in the database
	tables  bool     // the MANIFEST has changed
}

// testimony is what the file says.
type testimony struct {
	reached  position
	manifest manifest
}

const (
	witnessMagic = "forebay witness1"
	witnessLen   = 64
	// witnessPause is the time between a commit and the write that follows it; the rest of the promised
	// 100 ms is for the write itself.
	witnessPause = 80 * time.Millisecond
)

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (t testimony) encode() []byte {
	b := append(make([]byte, 0, witnessLen), witnessMagic...)
	b = t.reached.append(b)
	b = binary.BigEndian.AppendUint64(b, t.manifest.number)
	b = binary.BigEndian.AppendUint64(b, uint64(t.manifest.length))
	b = binary.BigEndian.AppendUint32(b, t.manifest.crc)
	b = append(b, make([]byte, 8)...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readWitness returns os.ErrNotExist for a missing file and errValue for a damaged one.
func readWitness(fs vfs.FS, name string) (testimony, error) {
	data, err := readFile(fs, name)
	if err != nil {
		return testimony{}, err
	}
	if len(data) != witnessLen {
		return testimony{}, errValue
	}
	reached, err := parsePosition(data[16:32])
	t := testimony{reached, manifest{
		number: binary.BigEndian.Uint64(data[32:]),
		length: int64(binary.BigEndian.Uint64(data[40:])),
		crc:    binary.BigEndian.Uint32(data[48:]),
	}}
	if err != nil || string(t.encode()) != string(data) {
		return testimony{}, errValue
	}
	return t, nil
}

// check compares the database, which has come to reached and may not exist, with the file.
func (w *witness) check(reached position, exists bool) error {
	err := w.compare(reached, exists)
	if err == nil && w.beside != nil {
		err = w.beside(reached)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; restore a backup, or continue with what is there by --accept-loss", err)
}

func (w *witness) compare(reached position, exists bool) error {
	seen, err := readWitness(w.fs, w.name)
	switch {
	case errors.Is(err, os.ErrNotExist) && reached == position{}:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the file %s is missing, so nobody can tell whether the %d commits in the store are all",
			w.name, reached.commits)
	case errors.Is(err, errValue):
		return fmt.Errorf("the file %s is damaged, so nobody can tell whether the %d commits in the store are all",
			w.name, reached.commits)
	case err != nil:
		return err
	case reached.commits < seen.reached.commits:
		return fmt.Errorf("%d acknowledged commits are missing: the store ends at commit %d, and %s has seen commit %d",
			seen.reached.commits-reached.commits, reached.commits, w.name, seen.reached.commits)
	case reached.changes < seen.reached.changes:
		return fmt.Errorf("%d acknowledged changes are missing: the store counts %d, and %s has seen %d",
			seen.reached.changes-reached.changes, reached.changes, w.name, seen.reached.changes)
	case exists:
		if err := checkManifest(w.fs, w.database, seen.manifest); err != nil {
			return fmt.Errorf("acknowledged commits may be missing: %w", err)
		}
	}
	return nil
}

// open writes the file anew for a database that has come to reached, and keeps it open.
func (w *witness) open(reached position) error {
	m, err := readManifest(w.fs, w.database, manifest{})
	if err != nil {
		return err
	}
	w.reached, w.written = reached, testimony{reached, m}
	if err := writeFile(w.fs, w.name, w.written.encode()); err != nil {
		return err
	}
	w.file, err = w.fs.OpenReadWrite(w.name, vfs.WriteCategoryUnspecified)
	return err
}

// advance notes that the database is durable up to p.
func (w *witness) advance(p position) {
	w.mu.Lock()
	w.reached = p
	w.mu.Unlock()
	w.signal()
}

// touch notes that the MANIFEST has changed.
func (w *witness) touch() {
	w.mu.Lock()
	w.tables = true
	w.mu.Unlock()
	w.signal()
}

func (w *witness) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// durable is how far the database is known to be on disk.
func (w *witness) durable() position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reached
}

// run writes the file behind the commits until ctx ends. There is no timer while nothing is committed.
func (w *witness) run(ctx context.Context, f *failure) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		if !pause(ctx, witnessPause) {
			return
		}
		if err := w.write(); err != nil {
			f.fail(fmt.Errorf("witness: %w", err))
			return
		}
	}
}

// write brings the file up to date. It is called by one goroutine at a time.
func (w *witness) write() error {
	w.mu.Lock()
	now := testimony{w.reached, w.written.manifest}
	tables := w.tables
	w.tables = false
	w.mu.Unlock()
	if tables {
		m, err := readManifest(w.fs, w.database, now.manifest)
		switch {
		case errors.Is(err, os.ErrNotExist):
			w.touch() // Pebble has just begun another one
		case err != nil:
			return err
		default:
			now.manifest = m
		}
	}
	if now == w.written {
		return nil
	}
	if _, err := w.file.WriteAt(now.encode(), 0); err != nil {
		return err
	}
	if err := w.file.SyncData(); err != nil {
		return err
	}
	w.written = now
	return nil
}

// close writes the last word, after the database was closed at p.
func (w *witness) close(p position) error {
	w.advance(p)
	w.touch()
	return errors.Join(w.write(), w.file.Close())
}
