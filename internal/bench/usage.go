package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which Linux tells processor time to programs.
const tick = 10 * time.Millisecond

// usage is what processes have used of the machine.
type usage struct {
	own      time.Duration // processor time of the generator
	server   time.Duration // processor time of the server; zero: not known
	written  int64         // bytes that the server has given to the disk; zero: not known
	resident int64         // bytes of memory that the server holds; zero: not known
}

// usageNow looks at this process and, on Linux, at the server's. A pid of 0 is no server.
func usageNow(pid int) usage {
	u := usage{own: OwnCPU()}
	if pid == 0 {
		return u
	}
	u.server = processorTime(pid)
	u.written = procNumber(pid, "io", "write_bytes:")
	u.resident = procNumber(pid, "status", "VmRSS:") << 10
	return u
}

// processorTime reads what a process has used, all its threads together.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field is a name in parentheses that may hold anything; utime and stime are fields 14 and 15.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * tick
}

// procNumber reads the number behind a label from a file below /proc/PID.
func procNumber(pid int, file, label string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	_, rest, found := strings.Cut("\n"+string(text), "\n"+label)
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
