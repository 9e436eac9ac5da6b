//go:build !unix

package main

import (
	"errors"
	"os"
)

// errUnknownHere says that this kind of machine does not tell.
var errUnknownHere = errors.New("not known on this system")

// diskSpace returns the free and total bytes of the disk that path is on.
func diskSpace(string) (free, total int64, err error) { return 0, 0, errUnknownHere }

// descriptorLimit is how many files and connections this process may have open.
func descriptorLimit() (uint64, error) { return 0, errUnknownHere }

// openForReading reports whether a file was opened for reading, and not only for writing.
func openForReading(*os.File) bool { return false }
