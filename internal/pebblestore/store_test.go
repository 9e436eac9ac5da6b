package pebblestore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/broker/storetest"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
)

// openTest opens a store that fails the test when it fails.
func openTest(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	if opts.MemTableBytes == 0 {
		opts.MemTableBytes = 1 << 20
	}
	if opts.Fatal == nil {
		opts.Fatal = func(err error) { t.Errorf("the store has failed: %v", err) }
	}
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && err != ErrClosed {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) storetest.Instance{
		"in memory": func(t *testing.T) storetest.Instance { return instance(t, "data", crashfs.New()) },
		"on disk":   func(t *testing.T) storetest.Instance { return instance(t, t.TempDir(), nil) },
	} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, open) })
	}
}

func instance(t *testing.T, dir string, mem *crashfs.FS) storetest.Instance {
	opts := Options{Ballast: -1}
	if mem != nil {
		opts.FS = mem
	}
	s := openTest(t, dir, opts)
	in := storetest.Instance{Store: s}
	in.Reopen = func() broker.Store {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, dir, opts)
		return s
	}
	if mem != nil {
		in.Crash = func() broker.Store {
			t.Helper()
			return openTest(t, dir, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{})})
		}
	}
	return in
}
