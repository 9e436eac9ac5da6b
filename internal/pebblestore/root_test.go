//go:build linux

package pebblestore

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// needRoot leaves out tests that mount file systems, unless they are asked for.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("FOREBAY_ROOT_TESTS") != "1" {
		t.Skip("mounts file systems, which needs root: set FOREBAY_ROOT_TESTS=1")
	}
	if os.Geteuid() != 0 {
		t.Skip("mounts file systems, and this process is not root")
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// mount mounts until the end of the test.
func mount(t *testing.T, dir string, args ...string) {
	t.Helper()
	run(t, "mount", append(args, dir)...)
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// TestDiskFillsUp fills a small disk by commits that respect Space, then by another program. Nothing that was acknowledged may be
// lost, and room must be enough to go on.
func TestDiskFillsUp(t *testing.T) {
	needRoot(t)
	for _, row := range []struct {
		name  string
		mount func(t *testing.T, disk string)
		opts  Options
	}{
		{"memory of 48 MiB, with a ballast that is given", memoryDisk("48m"), Options{Ballast: 4 << 20}},
		{"memory of 24 MiB", memoryDisk("24m"), Options{}},
		{"memory of 96 MiB", memoryDisk("96m"), Options{}},
		{"memory of 300 MiB", memoryDisk("300m"), Options{}},
		{"ext4 of 96 MiB", ext4Disk("96M"), Options{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			disk := t.TempDir()
			row.mount(t, disk)
			fillUp(t, disk, row.opts)
		})
	}
}

func memoryDisk(size string) func(*testing.T, string) {
	return func(t *testing.T, disk string) { mount(t, disk, "-t", "tmpfs", "-o", "size="+size, "tmpfs") }
}

func ext4Disk(size string) func(*testing.T, string) {
	return func(t *testing.T, disk string) {
		image := filepath.Join(t.TempDir(), "image")
		run(t, "truncate", "-s", size, image)
		run(t, "mkfs.ext4", "-q", image)
		mount(t, disk, "-o", "loop", image)
	}
}

func fillUp(t *testing.T, disk string, opts Options) {
	dir := filepath.Join(disk, "data")
	opts.Fatal = func(err error) { t.Errorf("the store has failed: %v", err) }
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var seq queue.Seq
	for s.Space() == broker.SpaceOK {
		b := new(broker.Batch)
		for range 10 {
			seq++
			b.PutMessage(1, seq, nil, randomText(rng, 2000))
		}
		commitAll(t, s, b)
		if seq > 1_000_000 {
			t.Fatal("a small disk has taken 2 GB")
		}
	}
	t.Logf("%d messages until the disk was low", seq)
	// What drains the queue goes on.
	drop := new(broker.Batch)
	drop.DropMessages(1, seq/2)
	commitAll(t, s, drop)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "room after a purge", func() bool { return s.Space() == broker.SpaceOK })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// Somebody else takes the rest. The ballast is enough to start again.
	filler := fill(t, disk)
	if full, err := Open(dir, opts); err == nil {
		if full.Space() != broker.SpaceFull {
			t.Errorf("space on a full disk: got %d, want %d", full.Space(), broker.SpaceFull)
		}
		_ = full.Close() // may find no room for its last words
	}
	if _, err := FreeBallast(dir); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, opts)
	if err != nil {
		t.Fatalf("open with the ballast's room: %v", err)
	}
	if got, want := len(scanAll(t, s)), int(seq-seq/2); got != want {
		t.Errorf("messages after the disk was full: got %d, want %d", got, want)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "room after a file was removed", func() bool { return s.Space() == broker.SpaceOK })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// fill takes all the room that a disk has left, with a file whose path it returns.
func fill(t *testing.T, disk string) string {
	t.Helper()
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = filler.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	return filler.Name()
}

func scanAll(t *testing.T, s *Store) (seqs []queue.Seq) {
	t.Helper()
	err := s.Scan(1, 0, 1<<62, func(seq queue.Seq, _, _ []byte) bool {
		seqs = append(seqs, seq)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return seqs
}

// waitFor polls, since a disk cannot be in virtual time.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 10 s", what)
		}
	}
}
