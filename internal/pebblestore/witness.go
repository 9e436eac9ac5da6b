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
// The file follows the commits by at most witnessLag, so that an idle store writes nothing and a busy one
// ten times a second. It is one sector, written in place:
//
//	 0  16  witnessMagic
//	16   8  commits, big endian
//	24   8  changes, big endian
//	32  28  zero
//	60   4  CRC-32C of the 60 bytes before
type witness struct {
	fs   vfs.FS
	name string
	file vfs.File

	mu      sync.Mutex
	reached position      // durable in the database
	written position      // in the file
	dirty   chan struct{} // holds one element while reached may be ahead of written
}

const (
	witnessMagic = "forebay witness1"
	witnessLen   = 64
	// witnessPause is the time between a commit and the write that follows it; the rest of the promised
	// 100 ms is for the write itself.
	witnessPause = 80 * time.Millisecond
)

func encodeWitness(p position) []byte {
	b := append(make([]byte, 0, witnessLen), witnessMagic...)
	b = p.append(b)
	b = append(b, make([]byte, 28)...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// readWitness returns os.ErrNotExist for a missing file and errValue for a damaged one.
func readWitness(fs vfs.FS, name string) (position, error) {
	data, err := readFile(fs, name)
	if err != nil {
		return position{}, err
	}
	if len(data) != witnessLen || string(data[:16]) != witnessMagic {
		return position{}, errValue
	}
	p, err := parsePosition(data[16:32])
	if err != nil || string(encodeWitness(p)) != string(data) {
		return position{}, errValue
	}
	return p, nil
}

// check compares the database, which has come to reached, with the file.
func (w *witness) check(reached position) error {
	const hint = "restore a backup, or continue with what is there by --accept-loss"
	seen, err := readWitness(w.fs, w.name)
	switch {
	case errors.Is(err, os.ErrNotExist) && reached == position{}:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the file %s is missing, so nobody can tell whether the %d commits in the store are all; %s",
			w.name, reached.commits, hint)
	case errors.Is(err, errValue):
		return fmt.Errorf("the file %s is damaged, so nobody can tell whether the %d commits in the store are all; %s",
			w.name, reached.commits, hint)
	case err != nil:
		return err
	case reached.commits < seen.commits:
		return fmt.Errorf("%d acknowledged commits are missing: the store ends at commit %d, and %s has seen commit %d; %s",
			seen.commits-reached.commits, reached.commits, w.name, seen.commits, hint)
	case reached.changes < seen.changes:
		return fmt.Errorf("%d acknowledged changes are missing: the store holds %d, and %s has seen %d; %s",
			seen.changes-reached.changes, reached.changes, w.name, seen.changes, hint)
	}
	return nil
}

// open writes the file anew for a database that has come to reached, and keeps it open.
func (w *witness) open(reached position) error {
	if err := writeFile(w.fs, w.name, encodeWitness(reached)); err != nil {
		return err
	}
	file, err := w.fs.OpenReadWrite(w.name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w.file, w.reached, w.written = file, reached, reached
	w.dirty = make(chan struct{}, 1)
	return nil
}

// advance notes that the database is durable up to p.
func (w *witness) advance(p position) {
	w.mu.Lock()
	w.reached = p
	w.mu.Unlock()
	select {
	case w.dirty <- struct{}{}:
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
	timer := time.NewTimer(witnessPause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.dirty:
		}
		timer.Reset(witnessPause)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := w.write(); err != nil {
			f.fail(fmt.Errorf("witness: %w", err))
			return
		}
	}
}

// write brings the file up to date. It is called by one goroutine at a time.
func (w *witness) write() error {
	p := w.durable()
	if p == w.written {
		return nil
	}
	if _, err := w.file.WriteAt(encodeWitness(p), 0); err != nil {
		return err
	}
	if err := w.file.SyncData(); err != nil {
		return err
	}
	w.written = p
	return nil
}

// close writes the last word, after the database was closed at p.
func (w *witness) close(p position) error {
	w.mu.Lock()
	w.reached = p
	w.mu.Unlock()
	return errors.Join(w.write(), w.file.Close())
}
