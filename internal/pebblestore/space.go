package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
)

// spaceEvery is the time between two looks at the disk.
const spaceEvery = time.Second

// spaceWatch knows how full the disk is. Pebble must never meet a full one: a flush that finds no room makes
// every writer wait for ever.
//
// It looks once a second, and whenever the store itself has written a fraction of the lowest limit, so that a
// fast disk cannot be filled between two looks.
type spaceWatch struct {
	fs      vfs.FS
	ballast string
	usage   func() (free, total int64, err error)
	opts    *Options
	log     *slog.Logger
	off     bool // nobody knows how full the disk is

	level   atomic.Uint32 // broker.Space
	free    atomic.Int64  // bytes at the last look; -1: unknown
	unseen  atomic.Int64  // bytes written since the last look
	recheck chan struct{} // asks run to look now
}

// newSpaceWatch looks at the disk and fills in the options that depend on its size. It fails when the disk is too small for what
// the options ask for.
func newSpaceWatch(fs vfs.FS, dir string, opts *Options) (*spaceWatch, error) {
	w := &spaceWatch{
		fs: fs, ballast: fs.PathJoin(dir, ballastName), usage: opts.Usage,
		opts: opts, log: opts.Logger, recheck: make(chan struct{}, 1),
	}
	if w.usage == nil {
		w.usage = func() (free, total int64, err error) {
			u, err := fs.GetDiskUsage(dir)
			return int64(u.AvailBytes), int64(u.TotalBytes), err
		}
	}
	free, total, err := w.usage()
	if err != nil {
		w.off = true
		w.free.Store(-1)
		if !errors.Is(err, vfs.ErrUnsupported) {
			w.log.Warn("cannot tell how full the disk is, so it is not watched", "err", err)
		}
	}
	_, err = fs.Stat(fs.PathJoin(dir, storeName))
	if err := fitDisk(disk{free: free, total: total, fresh: err != nil}, opts); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if !w.off {
		w.look()
	}
	return w, nil
}

// get returns the level at the last look.
func (w *spaceWatch) get() broker.Space { return broker.Space(w.level.Load()) }

// run looks at the disk until ctx ends.
func (w *spaceWatch) run(ctx context.Context) {
	if w.off || w.opts.SpaceLow < 0 && w.opts.SpaceFull < 0 {
		return
	}
	ticker := time.NewTicker(spaceEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.recheck:
		}
		w.look()
	}
}

// wrote counts bytes that go to the disk.
func (w *spaceWatch) wrote(bytes int64) {
	// A log record is written once more when its memtable is flushed.
	if w.unseen.Add(2*bytes) < w.opts.MemTableBytes/4 {
		return
	}
	w.unseen.Store(0)
	select {
	case w.recheck <- struct{}{}:
	default:
	}
}

// look sets the level.
func (w *spaceWatch) look() {
	free, _, err := w.usage()
	if err != nil {
		w.log.Warn("cannot tell how full the disk is", "err", err)
		return
	}
	w.free.Store(free)
	level := broker.SpaceOK
	switch {
	case free < w.opts.SpaceFull:
		level = broker.SpaceFull
	case free < w.opts.SpaceLow:
		level = broker.SpaceLow
	}
	before := broker.Space(w.level.Swap(uint32(level)))
	if level == before {
		return
	}
	switch level {
	case broker.SpaceOK:
		w.log.Info("the disk has room again", "free", free)
	case broker.SpaceLow:
		w.log.Warn("the disk is nearly full: sends are refused, receives and deletes go on",
			"free", free, "low", w.opts.SpaceLow)
	case broker.SpaceFull:
		w.log.Error("the disk is full: every change is refused until there is room",
			"free", free, "full", w.opts.SpaceFull)
	}
}

// makeBallast writes the ballast file when it is missing and there is room for it. A server without one
// works, so an error is only logged.
func (w *spaceWatch) makeBallast() {
	if w.off || w.opts.Ballast <= 0 {
		return
	}
	if info, err := w.fs.Stat(w.ballast); err == nil && info.Size() == w.opts.Ballast {
		return
	}
	if w.free.Load() < w.opts.SpaceLow+w.opts.Ballast {
		w.log.Warn("the disk has no room for the ballast file", "size", w.opts.Ballast)
		return
	}
	if err := writeBallast(w.fs, w.ballast, w.opts.Ballast); err != nil {
		w.log.Warn("cannot write the ballast file", "err", err)
	}
}

// writeBallast writes random bytes, which no file system can compress away.
func writeBallast(fs vfs.FS, name string, size int64) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	chance := rand.NewChaCha8([32]byte{})
	block := make([]byte, 64<<10)
	for size > 0 && err == nil {
		part := block[:min(size, int64(len(block)))]
		_, _ = chance.Read(part) // never fails
		_, err = f.Write(part)
		size -= int64(len(part))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// FreeBallast deletes the ballast file of the data folder dir on disk and returns how many bytes that gives.
// It needs no open store, since a store cannot be opened on a full disk. The next start with enough room
// makes a new ballast file.
func FreeBallast(dir string) (int64, error) {
	fs := vfs.Default
	if err := checkFormat(fs, dir); err != nil {
		return 0, err
	}
	name := fs.PathJoin(dir, ballastName)
	info, err := fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("data folder %s has no ballast file any more", dir)
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), fs.Remove(name)
}
