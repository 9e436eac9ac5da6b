package pebblestore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// TestWriteErrors lets the nth write or sync fail, for each of the first ones after Open. Whatever was
// acknowledged must be there after a power cut, and nothing is acknowledged after the failure was reported.
func TestWriteErrors(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{
		"write":     errorfs.OpFileWrite,
		"sync":      errorfs.OpFileSync,
		"sync data": errorfs.OpFileSyncData,
		"sync to":   errorfs.OpFileSyncTo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fatal := 0
			for nth := range 40 {
				if writeError(t, kind, nth) {
					fatal++
				}
			}
			t.Logf("%d of 40 errors were fatal, the others hit background work that is tried again", fatal)
		})
	}
}

// writeError lets one operation fail with EIO and reports whether that was fatal.
func writeError(t *testing.T, kind errorfs.OpKind, nth int) bool {
	name := fmt.Sprintf("operation %d of kind %d", nth, kind)
	mem := vfs.NewCrashableMem()
	var armed atomic.Bool
	var count atomic.Int64
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if armed.Load() && op.Kind == kind && count.Add(1) == int64(nth)+1 {
			return syscall.EIO
		}
		return nil
	}))
	fatal := make(chan error, 10)
	opts := Options{FS: fs, MemTableBytes: 16 << 10, Ballast: -1, ScrubEvery: -1, Fatal: func(err error) { fatal <- err }}
	s, err := Open("data", opts)
	if err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	var answers []error
	var wg sync.WaitGroup
	rng := rand.New(rand.NewPCG(uint64(nth), 0))
	const calls = 120
	for i := range calls {
		b := new(broker.Batch)
		b.PutMessage(1, queue.Seq(i+1), nil, randomText(rng, 1000))
		wg.Add(1)
		s.Commit(b, func(err error) {
			answers = append(answers, err)
			wg.Done()
		})
		if i%10 == 9 {
			wg.Wait()
		}
	}
	acknowledged := 0
	for acknowledged < calls && answers[acknowledged] == nil {
		acknowledged++
	}
	for i, err := range answers[acknowledged:] {
		if err == nil {
			t.Errorf("%s: commit %d was acknowledged after commit %d was not", name, acknowledged+i, acknowledged)
		}
	}
	if acknowledged < calls {
		<-fatal
	}
	if len(fatal) > 0 && acknowledged < calls {
		t.Errorf("%s: Fatal was called more than once", name)
	}
	armed.Store(false)
	closeErr := s.Close()
	if failed := s.failure.failed(); (closeErr != nil) != failed {
		t.Errorf("%s: Close returned %v, and that the store has failed is %v", name, closeErr, failed)
	}
	opts.FS = mem.CrashClone(vfs.CrashCloneCfg{})
	after := openTest(t, "data", opts)
	found := 0
	err = after.Scan(1, 0, calls, func(seq queue.Seq, _, _ []byte) bool { found++; return int(seq) == found })
	if err != nil || found < acknowledged {
		t.Errorf("%s: %d messages are there, %d were acknowledged, error %v", name, found, acknowledged, err)
	}
	return s.failure.failed()
}

func TestFailureIsUnknownForWhatWasWritten(t *testing.T) {
	mem := vfs.NewMem()
	var armed atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if armed.Load() && kindOf(op.Path) == "log" && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	}))
	fatal := make(chan error, 1)
	s, err := Open("data", Options{FS: fs, MemTableBytes: 1 << 20, Fatal: func(err error) { fatal <- err }})
	if err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	done := make(chan error, 1)
	commit := func() error {
		b := new(broker.Batch)
		b.PutMessage(1, 1, nil, nil)
		s.Commit(b, func(err error) { done <- err })
		return <-done
	}
	if err := commit(); !errors.Is(err, broker.ErrUnknown) || !errors.Is(err, syscall.EIO) {
		t.Errorf("commit while the log cannot be synced: got %v, want ErrUnknown and the cause", err)
	}
	if err := commit(); err == nil || errors.Is(err, broker.ErrUnknown) {
		t.Errorf("commit after the failure: got %v, want an error that is not ErrUnknown", err)
	}
	if err := s.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close after the failure: got %v, want the cause", err)
	}
	if err := <-fatal; !errors.Is(err, syscall.EIO) {
		t.Errorf("Fatal got %v, want the cause", err)
	}
}

