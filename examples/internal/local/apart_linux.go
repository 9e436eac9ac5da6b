package local

import "syscall"

// apart keeps a child out of the reach of Ctrl-C, which is for this program, and has it end when this program is killed.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
