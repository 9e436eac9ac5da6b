//go:build unix

package httpserve

import "syscall"

// descriptorsMax is how many file descriptors the process may have; zero when that is not known, or without bound.
func descriptorsMax() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}
