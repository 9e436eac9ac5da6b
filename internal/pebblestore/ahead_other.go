//go:build !linux

package pebblestore

import "errors"

// allocate is known for Linux only.
func allocate(uintptr, int64, int64) error { return errors.ErrUnsupported }
