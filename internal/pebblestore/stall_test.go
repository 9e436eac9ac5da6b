package pebblestore

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/forebay-mq/forebay/internal/broker"
)

// TestASlowDiskIsWaitedFor makes each sync take its time. Commits wait for it, and nothing else happens.
func TestASlowDiskIsWaitedFor(t *testing.T) {
	for _, slow := range []time.Duration{300 * time.Millisecond, 15 * time.Second} {
		t.Run(slow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pause atomic.Int64
				fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
					switch op.Kind {
					case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
						time.Sleep(time.Duration(pause.Load()))
					}
					return nil
				}))
				s := openTest(t, "data", Options{FS: fs, Ballast: -1, ScrubEvery: -1})
				defer s.Close()
				pause.Store(int64(slow))
				began := time.Now()
				done := make(chan error, 1)
				b := new(broker.Batch)
				b.PutMessage(1, 1, nil, []byte("hello"))
				s.Commit(b, func(err error) { done <- err })
				if err := <-done; err != nil {
					t.Errorf("the commit ended with %v, want no error", err)
				}
				if took := time.Since(began); took < slow {
					t.Errorf("the commit was acknowledged after %v, before its sync, which took %v", took, slow)
				}
				pause.Store(0)
			})
		})
	}
}

// TestAStuckDiskIsAFailure tells the store what Pebble tells it of an operation that does not end.
func TestAStuckDiskIsAFailure(t *testing.T) {
	fatal := make(chan error, 1)
	s, err := Open("data", Options{FS: vfs.NewMem(), Ballast: -1, ScrubEvery: -1, Fatal: func(err error) { fatal <- err }})
	if err != nil {
		t.Fatal(err)
	}
	listener := s.listener()
	listener.DiskSlow(pebble.DiskSlowInfo{Path: "data/store/000004.log", Duration: stallMax - time.Second})
	listener.DiskSlow(pebble.DiskSlowInfo{Path: "data/store/000004.log", Duration: stallMax})
	if err := <-fatal; err == nil {
		t.Error("the store failed without an error")
	}
	done := make(chan error, 1)
	b := new(broker.Batch)
	b.PutMessage(1, 1, nil, []byte("hello"))
	s.Commit(b, func(err error) { done <- err })
	if err := <-done; err == nil {
		t.Error("a commit after the failure was acknowledged")
	}
	_ = s.Close() // the failure
}
