//go:build unix && (!linux || race)

package nonblock

import "syscall"

// Read reads from a socket that is in non-blocking mode. It returns syscall.EAGAIN when there is nothing to read, and 0
// without an error at the end. An empty p reads nothing.
func Read(fd uintptr, p []byte) (int, error) { return call(syscall.Read, fd, p) }

// Write writes to a socket that is in non-blocking mode, and returns how much it took. It returns syscall.EAGAIN when
// there is no room. An empty p writes nothing.
func Write(fd uintptr, p []byte) (int, error) { return call(syscall.Write, fd, p) }

// call makes a call in the usual way: the race detector learns from it what happens before what, and Linux is the only
// system that lets a program make it otherwise.
func call(do func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := do(int(fd), p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
