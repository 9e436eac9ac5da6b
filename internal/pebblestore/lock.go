package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/datafolder"
)

// folderLock makes this process the only one that uses a data folder. Two locks stand for that: LOCK, which programs of all
// versions know, and on disk the folder itself, which cannot be taken away from under a process. pid is new with each process
// that has taken LOCK, so it tells whether another one has come.
type folderLock struct {
	fs     vfs.FS
	dir    string
	log    *slog.Logger
	holder *datafolder.Holder // nil when the folder is in memory
	sure   bool               // the folder itself is locked

	mu   sync.Mutex
	file io.Closer // LOCK
}

// folderWatch is the time between two looks at whether the folder is still there, beside those before each acknowledgement.
const folderWatch = time.Second

// lockFolder locks dir, which must exist.
func lockFolder(fs vfs.FS, dir string, log *slog.Logger) (*folderLock, error) {
	l := &folderLock{fs: fs, dir: dir, log: log}
	var err error
	if _, disk := fs.(diskFS); disk {
		if l.holder, err = datafolder.Hold(dir); err != nil {
			return nil, l.refused(err)
		}
		l.sure = l.holder.Exclusive()
	}
	if l.file, err = fs.Lock(l.path(lockName)); err != nil {
		return nil, errors.Join(l.refused(err), l.Close())
	}
	if err := errors.Join(l.watch(lockName), l.writePid()); err != nil {
		return nil, errors.Join(fmt.Errorf("lock data folder: %w", err), l.Close())
	}
	return l, nil
}

// refused says who has the folder.
func (l *folderLock) refused(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("lock data folder: %w", err)
	}
	holder := "another process"
	if pid, readErr := readFile(l.fs, l.path(pidName)); readErr == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
			holder = "process " + strconv.Itoa(n)
		}
	}
	return fmt.Errorf("%s is in use by %s (%w)", l.dir, holder, err)
}

func (l *folderLock) path(name string) string { return l.fs.PathJoin(l.dir, name) }

func (l *folderLock) writePid() error {
	if err := writeFile(l.fs, l.path(pidName), fmt.Appendln(nil, os.Getpid())); err != nil {
		return err
	}
	return l.watch(pidName)
}

// watch makes check compare these files, too, with what they are now.
func (l *folderLock) watch(names ...string) error {
	if l.holder == nil {
		return nil
	}
	return l.holder.Watch(names...)
}

// check returns an error when another process may have opened the folder, or when the folder is not what it was. Then nothing
// may be acknowledged any more. Files of the lock that were deleted are put back while the folder itself is locked, since then
// no other process can have come.
func (l *folderLock) check() error {
	if l.holder == nil {
		return nil
	}
	err := l.holder.Check()
	if err != nil && l.sure {
		err = l.restore()
	}
	if err != nil {
		return fmt.Errorf("%w; another process may have taken the data folder, so nothing more is acknowledged; "+
			"put the folder back as it was, see that one server uses it, and start again", err)
	}
	return nil
}

// restore puts back LOCK and pid, or says why that cannot be.
func (l *folderLock) restore() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{"", storeName} {
		if err := l.holder.CheckOnly(name); err != nil {
			return err
		}
	}
	pid := l.holder.CheckOnly(pidName)
	if pid != nil && !errors.Is(pid, fs.ErrNotExist) {
		return pid // of another process
	}
	if l.holder.CheckOnly(lockName) != nil {
		if err := l.file.Close(); err != nil {
			return err
		}
		file, err := l.fs.Lock(l.path(lockName))
		if err != nil {
			l.file = io.NopCloser(nil)
			return fmt.Errorf("%s was deleted, and is locked by another process: %w", l.path(lockName), err)
		}
		l.file = file
		// Watched once: closing a file gives back the lock that fcntl(2) has taken on it.
		if err := l.watch(lockName); err != nil {
			return err
		}
		l.log.Warn("the file LOCK of the data folder was deleted, and is there again; it is no sign of a server that is gone, "+
			"leave it alone", "data", l.dir)
	}
	if pid != nil {
		return l.writePid()
	}
	return nil
}

// run looks at the folder until ctx ends.
func (l *folderLock) run(ctx context.Context, f *failure) {
	for l.holder != nil && pause(ctx, folderWatch) {
		if err := l.check(); err != nil {
			f.fail(err)
			return
		}
	}
}

// Close gives the folder back.
func (l *folderLock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	if l.file != nil {
		errs = append(errs, l.file.Close())
	}
	if l.holder != nil {
		errs = append(errs, l.holder.Close())
	}
	return errors.Join(errs...)
}
