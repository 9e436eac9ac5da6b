//go:build unix && !linux

package local

import "syscall"

// apart keeps a child out of the reach of Ctrl-C, which is for this program.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
