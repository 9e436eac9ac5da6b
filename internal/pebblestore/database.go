package pebblestore

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// database is a Pebble database with all that notices when it has lost something: what Store and KV are built on.
type database struct {
	fs         vfs.FS // of the folder around the database, too
	name       string // of the folder of the database
	title      string // of the whole, for people
	readOnly   bool
	acceptLoss bool
	log        *slog.Logger
	options    func(readOnly bool) *pebble.Options

	db      *pebble.DB
	failure *failure
	witness *witness
	counts  counts
	slowLog limiter
}

// newDatabase returns the database in the folder name, not opened yet, whose witness is in another file. The caller
// sets what stands above the empty line.
func newDatabase(fs vfs.FS, name, witnessFile string) *database {
	return &database{fs: fs, name: name, failure: newFailure(),
		witness: &witness{fs: fs, name: witnessFile, database: name, wake: make(chan struct{}, 1)}}
}

// openDatabase opens or creates the database and returns how far it has come.
func (s *database) openDatabase() (position, error) {
	exists := false
	if _, err := s.fs.Stat(s.name); err == nil {
		desc, err := pebble.Peek(s.name, s.fs)
		if err != nil {
			return position{}, fmt.Errorf("%s: %w", s.title, err)
		}
		exists = desc.Exists
	}
	// Opening for writing replaces logs and removes files that seem unused. So look first: a store that has
	// lost something must stay as it is for whoever wants to repair it.
	if !s.acceptLoss {
		var reached position
		if exists {
			var err error
			if reached, err = s.openPebble(true); err != nil {
				return position{}, err
			}
		}
		err := s.witness.check(reached, exists)
		if err != nil || s.readOnly && exists {
			return reached, s.refuse(err, exists)
		}
		if exists {
			if err := s.closeDatabase(); err != nil {
				return position{}, err
			}
		}
	}
	if !exists {
		if s.readOnly {
			return position{}, fmt.Errorf("%s holds no store", s.title)
		}
		// The first log of a new database is in an old format that hides damage. Close and open again.
		if _, err := s.openPebble(false); err != nil {
			return position{}, err
		}
		if err := s.closeDatabase(); err != nil {
			return position{}, err
		}
	}
	return s.openPebble(s.readOnly)
}

// refuse closes what was opened to look at when err says that it must not be used.
func (s *database) refuse(err error, opened bool) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", s.title, err)
	if opened {
		err = errors.Join(err, s.closeDatabase())
	}
	return err
}

// openPebble sets s.db and returns how far it has come.
func (s *database) openPebble(readOnly bool) (position, error) {
	type result struct {
		db  *pebble.DB
		err error
	}
	opened := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("%v", p)
			}
			opened <- r
		}()
		r.db, r.err = pebble.Open(s.name, s.options(readOnly))
	}()
	// Pebble may also report damage through its logger, which then never returns.
	var r result
	select {
	case r = <-opened:
	case <-s.failure.done:
		r.err = s.failure.err
	}
	if r.err != nil {
		return position{}, fmt.Errorf("%s: cannot open the store: %w", s.title, r.err)
	}
	s.db = r.db
	reached, err := s.readPosition()
	if err != nil {
		return position{}, errors.Join(fmt.Errorf("%s: %w", s.title, err), s.closeDatabase())
	}
	return reached, nil
}

func (s *database) closeDatabase() error {
	if s.failure.failed() {
		return nil // its locks may be held for ever
	}
	return s.orFailure(s.db.Close)
}

// orFailure calls f, which may never return when it makes the store fail.
func (s *database) orFailure(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-s.failure.done:
		return s.failure.err
	}
}

func (s *database) readPosition() (position, error) {
	value, closer, err := s.db.Get([]byte{kindPosition})
	if errors.Is(err, pebble.ErrNotFound) {
		return position{}, nil
	}
	if err != nil {
		return position{}, err
	}
	reached, err := parsePosition(value)
	return reached, errors.Join(err, closer.Close())
}
