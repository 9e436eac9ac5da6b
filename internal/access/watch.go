package access

import (
	"os"
	"sync/atomic"
	"time"
)

// checkEvery is how often, at most, files are looked at for changes.
const checkEvery = time.Second

// watch notices that files were changed or replaced, when asked and at most once a second. It needs no
// goroutine: files that nobody asks about are not looked at.
type watch struct {
	paths []string
	now   func() time.Time
	next  atomic.Int64 // nanoseconds since 1970: not before then
}

// due reports whether it is time to look again. It says so to one caller only.
func (w *watch) due() bool {
	now := w.now().UnixNano()
	next := w.next.Load()
	return now >= next && w.next.CompareAndSwap(next, now+int64(checkEvery))
}

// stamp tells one state of the files from another.
func (w *watch) stamp() ([]os.FileInfo, error) {
	infos := make([]os.FileInfo, len(w.paths))
	for i, path := range w.paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		infos[i] = info
	}
	return infos, nil
}

// sameFiles reports whether two stamps are of the same files with the same content, as far as that shows.
func sameFiles(a, b []os.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
