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

// Create implements [vfs.FS].
func (f *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	made, err := f.MemFS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return file{made}, nil
}

// file can be made longer without being written, as files on disk can.
type file struct{ vfs.File }

// lengthenMost is by how much a file becomes longer at a time, in bytes. Each sync copies the whole of it.
const lengthenMost = 1 << 10

// Lengthen puts zeros behind the end of the file, which is at from, up to to or less, and returns its length.
func (f file) Lengthen(from, to int64) (int64, error) {
	n, err := f.WriteAt(make([]byte, min(to-from, lengthenMost)), from)
	return from + int64(n), err
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
