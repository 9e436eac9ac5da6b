//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package target

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// The lock of a process that has just ended may be held for a moment yet, and so may one of a reader.
const (
	lockTries = 20
	lockPause = 50 * time.Millisecond
)

// holdLock takes a lock that lasts until the file is closed or the process ends.
func holdLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for range lockTries {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(lockPause)
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
}

// lockHeld reports whether a process holds the lock. Where there is no such file, an earlier version may run, which takes
// none; and of one that may not be opened nothing is known. The note is believed then.
func lockHeld(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}
