package child

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const waitContinued = syscall.WCONTINUED

// becomeSubreaper makes orphans among the process's descendants its children.
func becomeSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// processAttributes put a command into a session, and so a process group, of its own. It does not outlive its keeper.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// children are the process's children, dead ones that are not yet collected left out.
func children() []int {
	if unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD {
		return nil // the usual case, and cheaper to find out than by reading /proc
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	self := os.Getpid()
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if parent, state := parentOf(pid); parent == self && state != "Z" {
			found = append(found, pid)
		}
	}
	return found
}

// parentOf reads who started a process, and its state; zero when it is gone.
func parentOf(pid int) (parent int, state string) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, ""
	}
	_, after, _ := strings.Cut(string(text[max(0, strings.LastIndex(string(text), ")")):]), " ") // the name may hold anything
	fields := strings.Fields(after)
	if len(fields) < 2 {
		return 0, ""
	}
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0]
}
