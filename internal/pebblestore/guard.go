package pebblestore

import (
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardFS makes an error of a commit log, or of the sync of its folder, a failure of the store before Pebble
// hears of it. Pebble would panic in places, with locks in a state that no deferred call survives. An error of
// a table is Pebble's own: it tries again.
type guardFS struct {
	vfs.FS
	dir     string // of the database; the logs of a checkpoint are elsewhere
	failure *failure
}

// check does not return when err is not nil.
func (g guardFS) check(what, name string, err error) {
	if err == nil {
		return
	}
	g.failure.fail(fmt.Errorf("%s %s: %w", what, name, err))
	select {}
}

// guard wraps the file if it is a commit log.
func (g guardFS) guard(name string, f vfs.File, err error) (vfs.File, error) {
	if filepath.Ext(name) != ".log" || g.PathDir(name) != g.dir {
		return f, err
	}
	g.check("create", name, err)
	return newLogFile(guardFile{f, g, name}), nil
}

// Create implements vfs.FS.
func (g guardFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, category)
	return g.guard(name, f, err)
}

// ReuseForWrite implements vfs.FS.
func (g guardFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.ReuseForWrite(old, name, category)
	return g.guard(name, f, err)
}

// OpenDir implements vfs.FS.
func (g guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil || name != g.dir {
		return f, err
	}
	return guardFile{f, g, name}, nil
}

// Unwrap implements vfs.FS.
func (g guardFS) Unwrap() vfs.FS { return g.FS }

// guardFile is a file whose writes and syncs must succeed.
type guardFile struct {
	vfs.File
	guard guardFS
	name  string
}

// Write implements io.Writer.
func (f guardFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.guard.check("write", f.name, err)
	return n, nil
}

// Sync implements vfs.File.
func (f guardFile) Sync() error {
	f.synced(f.File.Sync())
	return nil
}

// SyncData implements vfs.File.
func (f guardFile) SyncData() error {
	f.synced(f.File.SyncData())
	return nil
}

// SyncTo implements vfs.File.
func (f guardFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	f.synced(err)
	return full, nil
}

// synced takes the answer of a sync, and does not believe one that says that all is well before the disk was looked at.
func (f guardFile) synced(err error) {
	if fd := f.Fd(); err == nil && fd != vfs.InvalidFd {
		err = stillThere(fd, f.name)
	}
	f.guard.check("sync", f.name, err)
}

// Close implements io.Closer.
func (f guardFile) Close() error {
	f.guard.check("close", f.name, f.File.Close())
	return nil
}
