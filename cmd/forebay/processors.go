package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

const (
	processorsEvery = time.Second // the time between two looks at how busy the process is
	oneBusy         = 0.7         // processors in use from which on one is too few
	manyIdle        = 0.4         // and below which it is enough again
)

// spareProcessors keeps Go to one processor while that is enough, and gives it all of them while it is not, until ctx ends.
// used tells the processor time that the process has used.
//
// It is for commands that are woken often and for little. With several processors Go wakes a thread for a second one
// whenever the first has something to do, in case there is more; here it comes too late nearly every time, and takes the
// processor from the process that the answer is for. GOMAXPROCS goes first, which Go reads itself.
func spareProcessors(ctx context.Context, used func() time.Duration) {
	before, at := used(), time.Now()
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 || before == 0 {
		return
	}
	runtime.GOMAXPROCS(1)
	look := time.NewTicker(processorsEvery)
	go func() {
		defer runtime.SetDefaultGOMAXPROCS()
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			now, sum, one := time.Now(), used(), runtime.GOMAXPROCS(0) == 1
			enough := oneIsEnough(one, float64(sum-before)/float64(now.Sub(at)))
			before, at = sum, now
			switch {
			case enough && !one:
				runtime.GOMAXPROCS(1)
			case !enough && one:
				runtime.SetDefaultGOMAXPROCS()
			}
		}
	}()
}

// oneIsEnough says whether one processor is enough, by whether there is only one now, and by how many were in use of late.
func oneIsEnough(one bool, busy float64) bool {
	if one {
		return busy < oneBusy
	}
	return busy < manyIdle
}
