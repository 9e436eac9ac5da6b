// Package datafolder keeps a folder for one process, and for its owner's eyes: it holds a lock that cannot be taken away,
// notices when the folder is another one than it was, and closes what others could read.
//
// It knows nothing of what is in the folder. hold.go is the lock, private.go the permissions.
package datafolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	exclusive bool

	mu      sync.Mutex
	watched []watched // the folder first
}

// watched is a file or folder that must stay the one that it was. It is kept open, so that no other can get its number.
type watched struct {
	path string
	file *os.File
	was  os.FileInfo
}

// Hold takes the folder dir, or a file, for this process until Close. It fails with ErrInUse when it is held already.
func Hold(dir string) (*Holder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	folder, err := watch(dir)
	if err != nil {
		return nil, err
	}
	h := &Holder{dir: dir, watched: []watched{folder}}
	switch err := lock(folder.file); {
	case err == nil:
		h.exclusive = true
	case errors.Is(err, ErrInUse):
		return nil, errors.Join(err, folder.file.Close())
	}
	return h, nil
}

func watch(path string) (watched, error) {
	f, err := os.Open(path)
	if err != nil {
		return watched{}, err
	}
	was, err := f.Stat()
	if err != nil {
		return watched{}, errors.Join(err, f.Close())
	}
	return watched{path, f, was}, nil
}

// Exclusive reports whether the lock is one that cannot be taken away.
func (h *Holder) Exclusive() bool { return h.exclusive }

// Watch makes Check compare the files and folders of these names, which must be in the folder, with what they are now. A name
// that was given before is taken as it is now. On Windows it does nothing: files that are open cannot be taken away there.
func (h *Holder) Watch(names ...string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		w, err := watch(filepath.Join(h.dir, name))
		if err != nil {
			return err
		}
		i := h.find(name)
		if i < 0 {
			h.watched = append(h.watched, w)
			continue
		}
		before := h.watched[i]
		h.watched[i] = w
		if err := before.file.Close(); err != nil {
			return err
		}
	}
	return nil
}

// find returns the index of what is watched under a name, or -1.
func (h *Holder) find(name string) int {
	path := filepath.Join(h.dir, name)
	return slices.IndexFunc(h.watched, func(w watched) bool { return w.path == path })
}

// Check compares the folder, and what is watched in it, with what they were. It returns an error that is ErrChanged and names
// the first that was moved, deleted or replaced; a missing one is fs.ErrNotExist, too. It costs a system call for each.
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
	i := h.find(name)
	if i < 0 {
		return nil
	}
	return h.watched[i].check()
}

func (w watched) check() error {
	now, err := os.Stat(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return changed{fmt.Sprintf("%s was moved or deleted while this process used it", w.path), fs.ErrNotExist}
	case err != nil:
		return changed{fmt.Sprintf("%s cannot be seen any more: %v", w.path, err), err}
	case !os.SameFile(now, w.was):
		return changed{fmt.Sprintf("%s was replaced while this process used it", w.path), nil}
	}
	return nil
}

// changed is an error that is ErrChanged and its cause, in words of its own.
type changed struct {
	text  string
	cause error
}

func (c changed) Error() string   { return c.text }
func (c changed) Unwrap() []error { return []error{ErrChanged, c.cause} }

// Close gives the folder back.
func (h *Holder) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	for _, w := range slices.Backward(h.watched) { // the lock goes last
		err = errors.Join(err, w.file.Close())
	}
	h.watched = nil
	return err
}
