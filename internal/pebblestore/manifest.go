package pebblestore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// manifest identifies the beginning of Pebble's MANIFEST, the log of which tables belong to the database.
//
// Pebble takes a MANIFEST that was cut short, or damaged in some places, for the shorter log that it then is,
// and deletes the tables that seem to belong to nobody. The position does not show that: it may come from the
// log of commits. So the witness remembers the MANIFEST too.
type manifest struct {
	number uint64 // of its file name; zero: none
	length int64
	crc    uint32 // CRC-32C of the first length bytes
}

// manifestMax is the size at which Pebble begins a new MANIFEST. It is short, since Open reads it twice.
const manifestMax = 4 << 20

// readManifest returns the MANIFEST that the database in dir uses, as far as it is written, and syncs it: what
// the witness has seen must be there after a power cut. before is an earlier result, which is extended.
func readManifest(fs vfs.FS, dir string, before manifest) (m manifest, err error) {
	name, number, err := findManifest(fs, dir)
	if err != nil {
		return manifest{}, err
	}
	f, err := fs.Open(name)
	if err != nil {
		return manifest{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return manifest{}, err
	}
	if err := f.SyncData(); err != nil {
		return manifest{}, err
	}
	m = manifest{number: number}
	if before.number == number {
		m = before
	}
	return m.extend(f, info.Size())
}

// extend takes in the bytes of r up to length.
func (m manifest) extend(r io.ReaderAt, length int64) (manifest, error) {
	added := make([]byte, length-m.length)
	if _, err := r.ReadAt(added, m.length); err != nil && err != io.EOF {
		return manifest{}, err
	}
	return manifest{m.number, length, crc32.Update(m.crc, castagnoli, added)}, nil
}

// checkManifest compares the MANIFEST of the database in dir with what the witness has seen of it. A later
// one was begun after the witness was written.
func checkManifest(fs vfs.FS, dir string, seen manifest) error {
	name, number, err := findManifest(fs, dir)
	if err != nil {
		return err
	}
	if number > seen.number {
		return nil
	}
	if number < seen.number {
		return fmt.Errorf("the store uses %s, and MANIFEST-%06d was in use", name, seen.number)
	}
	data, err := readFile(fs, name)
	if err != nil {
		return err
	}
	if int64(len(data)) < seen.length {
		return fmt.Errorf("%s was cut short to %d bytes, it had %d", name, len(data), seen.length)
	}
	if crc32.Checksum(data[:seen.length], castagnoli) != seen.crc {
		return fmt.Errorf("%s is damaged", name)
	}
	return nil
}

// findManifest returns the MANIFEST that the database in dir uses.
func findManifest(fs vfs.FS, dir string) (name string, number uint64, err error) {
	desc, err := pebble.Peek(dir, fs)
	if err != nil {
		return "", 0, err
	}
	digits, ok := strings.CutPrefix(fs.PathBase(desc.ManifestFilename), "MANIFEST-")
	number, err = strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil {
		return "", 0, fmt.Errorf("%s uses no MANIFEST", dir)
	}
	return desc.ManifestFilename, number, nil
}

// copyManifest keeps the MANIFEST of a clean shutdown. With it, the tables of a store whose MANIFEST is damaged
// can be put together again by hand.
func (s *Store) copyManifest() error {
	name, _, err := findManifest(s.fs, s.path(storeName))
	if err != nil {
		return err
	}
	// The copy appears under its name only when it is complete.
	temporary := s.path(manifestName + ".new")
	if err := vfs.Copy(s.fs, name, temporary); err != nil {
		return err
	}
	if err := s.fs.Rename(temporary, s.path(manifestName)); err != nil {
		return err
	}
	return syncDir(s.fs, s.dir)
}
