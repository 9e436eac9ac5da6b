package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/datafolder"
)

// KV keeps keys and values of a part that is not the queues, as durably as a Store keeps messages: it is opened by
// the same steps, watched by the same witness, and fails in the same way. It is safe for concurrent use.
//
// The database is the folder given to OpenKV, its witness the file beside it whose name has witnessSuffix added. A
// database that an older program has made without a witness is taken as it is, and watched from then on.
type KV struct {
	*database
	fatal   func(error)
	queue   chan kvCommit // written by Commit, read by run
	reached position      // of the last commit, synced or not; run alone uses it
	stopped chan struct{} // closed when run has ended
	cancel  context.CancelFunc
	wg      sync.WaitGroup // of the witness

	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup // methods that use db; added to under mu while not closed
}

const (
	witnessSuffix = ".witness"
	// kvGroupBytes is how much is gathered for one commit. A sync costs little more up to there.
	kvGroupBytes = 256 << 10
)

// KVOptions are what a KV is opened with. Title is needed.
type KVOptions struct {
	// Title says to people what is kept, such as "reply store state/replies".
	Title string
	// FS holds the folder; nil is the disk.
	FS vfs.FS
	// AcceptLoss is as in Options.
	AcceptLoss bool
	// Logger may be nil.
	Logger *slog.Logger
	// Fatal is as in Options.
	Fatal func(error)
	// MemTableBytes and CacheBytes are as in Options; zero is 4 and 8 MiB.
	MemTableBytes, CacheBytes int64
}

// kvCommit is one call of Commit.
type kvCommit struct {
	batch   *pebble.Batch
	durable bool
	done    chan error // buffered: one error; written by run, read by Commit
}

// InUse reports whether a KV could not be opened since another process has it.
func InUse(err error) bool { return errors.Is(err, syscall.EAGAIN) }

// OpenKV opens the database in the folder dir, or makes it. It fails with a text for the user when the database is in
// use, damaged, or has lost what was committed (KVOptions.AcceptLoss). Keys that begin with the byte 0x01 are its
// own.
func OpenKV(dir string, o KVOptions) (*KV, error) {
	fs := o.FS
	if fs == nil {
		fs = newDiskFS(datafolder.Access{})
	}
	base := Options{FS: o.FS, Logger: o.Logger, Fatal: o.Fatal, CacheBytes: 8 << 20}.withDefaults()
	k := &KV{database: newDatabase(fs, dir, dir+witnessSuffix), fatal: base.Fatal}
	k.queue, k.stopped = make(chan kvCommit), make(chan struct{})
	k.title, k.acceptLoss, k.log = o.Title, o.AcceptLoss, base.Logger
	k.options = func(readOnly bool) *pebble.Options { return k.pebbleOptions(o, readOnly) }
	if err := makeDir(fs, fs.PathDir(dir)); err != nil {
		return nil, fmt.Errorf("%s: %w", k.title, err)
	}
	reached, err := k.openDatabase()
	if err != nil {
		return nil, err
	}
	k.reached = reached
	if err = k.witness.open(reached); err == nil {
		err = k.failure.arm(func() {}, k.fatal)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", k.title, err), k.closeDatabase())
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.wg.Go(func() { k.witness.run(ctx, k.failure) })
	go k.run()
	return k, nil
}

func (k *KV) pebbleOptions(o KVOptions, readOnly bool) *pebble.Options {
	p := &pebble.Options{
		FormatMajorVersion: pebble.FormatNewest, // notices a damaged log
		FS:                 guardFS{k.fs, k.name, k.failure},
		ReadOnly:           readOnly,
		Logger:             &pebbleLogger{log: k.log, failure: k.failure},
		EventListener:      k.listener(),
		MemTableSize:       4 << 20,
		CacheSize:          8 << 20,
		MaxOpenFiles:       128,
	}
	if o.MemTableBytes > 0 {
		p.MemTableSize = uint64(o.MemTableBytes)
	}
	if o.CacheBytes > 0 {
		p.CacheSize = o.CacheBytes
	}
	if o.FS == nil {
		p.WithFSDefaults() // the disk, watched for slow operations
	}
	return p
}

// use keeps the database open until release is called.
func (k *KV) use() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return ErrClosed
	}
	if err := k.failure.check(); err != nil {
		return err
	}
	k.users.Add(1)
	return nil
}

func (k *KV) release() { k.users.Done() }

// checked makes damage that a read has met a failure: what else is damaged is unknown.
func (k *KV) checked(err error) error {
	if pebble.IsCorruptionError(err) {
		k.failure.fail(fmt.Errorf("%s: damaged data, which is kept as it is: %w", k.title, err))
	}
	return err
}

