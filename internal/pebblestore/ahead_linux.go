package pebblestore

import "golang.org/x/sys/unix"

// allocate gives a file n bytes of zeros at its end, without writing them.
func allocate(fd uintptr, end, n int64) error { return unix.Fallocate(int(fd), 0, end, n) }
