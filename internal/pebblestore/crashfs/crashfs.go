// Package crashfs is a disk in memory that can lose its power, for tests.
package crashfs

import (
	"io"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is Pebble's crashable file system, made safe for cutting the power while it is in use. Two methods of the
// original take its lock for reading twice, one inside the other, so a clone asked for in between waits for
// ever; here they take it once at a time.
type FS struct {
	*vfs.MemFS

	mu     sync.Mutex
	locked map[string]bool // names that are locked
}

// New returns an empty disk.
func New() *FS { return wrap(vfs.NewCrashableMem()) }

func wrap(mem *vfs.MemFS) *FS { return &FS{MemFS: mem, locked: make(map[string]bool)} }

// CrashClone returns the disk as a power cut at this moment would leave it.
func (f *FS) CrashClone(cfg vfs.CrashCloneCfg) *FS { return wrap(f.MemFS.CrashClone(cfg)) }

// ReuseForWrite renames a file and opens it to be written over. See [vfs.FS].
func (f *FS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Rename(oldName, newName); err != nil {
		return nil, err
	}
	return f.OpenReadWrite(newName, category)
}

// Lock locks the name until the result is closed. See [vfs.FS].
func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked[name] {
		return nil, syscall.EAGAIN
	}
	file, err := f.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	f.locked[name] = true
	return lock{f, file, name}, nil
}

// lock is a held lock.
type lock struct {
	fs   *FS
	file vfs.File
	name string
}

// Close gives the lock back.
func (l lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.name)
	return l.file.Close()
}