// heldFS holds the syncs of logs until it is released.
type heldFS struct {
	vfs.FS
	hold chan struct{}
}

func (f heldFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err != nil || kindOf(name) != "log" {
		return file, err
	}
	return heldFile{file, f.hold}, nil
}

type heldFile struct {
	vfs.File
	hold chan struct{}
}

func (f heldFile) Sync() error {
	<-f.hold
	return f.File.Sync()
}

func (f heldFile) SyncData() error {
	<-f.hold
	return f.File.SyncData()
}

func (f heldFile) SyncTo(length int64) (bool, error) {
	<-f.hold
	return f.File.SyncTo(length)
}

func TestCommitBlocksBeyondItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{}, 1000)
		for range 100 {
			hold <- struct{}{} // Open may sync
		}
		s, err := Open("data", Options{FS: heldFS{vfs.NewMem(), hold}, ScrubEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		for len(hold) > 0 {
			<-hold
		}
		const size, calls = 1 << 20, 2 * waitingMax >> 20
		var given, answered atomic.Int64
		go func() {
			for i := range calls {
				b := new(broker.Batch)
				b.PutMessage(1, queue.Seq(i+1), nil, make([]byte, size))
				s.Commit(b, func(err error) {
					if err != nil {
						t.Errorf("commit %d: %v", i, err)
					}
					answered.Add(1)
				})
				given.Add(1)
			}
		}()
		synctest.Wait()
		if got := given.Load(); got < waitingMax/size-1 || got > waitingMax/size {
			t.Errorf("commits of 1 MiB accepted while the disk does not answer: got %d, want about %d", got, waitingMax/size)
		}
		if m := s.Metrics(); m.WaitingBytes > waitingMax || m.WaitingBytes < waitingMax-2*size {
			t.Errorf("waiting bytes: got %d, want almost %d", m.WaitingBytes, waitingMax)
		}
		if answered.Load() != 0 {
			t.Errorf("%d commits were acknowledged without a sync", answered.Load())
		}
		close(hold)
		synctest.Wait()
		if given.Load() != calls || answered.Load() != calls {
			t.Errorf("after the disk answers: %d accepted and %d acknowledged, want %d", given.Load(), answered.Load(), calls)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		close(hold)
		var commits, changes, size, syncs int
		opts := Options{FS: heldFS{vfs.NewMem(), hold}, MemTableBytes: 1 << 20}
		opts.OnCommit = func(_ time.Duration, b, c int) { commits++; changes += c; size += b }
		opts.OnSync = func(time.Duration) { syncs++ }
		s := openTest(t, "data", opts)
		b := new(broker.Batch)
		b.PutState(1, 1, nil)
		b.PutState(1, 2, nil)
		want := b.Size()
		commitAll(t, s, b)
		lazy := &broker.Batch{Lazy: true}
		lazy.PutState(1, 3, nil)
		commitAll(t, s, lazy)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if commits != 1 || changes != 2 || size != want || syncs != 1 {
			t.Errorf("got %d commits of %d changes and %d bytes, %d syncs; want 1 of 2 and %d, 1", commits, changes, size, syncs, want)
		}
	})
}

func TestReadOnlyStoreRefusesCommits(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, "data", Options{FS: mem})
	b := new(broker.Batch)
	b.PutMessage(1, 1, []byte("h"), []byte("b"))
	commitAll(t, s, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, "data", Options{FS: mem, ReadOnly: true})
	done := make(chan error)
	s.Commit(b, func(err error) { done <- err })
	if err := <-done; !errors.Is(err, errReadOnly) {
		t.Errorf("commit: got %v, want %v", err, errReadOnly)
	}
	if _, body, err := s.Read(1, 1); err != nil || string(body) != "b" {
		t.Errorf("read: got %q, error %v", body, err)
	}
	if _, err := s.Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
}
