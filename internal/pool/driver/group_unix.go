//go:build unix

package driver

import "syscall"

// endGroup kills what is left of the group of a worker.
func endGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }
