package pebblestore

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint makes dir, which must not exist yet, a data folder that holds every commit that was done before
// the call, and perhaps some that are done meanwhile. Commits go on. Tables are hard links where the file
// system allows it, so dir should be on the same disk; copy it elsewhere to have a backup.
//
// The checkpoint opens as a store of its own. Its FORMAT is written last: the rest of an interrupted one is
// not taken for a data folder.
func (s *Store) Checkpoint(dir string) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	if _, err := s.fs.Stat(dir); err == nil {
		return fmt.Errorf("checkpoint: %s exists already", dir)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := s.checkpoint(dir); err != nil {
		return errors.Join(fmt.Errorf("checkpoint: %w", err), s.fs.RemoveAll(dir))
	}
	return nil
}

func (s *Store) checkpoint(dir string) error {
	if err := makeDir(s.fs, dir); err != nil {
		return err
	}
	// Read before the copy is made: whatever was durable then is in it.
	reached := s.witness.durable()
	var opts []pebble.CheckpointOption
	if !s.opts.ReadOnly {
		opts = append(opts, pebble.WithFlushedWAL())
	}
	if err := s.db.Checkpoint(s.fs.PathJoin(dir, storeName), opts...); err != nil {
		return err
	}
	m, err := readManifest(s.fs, s.fs.PathJoin(dir, storeName), manifest{})
	if err != nil {
		return err
	}
	seen := testimony{reached, m}
	if err := writeFile(s.fs, s.fs.PathJoin(dir, witnessName), seen.encode()); err != nil {
		return err
	}
	text := formatText + strconv.Itoa(formatVersion) + "\n"
	return writeFile(s.fs, s.fs.PathJoin(dir, formatName), []byte(text))
}
