package driver

import "syscall"

// ownGroup makes a worker the leader of a process group, and has it asked to leave when this process dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
