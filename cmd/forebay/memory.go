package main

import (
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// cgroupLimits are the files in which Linux tells a container how much memory it may use, in bytes.
var cgroupLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// limitMemory keeps the process below the limit of its container, so that it collects garbage instead of being
// killed. GOMEMLIMIT, which Go reads itself, goes first.
func limitMemory(logger *slog.Logger) {
	if limit := containerMemory(); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9) // the rest is for memory that Go does not manage
		logger.Debug("memory limited", "bytes", limit/10*9)
	}
}

// containerMemory is the limit of the process's container in bytes, or 0 when there is none.
func containerMemory() int64 {
	for _, name := range cgroupLimits {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || limit >= 1<<50 { // "max", or a number that stands for it
			return 0
		}
		return limit
	}
	return 0
}

// garbageRoom is how many bytes of garbage there may be in a process that holds next to nothing.
const garbageRoom = 32 << 20

// ballast counts as memory in use and is never touched, so that it takes none.
var ballast []byte

// leaveRoom is for commands that hold little and make much garbage. Go lets that grow to the size of what is held, and so would
// collect it several times a second. GOGC and GOMEMLIMIT, which Go reads itself, go first; so does the limit of a small container.
func leaveRoom() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit := containerMemory(); limit > 0 && limit < 8*garbageRoom {
		return
	}
	ballast = make([]byte, garbageRoom)
}
