package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryAim is how many bytes a server may have, what is in use and garbage together, before garbage is bounded.
	memoryAim = 384 << 20
	// garbageLook is how often the bound follows what is in use.
	garbageLook = time.Second
)

// boundGarbage lets the collector run more often while the server is larger than memoryAim, so that garbage is half of
// what is in use and not as much again: large requests make it by the megabyte. It does so until ctx ends, unless the
// user has said how much memory there is.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" || containerMemory() > 0 {
		return
	}
	go func() {
		tick := time.NewTicker(garbageLook)
		defer tick.Stop()
		for {
			debug.SetMemoryLimit(garbageLimit(memoryInUse()))
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// garbageLimit is how many bytes there may be when so many are in use. It is never so near that the collector would
// have to run all the time.
func garbageLimit(inUse int64) int64 { return max(memoryAim, inUse+inUse/2) }

// memoryInUse is how many bytes the last collection has found in use, with stacks.
func memoryInUse() int64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	var sum int64
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += int64(s.Value.Uint64())
		}
	}
	return sum
}
