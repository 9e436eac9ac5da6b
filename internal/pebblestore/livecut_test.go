//go:build linux

package pebblestore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// TestFileSystemLosesPower takes the file system away under a store that commits: what was not synced is thrown away. All that
// was acknowledged must be there afterwards, also what was acknowledged while the file system gave up: a sync that comes then
// may be told that all is well, and the store must not believe it. FOREBAY_LIVE_CUTS is how often, for each row.
func TestFileSystemLosesPower(t *testing.T) {
	needRoot(t)
	cuts := 10
	if n, err := strconv.Atoi(os.Getenv("FOREBAY_LIVE_CUTS")); err == nil {
		cuts = n
	}
	for _, row := range []struct {
		name  string
		kind  string
		mount string // options
		cut   func(t *testing.T, disk string)
	}{
		{"ext4 is shut down", "ext4", "loop", shutdown},
		{"ext4 meets an error and becomes read-only", "ext4", "loop,errors=remount-ro", failExt4},
		{"xfs is shut down", "xfs", "loop,nouuid", shutdown},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := exec.LookPath("mkfs." + row.kind); err != nil {
				t.Skip("mkfs." + row.kind + " is not installed")
			}
			d := liveDisk{kind: row.kind, options: row.mount, image: filepath.Join(t.TempDir(), "image0")}
			run(t, "truncate", "-s", "320M", d.image)
			run(t, "mkfs."+row.kind, "-q", d.image)
			lost := 0
			for cut := range cuts {
				lost += d.commitUntil(t, cut, row.cut)
			}
			t.Logf("%d cuts, %d acknowledged messages, %d lost", cuts, d.acked, lost)
		})
	}
}

// liveDisk is a file system in a file, and what was acknowledged by the store in it.
type liveDisk struct {
	kind, options, image string
	acked                uint64
}

// commitUntil mounts the disk, opens the store, commits messages until cut takes the file system away, and returns how many
// of those that were acknowledged before are not there.
func (d *liveDisk) commitUntil(t *testing.T, number int, cut func(*testing.T, string)) (lost int) {
	t.Helper()
	if number > 0 { // the failed store keeps its files open for ever, and with them the mount of its image
		before := d.image
		d.image = filepath.Join(filepath.Dir(before), fmt.Sprintf("image%d", number))
		run(t, "cp", "--sparse=always", before, d.image)
		_ = os.Remove(before)
	}
	disk := t.TempDir()
	run(t, "mount", "-t", d.kind, "-o", d.options, d.image, disk)
	opts := Options{MemTableBytes: 1 << 20, Ballast: -1, SpaceLow: -1, SpaceFull: -1, Fatal: func(error) {}}
	s, err := Open(filepath.Join(disk, "data"), opts)
	if err != nil && strings.Contains(err.Error(), "acknowledged") {
		t.Errorf("after %d cuts: %v", number, err)
		opts.AcceptLoss = true
		s, err = Open(filepath.Join(disk, "data"), opts)
	}
	if err != nil {
		t.Fatalf("open after %d cuts: %v", number, err)
	}
	found := scanAll(t, s)
	if lost = max(int(d.acked)-len(found), 0); lost > 0 {
		t.Errorf("after %d cuts: %d messages are there, %d were acknowledged", number, len(found), d.acked)
	}
	first := uint64(len(found))
	var acked atomic.Uint64
	acked.Store(first)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		done := make(chan error)
		for seq := first + 1; ; seq++ {
			b := new(broker.Batch)
			b.PutMessage(1, queue.Seq(seq), nil, fmt.Appendf(nil, "%2000d", seq))
			s.Commit(b, func(err error) { done <- err })
			if <-done != nil {
				return
			}
			acked.Store(seq)
		}
	}()
	goal := first + 100 + uint64(number*37%100)
	waitFor(t, "some commits", func() bool { return acked.Load() > goal })
	cut(t, disk)
	<-stopped
	d.acked = acked.Load()
	_ = s.Close() // the failure
	if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	return lost
}

// shutdown makes the file system forget what is not on its disk, as a power cut does.
func shutdown(t *testing.T, disk string) {
	t.Helper()
	const goingDown = 0x8004587d // of ext4 and of xfs
	noFlush := uint32(2)
	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), goingDown, uintptr(unsafe.Pointer(&noFlush)))
	if errno != 0 {
		t.Fatalf("shut down %s: %v", disk, errno)
	}
}

// failExt4 makes ext4 take itself for damaged, as an unreadable block does.
func failExt4(t *testing.T, disk string) {
	t.Helper()
	out, err := exec.Command("findmnt", "-n", "-o", "SOURCE", disk).Output()
	if err != nil {
		t.Fatal(err)
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(out))), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("a test\n"), 0); errors.Is(err, os.ErrNotExist) {
		t.Skip("this kernel has no " + trigger)
	} else if err != nil {
		t.Fatal(err)
	}
}
