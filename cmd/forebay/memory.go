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
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	for _, name := range cgroupLimits {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || limit <= 0 || limit >= 1<<50 { // "max", or a number that stands for it
			return
		}
		debug.SetMemoryLimit(limit / 10 * 9) // the rest is for memory that Go does not manage
		logger.Debug("memory limited", "bytes", limit/10*9)
		return
	}
}
