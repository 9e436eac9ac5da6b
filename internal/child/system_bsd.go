//go:build unix && !linux

package child

import "syscall"

const waitContinued = 0

// becomeSubreaper does nothing: only Linux has subreapers. Elsewhere a process that leaves the command's session is not
// found again.
func becomeSubreaper() error { return nil }

// processAttributes put a command into a session, and so a process group, of its own.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func children() []int { return nil }

// try sees what Check sees.
func try(job *Job) error {
	_, err := job.find()
	return err
}

// checkDataLimit leaves it to the shell.
func checkDataLimit(int64) error { return nil }

// cgroup is of Linux alone.
type cgroup struct{}

// Delegated finds nothing: cgroups are of Linux alone.
func Delegated() (folder string, memory bool, err error) { return "", false, nil }

func makeCgroup(string, int64) (*cgroup, error) { return nil, nil }
func (g *cgroup) enter(*syscall.SysProcAttr)    {}
func (g *cgroup) kill()                         {}
func (g *cgroup) starved() bool                 { return false }
func (g *cgroup) remove()                       {}
