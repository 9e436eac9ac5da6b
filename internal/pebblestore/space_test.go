package pebblestore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
)

const mib = 1 << 20

func TestSpaceLimits(t *testing.T) {
	for _, test := range []struct {
		name                 string
		total                int64
		opts                 Options
		memTable, low, fully int64
	}{
		{"an unknown disk", 0, Options{}, 64 * mib, 256 * mib, 128 * mib},
		{"a memory disk of 32 MiB", 32 * mib, Options{}, mib, 4 * mib, 2 * mib},
		{"a disk of 1 GiB", 1024 * mib, Options{}, 32 * mib, 128 * mib, 64 * mib},
		{"a disk of 20 GiB", 20 << 30, Options{}, 64 * mib, 20 << 30 / 50, 128 * mib},
		{"a disk of 2 TiB", 2 << 40, Options{}, 64 * mib, 1 << 30, 128 * mib},
		{"limits that are given", 2 << 40, Options{SpaceLow: 100, SpaceFull: 50}, 64 * mib, 100, 50},
		{"only the lower limit is given", 2 << 40, Options{SpaceLow: 100}, 64 * mib, 100, 100},
		{"limits that are off", 2 << 40, Options{SpaceLow: -1, SpaceFull: -1}, 64 * mib, -1, -1},
		{"a small memtable", 2 << 40, Options{MemTableBytes: mib}, mib, 1 << 30, 2 * mib},
	} {
		spaceLimits(test.total, &test.opts)
		got := [3]int64{test.opts.MemTableBytes, test.opts.SpaceLow, test.opts.SpaceFull}
		if want := [3]int64{test.memTable, test.low, test.fully}; got != want {
			t.Errorf("%s: memtable, low and full: got %v, want %v", test.name, got, want)
		}
	}
}

func TestSpaceLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		var broken atomic.Bool
		opts := Options{FS: vfs.NewMem(), MemTableBytes: mib, SpaceLow: 100, SpaceFull: 50, Ballast: -1}
		opts.Usage = func() (int64, int64, error) {
			if broken.Load() {
				return 0, 0, errors.New("no answer")
			}
			return free.Load(), 1000, nil
		}
		free.Store(40)
		s := openTest(t, "data", opts)
		if got := s.Space(); got != broker.SpaceFull {
			t.Errorf("space right after Open with 40 bytes free: got %d, want %d", got, broker.SpaceFull)
		}
		for _, test := range []struct {
			name string
			free int64
			want broker.Space
		}{
			{"room again, without a restart", 1000, broker.SpaceOK},
			{"exactly the low limit", 100, broker.SpaceOK},
			{"below the low limit", 99, broker.SpaceLow},
			{"exactly the full limit", 50, broker.SpaceLow},
			{"below the full limit", 49, broker.SpaceFull},
			{"a little more", 60, broker.SpaceLow},
			{"plenty", 500, broker.SpaceOK},
		} {
			free.Store(test.free)
			time.Sleep(spaceEvery)
			synctest.Wait()
			if got := s.Space(); got != test.want {
				t.Errorf("%s: got level %d, want %d", test.name, got, test.want)
			}
			if got := s.Metrics().FreeBytes; got != test.free {
				t.Errorf("%s: free bytes in the metrics: got %d, want %d", test.name, got, test.free)
			}
		}
		broken.Store(true)
		time.Sleep(spaceEvery)
		synctest.Wait()
		if got := s.Space(); got != broker.SpaceOK {
			t.Errorf("when the disk does not answer: got level %d, want the last one, %d", got, broker.SpaceOK)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSpaceIsSeenBeforeTheNextSecond fills the disk between two looks.
func TestSpaceIsSeenBeforeTheNextSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		opts := Options{FS: vfs.NewMem(), MemTableBytes: mib, Ballast: -1}
		opts.Usage = func() (int64, int64, error) {
			looks.Add(1)
			return 1 << 40, 1 << 40, nil
		}
		s := openTest(t, "data", opts)
		before := looks.Load()
		b := new(broker.Batch)
		b.PutMessage(1, 1, nil, make([]byte, mib))
		commitAll(t, s, b)
		synctest.Wait()
		if looks.Load() == before {
			t.Errorf("after a batch of a memtable's size nobody has looked at the disk")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBallast(t *testing.T) {
	dir := t.TempDir() + "/data"
	ballast := dir + "/ballast"
	s := openTest(t, dir, Options{Ballast: 3 * mib, SpaceLow: 1, SpaceFull: 1})
	info, err := os.Stat(ballast)
	if err != nil || info.Size() != 3*mib {
		t.Fatalf("the ballast file after the first start: %v, error %v; want 3 MiB", info, err)
	}
	// It can be given away while the store is open and while it is not.
	if got, err := FreeBallast(dir); err != nil || got != 3*mib {
		t.Errorf("FreeBallast: got %d, error %v; want 3 MiB", got, err)
	}
	if _, err := FreeBallast(dir); err == nil || !strings.Contains(err.Error(), "has no ballast file any more") {
		t.Errorf("second FreeBallast: got error %v", err)
	}
	if _, err := FreeBallast(t.TempDir()); err == nil {
		t.Error("FreeBallast of a folder that is no data folder succeeded")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	noRoom := func() (int64, int64, error) { return 5, 1 << 40, nil }
	s = openTest(t, dir, Options{Ballast: 3 * mib, SpaceLow: 1, SpaceFull: 1, Usage: noRoom})
	if _, err := os.Stat(ballast); !os.IsNotExist(err) {
		t.Errorf("a start without room has made a ballast file, error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir, Options{Ballast: 2 * mib, SpaceLow: 1, SpaceFull: 1})
	if info, err := os.Stat(ballast); err != nil || info.Size() != 2*mib {
		t.Errorf("the ballast file after a start with room: %v, error %v; want 2 MiB", info, err)
	}
}

func TestFitDisk(t *testing.T) {
	const unit = int64(mib)
	for _, row := range []struct {
		name string
		disk disk
		opts Options
		want Options // what was filled in: MemTableBytes, SpaceLow, SpaceFull and Ballast
		err  string  // part of it
	}{
		{"an empty disk of 96 MiB", disk{96 * unit, 96 * unit, true}, Options{}, Options{MemTableBytes: 3 * unit, SpaceLow: 12 * unit, SpaceFull: 6 * unit, Ballast: 6 * unit}, ""},
		{"an empty disk of 16 MiB", disk{15 * unit, 16 * unit, true}, Options{}, Options{MemTableBytes: unit, SpaceLow: 4 * unit, SpaceFull: 2 * unit, Ballast: unit}, ""},
		{"an empty disk of 100 GiB", disk{100 << 30, 100 << 30, true}, Options{}, Options{MemTableBytes: 64 * unit, SpaceLow: 1 << 30, SpaceFull: 128 * unit, Ballast: 16 * unit}, ""},
		{"a disk of unknown size", disk{}, Options{}, Options{MemTableBytes: 64 * unit, SpaceLow: 256 * unit, SpaceFull: 128 * unit, Ballast: 16 * unit}, ""},
		{"a full disk with a store, which must be drained", disk{unit, 96 * unit, false}, Options{}, Options{MemTableBytes: 3 * unit, SpaceLow: 12 * unit, SpaceFull: 6 * unit, Ballast: 6 * unit}, ""},
		{"a full disk without a store", disk{5 * unit, 96 * unit, true}, Options{}, Options{}, "the disk has 5 MiB free of 96 MiB, and sends are refused below 12 MiB"},
		{"a disk that is too small", disk{8 * unit, 8 * unit, true}, Options{}, Options{}, "the disk has 8 MiB, and a store needs one of at least 16 MiB"},
		{"a memtable that is given and fits", disk{900 * unit, 1000 * unit, true}, Options{MemTableBytes: 64 * unit}, Options{MemTableBytes: 64 * unit, SpaceLow: 256 * unit, SpaceFull: 128 * unit, Ballast: 16 * unit}, ""},
		{"a memtable that is given and cannot fit", disk{96 * unit, 96 * unit, true}, Options{MemTableBytes: 64 * unit}, Options{}, "memory.table is 64 MiB, and four times that must stay free on the disk, which has 96 MiB; leave memory.table out, which takes 3 MiB here, or set at most 12 MiB"},
		{"the same with a store", disk{9 * unit, 96 * unit, false}, Options{MemTableBytes: 64 * unit}, Options{}, "memory.table is 64 MiB"},
		{"limits that are given stay, however small the disk", disk{40, 1000, true}, Options{MemTableBytes: unit, SpaceLow: 100, SpaceFull: 50, Ballast: -1}, Options{MemTableBytes: unit, SpaceLow: 100, SpaceFull: 50, Ballast: -1}, ""},
		{"a ballast that is given stays", disk{96 * unit, 96 * unit, true}, Options{Ballast: 16 * unit}, Options{MemTableBytes: 3 * unit, SpaceLow: 12 * unit, SpaceFull: 6 * unit, Ballast: 16 * unit}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := fitDisk(row.disk, &row.opts)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Errorf("got error %v, want one with %q", err, row.err)
				}
				return
			}
			got := Options{MemTableBytes: row.opts.MemTableBytes, SpaceLow: row.opts.SpaceLow, SpaceFull: row.opts.SpaceFull, Ballast: row.opts.Ballast}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, row.want)
			}
		})
	}
}
