// Package datafolder keeps a folder for one process, and for its owner's eyes: it holds a lock that cannot be taken away,
// notices when the folder is another one than it was, and closes what others could read.
//
// It knows nothing of what is in the folder. hold.go is the lock, private.go the permissions.
package datafolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// ErrInUse is why Hold fails when another process, or this one, holds the folder already.
var ErrInUse = errors.New("the folder is in use")

// ErrChanged is why Check fails.
var ErrChanged = errors.New("the folder is not what it was")

// Holder is the hold of one process on a folder. It is safe for concurrent use.
//
// The lock is on the folder itself, not on a file in it: whoever may write to the folder can delete a file, and with it the
// lock of those who come later. Renaming the folder, binding it elsewhere or reaching it by a link leaves the lock on it. A
// file system that cannot lock folders, as NFS, and systems without flock(2) leave Exclusive false; then all that a holder
// can do is to notice, which Check is for.
type Holder struct {
	dir       string
	folder    *os.File
	exclusive bool

	mu      sync.Mutex
	watched []watched
}

// watched is a file or folder that must stay the one that it was.
type watched struct {
	path string
	was  os.FileInfo
}

// Hold takes the folder dir for this process until Close. It fails with ErrInUse when it is held already.
func Hold(dir string) (*Holder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	h := &Holder{dir: dir, folder: folder}
	switch err := lock(folder); {
	case err == nil:
		h.exclusive = true
	case errors.Is(err, ErrInUse):
		return nil, errors.Join(err, folder.Close())
	}
	was, err := folder.Stat()
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	h.watched = []watched{{dir, was}}
	return h, nil
}

// Exclusive reports whether the lock is one that cannot be taken away.
func (h *Holder) Exclusive() bool { return h.exclusive }

// Watch makes Check compare the files and folders of these names, which must be in the folder, with what they are now. A name
// that was given before is taken as it is now.
func (h *Holder) Watch(names ...string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		path := filepath.Join(h.dir, name)
		now, err := os.Stat(path)
		if err != nil {
			return err
		}
		w := watched{path, now}
		found := false
		for i := range h.watched {
			if h.watched[i].path == path {
				h.watched[i], found = w, true
			}
		}
		if !found {
			h.watched = append(h.watched, w)
		}
	}
	return nil
}

// Check compares the folder, and what is watched in it, with what they were. It returns an error that is ErrChanged and names
// the first that was moved, deleted or replaced. It costs a system call for each of them.
func (h *Holder) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watched {
		if err := w.check(); err != nil {
			return err
		}
	}
	return nil
}

// CheckOnly is Check for one name; "" is the folder itself.
func (h *Holder) CheckOnly(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	path := filepath.Join(h.dir, name)
	for _, w := range h.watched {
		if w.path == path {
			return w.check()
		}
	}
	return nil
}

func (w watched) check() error {
	now, err := os.Stat(w.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s was moved or deleted while this process used it: %w", w.path, ErrChanged)
	case err != nil:
		return fmt.Errorf("%s cannot be seen any more: %w", w.path, errors.Join(err, ErrChanged))
	case !os.SameFile(now, w.was):
		return fmt.Errorf("%s was replaced while this process used it: %w", w.path, ErrChanged)
	}
	return nil
}

// Close gives the folder back.
func (h *Holder) Close() error { return h.folder.Close() }
