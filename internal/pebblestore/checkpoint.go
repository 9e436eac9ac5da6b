package pebblestore

import (
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint makes dir, which must not exist yet, a data folder that holds every commit that was done before
// the call, and perhaps some that are done meanwhile. Commits go on, but for a moment in which the rest of
// the log is copied. Tables are hard links where the file system allows it, so dir should be on the same
// disk; copy it elsewhere to have a backup.
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
	database := s.fs.PathJoin(dir, storeName)
	var seen testimony
	err := s.checkpointDatabase(database, &seen.reached)
	if err != nil {
		return err
	}
	if seen.manifest, err = readManifest(s.fs, database, manifest{}); err != nil {
		return err
	}
	if err := writeFile(s.fs, s.fs.PathJoin(dir, witnessName), seen.encode()); err != nil {
		return err
	}
	return writeFormat(s.fs, dir)
}

// checkpointDatabase sets reached to how far the copy has come. The copy of a log that is written to meanwhile
// cannot be opened, so the log is made short and then left alone for the time of the copy.
func (s *Store) checkpointDatabase(dir string, reached *position) error {
	if s.opts.ReadOnly {
		*reached = s.commits.reached
		return s.db.Checkpoint(dir)
	}
	if err := s.db.Flush(); err != nil {
		return err
	}
	return s.commits.still(func(now position) error {
		*reached = now
		return s.db.Checkpoint(dir, pebble.WithFlushedWAL())
	})
}
