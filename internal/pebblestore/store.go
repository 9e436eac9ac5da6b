// Package pebblestore keeps queues in a folder on disk: it is the broker's Store on Pebble, an embedded
// log-structured database.
//
// What is acknowledged is synced; a failed write or sync ends the process; a store that has lost what it once
// had is not opened (see witness.go); a disk that fills up is noticed before it is full (see space.go).
// keys.go draws what is stored, folder.go the files.
package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("the store is closed")

// errReadOnly is returned by Commit of a store that was opened to be looked at.
var errReadOnly = errors.New("the store is open read-only")

// Store is a broker.Store in a folder. Open makes one.
type Store struct {
	*database
	opts     Options
	dir      string
	lock     *folderLock
	commits  *committer
	outside  *outside // nil when there is none
	space    *spaceWatch
	recovery time.Duration

	cancel context.CancelFunc // ends the background goroutines
	wg     sync.WaitGroup     // of them

	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup // methods that use db; added to under mu while not closed
}

var _ broker.Store = (*Store)(nil)

// counts are numbers that Metrics returns.
type counts struct {
	backgroundErrors, writeStalls, slowDisk atomic.Int64
}

// Open opens the store in the folder dir and creates both when dir is missing or empty. It fails with a text for
// the user when dir is something else, is in use by another process, was written by a newer version, or has
// lost what was committed (Options.AcceptLoss).
func Open(dir string, opts Options) (*Store, error) {
	began := time.Now()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	s := &Store{opts: opts.withDefaults(), dir: dir}
	fs := opts.FS
	if fs == nil {
		fs = newDiskFS(s.opts.access())
	}
	s.database = newDatabase(fs, fs.PathJoin(dir, storeName), fs.PathJoin(dir, witnessName))
	s.title, s.readOnly, s.acceptLoss = "data folder "+dir, opts.ReadOnly, opts.AcceptLoss
	s.log, s.options = s.opts.Logger, s.pebbleOptions
	lock, err := openFolder(s.fs, dir, &s.opts)
	if err != nil {
		return nil, err
	}
	s.lock = lock
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.outside.give(), s.lock.Close())
	}
	s.recovery = time.Since(began)
	return s, nil
}

// open does what needs the lock of the folder.
func (s *Store) open() error {
	var err error
	if s.space, err = newSpaceWatch(s.fs, s.dir, &s.opts); err != nil {
		return err
	}
	if err := s.takeOutside(); err != nil {
		return fmt.Errorf("data folder %s: %w", s.dir, err)
	}
	reached, err := s.openDatabase()
	if err != nil {
		return err
	}
	large, err := s.largeQueues()
	if err == nil && !s.opts.ReadOnly {
		err = errors.Join(s.witness.open(reached), s.openOutside(reached))
	}
	if err == nil {
		s.commits = newCommitter(s.db, s.failure, &s.opts, reached, large)
		s.commits.synced = func(p position) { s.witness.advance(p); s.outside.advance(p) }
		s.commits.wrote = s.space.wrote
		s.commits.slow = s.syncSlow
		s.commits.held = s.lock.check
		err = errors.Join(s.lock.watch(storeName), s.failure.arm(s.commits.wake, s.opts.Fatal))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("data folder %s: %w", s.dir, err), s.closeDatabase())
	}
	s.start()
	return nil
}

// start begins the background work.
func (s *Store) start() {
	s.commits.start()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	if s.opts.ReadOnly {
		s.commits.refuseAll(errReadOnly)
		return
	}
	s.space.makeBallast()
	s.wg.Go(func() { s.space.run(ctx) })
	s.wg.Go(func() { s.witness.run(ctx, s.failure) })
	s.wg.Go(func() { s.lock.run(ctx, s.failure) })
	if s.outside != nil {
		go s.outside.run(ctx) // Close does not wait for a disk that is not the store's
	}
	s.wg.Go(func() { s.commits.linger.run(ctx, s.Commit) })
	if s.opts.ScrubEvery > 0 {
		s.wg.Go(func() { s.scrubLoop(ctx) })
	}
}

// largeQueues returns the queues that have ever held a large message.
func (s *Store) largeQueues() (map[queue.ID]struct{}, error) {
	large := make(map[queue.ID]struct{})
	err := s.visit([]byte{kindLarge}, []byte{kindLarge + 1}, func(key, _ []byte) error {
		q, err := keyQueue(key)
		large[q] = struct{}{}
		return err
	})
	return large, err
}

// Commit implements broker.Store.
func (s *Store) Commit(b *broker.Batch, done func(error)) {
	s.commits.add(request{b, done})
}

// Space implements broker.Store.
func (s *Store) Space() broker.Space { return s.space.get() }

// Close implements broker.Store. After a failure it returns the error of the failure.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.commits.close()
	s.users.Wait()
	s.wg.Wait()
	if err := s.failure.check(); err != nil {
		return errors.Join(err, s.outside.give(), s.lock.Close())
	}
	var errs []error
	if !s.opts.ReadOnly {
		// With nothing left in the log the next start has nothing to replay. Flush syncs what it writes.
		errs = append(errs, s.orFailure(func() error {
			return errors.Join(s.db.LogData(nil, pebble.Sync), s.db.Flush())
		}))
	}
	errs = append(errs, s.closeDatabase())
	// The witness must not tell of commits that may not be on the disk.
	if !s.opts.ReadOnly && errors.Join(errs...) == nil {
		errs = append(errs, s.witness.close(s.commits.reached), s.outside.close(s.commits.reached), s.copyManifest())
	}
	errs = append(errs, s.lock.Close())
	return errors.Join(errs...)
}

// use keeps the database open until release is called.
func (s *Store) use() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.users.Add(1)
	return nil
}

func (s *Store) release() { s.users.Done() }

// path is the name of one of the folder's files.
func (s *Store) path(name string) string { return s.fs.PathJoin(s.dir, name) }
