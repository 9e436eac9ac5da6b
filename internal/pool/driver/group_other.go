//go:build unix && !linux

package driver

import "syscall"

// ownGroup makes a worker the leader of a process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
