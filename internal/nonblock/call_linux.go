//go:build linux && !race

package nonblock

import (
	"syscall"
	"unsafe"
)

// Read reads from a socket that is in non-blocking mode. It returns syscall.EAGAIN when there is nothing to read, and 0
// without an error at the end. An empty p reads nothing.
func Read(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_READ, fd, p) }

// Write writes to a socket that is in non-blocking mode, and returns how much it took. It returns syscall.EAGAIN when
// there is no room. An empty p writes nothing.
func Write(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_WRITE, fd, p) }

func call(which, fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(which, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
