package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/forebay-mq/forebay/internal/datafolder"
)

// outside is a second witness, in a file that is not in the data folder. A folder that is put back as it was some time ago, by a
// snapshot of a volume or a virtual machine, brings its own witness along and agrees with it; it does not agree with this one.
//
// It follows the commits as witness does, but nothing waits for it: a disk that is slow, full or gone is complained about and
// tried again. outsidefile.go has what is in the file.
//
// All of its methods may be called on nil, which keeps no file.
type outside struct {
	path  string // of the file, absolute
	log   *slog.Logger
	hold  *datafolder.Holder // keeps other processes from the file
	wake  chan struct{}      // holds an element while there may be something to write
	ended chan struct{}      // closed when run has ended

	// Of run, and of open before it.
	number  uint64 // of the store
	file    *os.File
	written position // in the file

	mu      sync.Mutex
	reached position
	failing bool // the last write did not succeed
}

const (
	// outsideFile is the name of the file in a folder that is given.
	outsideFile = "forebay.witness"
	// outsideRetry is the time between two attempts to write the file when it cannot be written.
	outsideRetry = 5 * time.Second
	// outsideWait is how long Close waits for the last write to a disk that may be stuck.
	outsideWait = 2 * time.Second
)

// newOutside finds the file that a setting means: a folder stands for a file in it. An empty setting is nil.
func newOutside(setting, data string, log *slog.Logger) (*outside, error) {
	if setting == "" {
		return nil, nil
	}
	name, err := filepath.Abs(setting)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() || strings.HasSuffix(setting, string(filepath.Separator)) {
		name = filepath.Join(name, outsideFile)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("the witness %s has no folder: is its disk mounted? Make the folder, or change the setting witness (%w)", name, err)
	}
	name = filepath.Join(folder, filepath.Base(name))
	if isIn(name, data) {
		return nil, fmt.Errorf("the witness %s is in the data folder, and would be put back together with it; "+
			"set witness to a file or folder on another disk", name)
	}
	return &outside{path: name, log: log, wake: make(chan struct{}, 1), ended: make(chan struct{})}, nil
}

// isIn reports whether a file is in a folder, whose links are followed.
func isIn(name, folder string) bool {
	real, err := filepath.EvalSymlinks(folder)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return false // a folder in memory
	}
	rel, err := filepath.Rel(real, name)
	return err == nil && filepath.IsLocal(rel)
}

// take keeps other processes away from the file, and refuses a file that is something else.
func (o *outside) take() error {
	if o == nil {
		return nil
	}
	if _, err := readOutside(o.path); errors.Is(err, errForeign) {
		return err
	}
	name := o.path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the witness %s cannot be kept: %w; give this user its folder, or change the setting witness", o.path, err)
	}
	_ = f.Close()
	if o.hold, err = datafolder.Hold(name); errors.Is(err, datafolder.ErrInUse) {
		return fmt.Errorf("the witness %s is in use by another server: each store needs one of its own; change the setting witness (%w)", o.path, err)
	}
	return err
}

// give gives the file back to other processes.
func (o *outside) give() error {
	if o == nil || o.hold == nil {
		return nil
	}
	return o.hold.Close()
}

// check compares the file with a store that has come to reached; number is zero when it has none. noted is the file that an
// earlier start has noted, or empty.
func (o *outside) check(number uint64, reached position, noted string) error {
	if o == nil {
		return checkNoted(number, reached, noted)
	}
	seen, err := readOutside(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && noted == o.path:
		return fmt.Errorf("the witness %s is missing, so it cannot be told whether the %d commits in the store are all (is its disk mounted?)",
			o.path, reached.commits)
	case errors.Is(err, fs.ErrNotExist):
		return checkNoted(number, reached, noted) // the setting is new, or has changed
	case err != nil:
		return err
	}
	return seen.compare(o.path, number, reached)
}

// checkNoted looks at the file of an earlier start, as far as it is there: the setting has changed since, or is gone.
func checkNoted(number uint64, reached position, noted string) error {
	if noted == "" {
		return nil
	}
	seen, err := readOutside(noted)
	if err != nil || seen.store != number {
		return nil // it was moved, or given to another store
	}
	return seen.compare(noted, number, reached)
}

// storeNumber returns the number of the store that is open; zero when it has none, or does not exist yet.
func (s *Store) storeNumber() (uint64, error) {
	if s.db == nil {
		return 0, nil
	}
	value, closer, err := s.db.Get([]byte{kindNumber})
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	number := uint64(0)
	if len(value) == 8 {
		number = binary.BigEndian.Uint64(value)
	}
	return number, closer.Close()
}

