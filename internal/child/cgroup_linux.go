package child

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Delegated finds the cgroup v2 folder below which this process may make groups, and moves the process into a group of
// its own in there, since one that has both processes and limited children is not allowed. It is empty when there is
// none: no cgroup v2, not delegated (systemd: Delegate=yes), or shared with processes that are not ours to move. memory
// reports whether groups in it can be limited.
func Delegated() (folder string, memory bool, err error) {
	own, err := ownCgroup()
	if own == "" || err != nil || !delegated(own) {
		return "", false, err
	}
	agent := filepath.Join(own, "forebay-agent")
	if filepath.Base(own) == "forebay-agent" || filepath.Base(own) == "agent" {
		own, agent = filepath.Dir(own), own // by DelegateSubgroup= of systemd, or an agent before us that we replace
	}
	if err := os.Mkdir(agent, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", false, nil
	}
	if err := write(agent, "cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return "", false, nil
	}
	_ = write(own, "cgroup.subtree_control", "+memory") // refused: then what is tested next is missing
	controllers, err := os.ReadFile(filepath.Join(own, "cgroup.subtree_control"))
	return own, err == nil && strings.Contains(" "+string(controllers), " memory"), nil
}

// ownCgroup is the folder of the cgroup v2 that the process is in.
func ownCgroup() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", nil
	}
	inside := ""
	for line := range strings.Lines(string(text)) {
		if after, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			inside = after
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || inside == "" {
		return "", nil
	}
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return filepath.Join(fields[4], inside), nil
		}
	}
	return "", nil
}

// delegated reports whether the folder is ours to arrange: systemd says so in an attribute, a container by being the root
// of what it sees, and for other users it is enough that it is theirs.
func delegated(folder string) bool {
	if unix.Access(folder, unix.W_OK) != nil || unix.Access(filepath.Join(folder, "cgroup.procs"), unix.W_OK) != nil {
		return false
	}
	for dir := folder; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		for _, name := range []string{"trusted.delegate", "user.delegate"} {
			value := make([]byte, 8)
			if n, err := unix.Getxattr(dir, name, value); err == nil && string(value[:n]) == "1" {
				return true
			}
		}
	}
	return os.Getuid() != 0
}

// groups numbers the cgroups of this keeper.
var groups atomic.Int64

// cgroup is the cgroup of a command; nil is none.
type cgroup struct {
	folder string
	file   *os.File
}

// makeCgroup makes a group below parent. memoryMax of zero is no bound.
func makeCgroup(parent string, memoryMax int64) (*cgroup, error) {
	g := &cgroup{folder: filepath.Join(parent, fmt.Sprintf("handler-%d-%d", os.Getpid(), groups.Add(1)))}
	err := os.Mkdir(g.folder, 0o755)
	if err == nil {
		g.file, err = os.Open(g.folder)
	}
	if err == nil && memoryMax > 0 {
		err = errors.Join(write(g.folder, "memory.max", strconv.FormatInt(memoryMax, 10)), write(g.folder, "memory.oom.group", "1"))
		_ = write(g.folder, "memory.swap.max", "0") // not every kernel counts swap
	}
	if err != nil {
		g.remove()
		return nil, fmt.Errorf("cgroup for the command: %w", err)
	}
	return g, nil
}

func write(folder, name, text string) error {
	return os.WriteFile(filepath.Join(folder, name), []byte(text), 0)
}

// enter makes a new process start in the group.
func (g *cgroup) enter(attributes *syscall.SysProcAttr) {
	attributes.UseCgroupFD, attributes.CgroupFD = true, int(g.file.Fd())
}

// kill ends all processes of the group at once.
func (g *cgroup) kill() {
	if g != nil {
		_ = write(g.folder, "cgroup.kill", "1") // Linux 5.14; without it they are found one by one
	}
}

// starved reports whether the kernel has ended a process of the group for want of memory.
func (g *cgroup) starved() bool {
	if g == nil {
		return false
	}
	text, _ := os.ReadFile(filepath.Join(g.folder, "memory.events"))
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return count != "0"
		}
	}
	return false
}

// remove removes the group. The last of its processes may be gone for us and not yet for the kernel.
func (g *cgroup) remove() {
	if g == nil {
		return
	}
	if g.file != nil {
		g.file.Close()
	}
	for range 50 {
		if err := os.Remove(g.folder); err == nil || !errors.Is(err, unix.EBUSY) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
