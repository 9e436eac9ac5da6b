package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync brings what was written to f onto the disk, as the store does.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
