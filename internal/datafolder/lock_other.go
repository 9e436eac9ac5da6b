//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package datafolder

import (
	"errors"
	"os"
)

// lock is known for systems with flock(2) only.
func lock(*os.File) error { return errors.ErrUnsupported }
