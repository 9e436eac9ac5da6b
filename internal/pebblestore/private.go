package pebblestore

import (
	"io"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/datafolder"
)

// diskFS is the disk. What is made on it is for those whom access names, whatever the process's umask is: Pebble makes its
// files for everybody.
type diskFS struct {
	vfs.FS
	access datafolder.Access
}

func newDiskFS(access datafolder.Access) vfs.FS { return diskFS{vfs.Default, access} }

// file tightens a file that was just opened for writing. The error of the open goes first; one of the change is of a file that
// belongs to another user, which Tighten tells about.
func (d diskFS) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err == nil {
		_ = os.Chmod(name, d.access.File())
	}
	return f, err
}

// Create implements vfs.FS.
func (d diskFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	return d.file(name, f, err)
}

// OpenReadWrite implements vfs.FS.
func (d diskFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, category, opts...)
	return d.file(name, f, err)
}

// ReuseForWrite implements vfs.FS.
func (d diskFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, category)
	return d.file(name, f, err)
}

// Lock implements vfs.FS.
func (d diskFS) Lock(name string) (closer io.Closer, err error) {
	closer, err = d.FS.Lock(name)
	if err == nil {
		_ = os.Chmod(name, d.access.File())
	}
	return closer, err
}

// MkdirAll implements vfs.FS. A folder that is there is left as it is.
func (d diskFS) MkdirAll(dir string, mode os.FileMode) error {
	_, before := os.Stat(dir)
	err := d.FS.MkdirAll(dir, mode&d.access.Folder())
	if err == nil && before != nil {
		err = os.Chmod(dir, d.access.Folder())
	}
	return err
}

// Unwrap implements vfs.FS.
func (d diskFS) Unwrap() vfs.FS { return d.FS }

// ownFiles are the names of what this program keeps in a data folder, beside keys and certificates, which have modes of their
// own. A name stands for what begins with it and a dot, too.
var ownFiles = []string{
	formatName, lockName, pidName, storeName, witnessName, "MANIFEST", ballastName, scrubbedName, "endpoint", "history",
}

// ownFile reports whether a path in a data folder is of ownFiles, or the folder itself.
func ownFile(name string) bool {
	first, _, _ := strings.Cut(path.Clean(name), "/")
	stem, _, _ := strings.Cut(first, ".")
	return name == "." || slices.Contains(ownFiles, first) || slices.Contains(ownFiles, stem)
}

// tighten closes to others what an older program, or a folder that was there before, has left open. What it cannot close does
// not keep a server from starting: a volume that is given to a group on purpose looks the same.
func tighten(dir string, access datafolder.Access, log *slog.Logger) {
	if err := datafolder.Tighten(dir, access, ownFile); err != nil {
		log.Warn("the data folder is open to others than its owner: let its owner run chmod -R go-rwx on it, "+
			"or, if its group is meant to read it, set group_read", "data", dir, "err", err)
	}
}
