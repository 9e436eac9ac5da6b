package driver

import "syscall"

// ownGroup makes a worker the leader of a process group.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// endGroup can do nothing: Windows keeps no count of the children of a process that has ended.
func endGroup(int) {}
