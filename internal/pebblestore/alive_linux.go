package pebblestore

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// stillThere returns an error when what a sync of the file has just promised may not hold.
//
// A file system that has met an error, or that was shut down, gives up its journal. A sync that comes while it does so may
// find nothing left to wait for, and answers that all is well (docs/decisions/0014). From then on the file system takes no
// write and no read, or says that it can only be read: so it is asked, by calls that move no byte and reach no disk.
//
// A log that is not at its name any more is one that the next start will not find: its folder was moved, replaced or deleted.
func stillThere(fd uintptr, name string) error {
	f := int(fd)
	if _, err := unix.Pread(f, nil, 0); refusesAll(err) {
		return fmt.Errorf("the file system can no longer be read: %w", err)
	}
	if _, err := unix.Pwrite(f, nil, 0); refusesAll(err) {
		return fmt.Errorf("the file system can no longer be written: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(f, &fs); err == nil && int64(fs.Flags)&unix.ST_RDONLY != 0 {
		return fmt.Errorf("the file system has become read-only: %w", unix.EROFS)
	}
	var open, named unix.Stat_t
	if err := unix.Fstat(f, &open); err != nil {
		return err
	}
	if err := unix.Stat(name, &named); err != nil || open.Dev != named.Dev || open.Ino != named.Ino {
		return fmt.Errorf("the file is not at its name any more: was the data folder moved, replaced or deleted? %w", cause(err))
	}
	return nil
}

// cause is err, or what stands for it when another file is there.
func cause(err error) error {
	if err == nil {
		return unix.ESTALE
	}
	return err
}

// refusesAll reports whether err is about the file system as a whole, and not about a call that moves nothing.
func refusesAll(err error) bool {
	for _, gone := range []error{unix.EIO, unix.EROFS, unix.EUCLEAN, unix.ENODEV, unix.ENXIO, unix.ESTALE, unix.ENOTCONN, unix.ESHUTDOWN} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
