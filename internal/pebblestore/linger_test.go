package pebblestore

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/queue"
)

// TestLazyBatchesDoNotLinger cuts the power in a quiet hour: what was written lazily before it is there.
func TestLazyBatchesDoNotLinger(t *testing.T) {
	for name, row := range map[string]struct {
		wait time.Duration
		want int
	}{
		"at once":            {0, 0},
		"after a little":     {lingerTime + time.Millisecond, 1},
		"after a quiet hour": {time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem := crashfs.New()
				s := openTest(t, "data", Options{FS: mem, Ballast: -1, ScrubEvery: -1})
				defer s.Close()
				done := make(chan error, 1)
				b := &broker.Batch{Lazy: true}
				b.PutState(1, 1, []byte("received"))
				s.Commit(b, func(err error) { done <- err })
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				time.Sleep(row.wait)
				synctest.Wait()
				cut := openTest(t, "data", Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), Ballast: -1, ScrubEvery: -1})
				defer cut.Close()
				states := 0
				if err := cut.States(1, func(queue.Seq, []byte) error { states++; return nil }); err != nil {
					t.Fatal(err)
				}
				if states != row.want {
					t.Errorf("the power went %v after the batch was written: %d states are there, want %d", row.wait, states, row.want)
				}
			})
		})
	}
}
