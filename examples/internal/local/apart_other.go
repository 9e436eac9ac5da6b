//go:build !unix

package local

import "syscall"

// apart leaves a child as it is.
func apart() *syscall.SysProcAttr { return nil }