// Get returns the value of a key, which is the caller's, and false when there is none.
func (k *KV) Get(key []byte) (value []byte, ok bool, err error) {
	if err := k.use(); err != nil {
		return nil, false, err
	}
	defer k.release()
	found, closer, err := k.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, k.checked(err)
	}
	return append([]byte{}, found...), true, closer.Close()
}

// Scan calls f with the keys from low to before high and their values, in order, until it returns false. Key and
// value are valid during the call alone. What is committed meanwhile is not seen.
func (k *KV) Scan(low, high []byte, f func(key, value []byte) bool) (err error) {
	if err := k.use(); err != nil {
		return err
	}
	defer k.release()
	it, err := k.db.NewIter(&pebble.IterOptions{LowerBound: bytes.Clone(low), UpperBound: bytes.Clone(high)})
	if err != nil {
		return k.checked(err)
	}
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(k.checked(err), it.Close())
		}
		if !f(it.Key(), value) {
			break
		}
	}
	return k.checked(errors.Join(it.Error(), it.Close()))
}

// Batch is what Commit writes, whole or not at all. NewBatch makes one. It is used by one goroutine.
type Batch struct{ pebble *pebble.Batch }

// NewBatch returns an empty batch.
func (k *KV) NewBatch() *Batch { return &Batch{k.db.NewBatch()} }

// Set adds that a key gets a value. Both are copied.
func (b *Batch) Set(key, value []byte) { _ = b.pebble.Set(key, value, nil) } // in memory, it does not fail

// Delete adds that a key goes.
func (b *Batch) Delete(key []byte) { _ = b.pebble.Delete(key, nil) }

// DeleteRange adds that the keys from low to before high go.
func (b *Batch) DeleteRange(low, high []byte) { _ = b.pebble.DeleteRange(low, high, nil) }

// Commit writes a batch, which cannot be used again. With durable it returns once the batch is on the disk, with all
// that was committed before; without, an end of the process may take the batch back, and the commits after it.
func (k *KV) Commit(b *Batch, durable bool) error {
	if err := k.use(); err != nil {
		return err
	}
	defer k.release()
	c := kvCommit{batch: b.pebble, durable: durable, done: make(chan error, 1)}
	select {
	case k.queue <- c:
	case <-k.failure.done:
		return k.failure.err
	}
	select {
	case err := <-c.done:
		return err
	case <-k.failure.done:
		return k.failure.err
	}
}

// run writes what waits in one batch, with how far the database has come then, and one sync. It ends with the queue.
func (k *KV) run() {
	defer close(k.stopped)
	for c := range k.queue {
		group := k.db.NewBatch()
		all := k.gather(group, c)
		durable := false
		for _, c := range all {
			durable = durable || c.durable
		}
		err := k.write(group, durable)
		for _, c := range all {
			c.done <- err
		}
		if err != nil {
			k.failure.fail(fmt.Errorf("%s: commit: %w", k.title, err))
			return
		}
	}
}

// gather puts first, and what waits behind it, into group.
func (k *KV) gather(group *pebble.Batch, first kvCommit) (all []kvCommit) {
	for c := first; ; {
		if err := group.Apply(c.batch, nil); err != nil {
			c.done <- err // a batch that cannot be read was not made by Batch
		} else {
			all = append(all, c)
		}
		if group.Len() >= kvGroupBytes {
			return all
		}
		select {
		case next, ok := <-k.queue:
			if !ok {
				return all
			}
			c = next
		default:
			return all
		}
	}
}

// write commits a group and tells the witness.
func (k *KV) write(group *pebble.Batch, durable bool) error {
	changes := uint64(group.Count())
	k.reached = position{k.reached.commits + 1, k.reached.changes + changes}
	var value [16]byte
	if err := group.Set([]byte{kindPosition}, k.reached.append(value[:0]), nil); err != nil {
		return err
	}
	how := pebble.NoSync
	if durable {
		how = pebble.Sync
	}
	began := time.Now()
	if err := group.Commit(how); err != nil {
		return err
	}
	if durable {
		if d := time.Since(began); d >= slowSync {
			k.syncSlow(d)
		}
		k.witness.advance(k.reached)
	}
	return group.Close()
}

// Close closes the database, after the calls that are under way. After a failure it returns the error of the failure.
func (k *KV) Close() error {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return ErrClosed
	}
	k.closed = true
	k.mu.Unlock()
	k.users.Wait()
	close(k.queue)
	select {
	case <-k.stopped:
	case <-k.failure.done: // the disk may hold run for ever
	}
	k.cancel()
	k.wg.Wait()
	if err := k.failure.check(); err != nil {
		return err
	}
	err := k.orFailure(func() error { return errors.Join(k.db.LogData(nil, pebble.Sync), k.db.Flush()) })
	if err = errors.Join(err, k.closeDatabase()); err != nil {
		return err // the witness must not tell of commits that may not be on the disk
	}
	return k.witness.close(k.reached)
}
