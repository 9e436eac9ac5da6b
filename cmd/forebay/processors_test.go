package main

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A process gets all processors while it is busy, one while it is not, and what it had when the command ends.
func TestProcessorsAreSparedWhileOneIsEnough(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	t.Setenv("GOMAXPROCS", "")
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	if all == 1 {
		t.Skip("this machine has one processor only")
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		used := time.Millisecond
		spareProcessors(ctx, func() time.Duration { return used })
		for i, second := range []struct {
			busy float64
			want int
		}{{0, 1}, {.6, 1}, {.8, all}, {1.9, all}, {.5, all}, {.3, 1}, {.6, 1}, {.7, all}} {
			used += time.Duration(second.busy * float64(time.Second))
			time.Sleep(processorsEvery)
			synctest.Wait()
			if got := runtime.GOMAXPROCS(0); got != second.want {
				t.Errorf("after second %d, with %.1f in use: %d processors, want %d", i+1, second.busy, got, second.want)
			}
		}
		used += time.Millisecond
		time.Sleep(processorsEvery)
		cancel()
		synctest.Wait()
		if got := runtime.GOMAXPROCS(0); got != all {
			t.Errorf("at the end: %d processors, want %d", got, all)
		}
	})
}

func TestProcessorsAreLeftAsTheyWereAskedFor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	for _, row := range []struct {
		name, env string
		used      time.Duration
	}{{"told how many", "8", time.Second}, {"nobody knows how busy the process is", "", 0}} {
		t.Setenv("GOMAXPROCS", row.env)
		spareProcessors(t.Context(), func() time.Duration { return row.used })
		if got := runtime.GOMAXPROCS(0); got != before {
			t.Errorf("%s: %d processors, there were %d", row.name, got, before)
		}
	}
}