// takeOutside finds the witness outside the folder, if there is to be one, and has it asked before the store is opened.
func (s *Store) takeOutside() (err error) {
	if s.opts.ReadOnly {
		return nil
	}
	if s.outside, err = newOutside(s.opts.Witness, s.dir, s.opts.Logger); err != nil {
		return err
	}
	s.witness.beside = func(reached position) error {
		number, err := s.storeNumber()
		if err != nil {
			return err
		}
		return s.outside.check(number, reached, s.notedOutside())
	}
	return s.outside.take()
}

// notedOutside is where the last start has kept a witness outside the folder, or empty.
func (s *Store) notedOutside() string {
	text, err := readFile(s.fs, s.path(outsideName))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// openOutside begins to keep the witness outside the folder, and notes where it is.
func (s *Store) openOutside(reached position) error {
	number, err := s.storeNumber()
	if err == nil && number == 0 {
		number = rand.Uint64() | 1
		err = s.orFailure(func() error {
			return s.db.Set([]byte{kindNumber}, binary.BigEndian.AppendUint64(nil, number), pebble.Sync)
		})
	}
	if err != nil {
		return err
	}
	noted := s.notedOutside()
	if s.outside == nil {
		if noted == "" {
			return nil
		}
		s.opts.Logger.Warn("the setting witness is gone, and the file is not kept any more", "witness", noted)
		return s.fs.Remove(s.path(outsideName))
	}
	if err := s.outside.open(number, reached); err != nil || noted == s.outside.path {
		return err
	}
	s.opts.Logger.Info("a witness outside the data folder is kept", "witness", s.outside.path, "before", noted)
	return writeFile(s.fs, s.path(outsideName), []byte(s.outside.path+"\n"))
}

// open begins to keep the file for a store that has come to reached.
func (o *outside) open(number uint64, reached position) error {
	o.number, o.reached = number, reached
	if err := o.openFile(); err != nil {
		return fmt.Errorf("the witness %s cannot be kept: %w; give this user its folder, or change the setting witness", o.path, err)
	}
	return nil
}

// openFile makes the file if it is missing, and writes it.
func (o *outside) openFile() error {
	f, err := os.OpenFile(o.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_ = f.Chmod(0o600)
	if o.file != nil {
		_ = o.file.Close()
	}
	o.file, o.written = f, position{}
	if err := errors.Join(o.write(), f.Truncate(outsideLen), f.Sync()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(o.path))
}

func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		err = nil // not every file system, and no Windows, can
	}
	return errors.Join(err, d.Close())
}

// advance notes that the store is durable up to p.
func (o *outside) advance(p position) {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.reached = p
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run writes the file behind the commits until ctx ends.
func (o *outside) run(ctx context.Context) {
	defer close(o.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		if !pause(ctx, witnessPause) {
			return
		}
		for !o.update() {
			if !pause(ctx, outsideRetry) {
				return
			}
		}
	}
}

// update brings the file up to date, and reports whether that went well.
func (o *outside) update() bool {
	err := o.still()
	if err == nil {
		err = o.write()
	}
	o.mu.Lock()
	before := o.failing
	o.failing = err != nil
	o.mu.Unlock()
	switch {
	case err != nil && !before:
		o.log.Error("the witness outside the data folder cannot be written and is tried again: until then an earlier state "+
			"of the data folder may not be noticed", "witness", o.path, "err", err)
	case err == nil && before:
		o.log.Info("the witness outside the data folder is written again", "witness", o.path)
	}
	return err == nil
}

// still sees that the open file is the one that the next start will read, and makes it again if it was deleted.
func (o *outside) still() error {
	named, err := os.Stat(o.path)
	if err == nil {
		open, err := o.file.Stat()
		if err != nil || os.SameFile(open, named) {
			return err
		}
		seen, err := readOutside(o.path)
		if err != nil || seen.store != o.number {
			return fmt.Errorf("another file is in its place: %w", errForeign)
		}
		return o.openFile()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return o.openFile()
	}
	return err
}

// write writes the file if it is behind.
func (o *outside) write() error {
	o.mu.Lock()
	now := o.reached
	o.mu.Unlock()
	if now == o.written && now != (position{}) {
		return nil
	}
	if _, err := o.file.WriteAt(sighting{now, o.number}.encode(), 0); err != nil {
		return err
	}
	if err := o.file.Sync(); err != nil {
		return err
	}
	o.written = now
	return nil
}

// behind reports whether the file could not be written.
func (o *outside) behind() bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failing
}

// close writes the last word for a store that was closed at p, after run was told to end. It waits for a stuck disk no longer
// than outsideWait: what is missing then is missing from the file alone.
func (o *outside) close(p position) error {
	if o == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		<-o.ended
		o.advance(p)
		o.update()
		done <- o.file.Close()
	}()
	timer := time.NewTimer(outsideWait)
	defer timer.Stop()
	select {
	case err := <-done:
		return errors.Join(err, o.give())
	case <-timer.C:
		o.log.Error("the witness outside the data folder does not answer, and may be behind", "witness", o.path)
		return nil
	}
}
