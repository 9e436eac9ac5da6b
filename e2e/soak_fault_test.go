//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/forebay-mq/forebay/internal/history"
)

// fault does something to the server, and undoes it before it returns.
type fault struct {
	name string
	do   func(*faults)
}

// allFaults are what a soak can do.
var allFaults = []fault{
	{"kill", (*faults).kill},   // kill -9, and a new start
	{"stop", (*faults).stop},   // SIGTERM, and a new start
	{"pause", (*faults).pause}, // SIGSTOP, and SIGCONT some seconds later
	{"clock", (*faults).clock}, // the server's wall clock steps, within two minutes of the true time
	{"disk", (*faults).disk},   // another program takes the room on the disk, and gives it back
	{"cut", (*faults).cut},     // slow and vanishing clients
}

// The faults' measures.
const (
	pauseMax    = 4 * time.Second
	cutMax      = 3 * time.Second
	fillMax     = 2 * time.Second
	clockMax    = 120 // seconds away from the true time, less than half the deduplication window
	diskBytes   = 512 << 20
	diskMemory  = "8MiB" // of a memory table; what must stay free on the disk follows from it
	diskLeftLow = 24 << 20
	diskLeftNil = 12 << 20
)

func faultNames() string {
	var names []string
	for _, f := range allFaults {
		names = append(names, f.name)
	}
	return strings.Join(names, ",")
}

// parseFaults reads -soak.faults.
func parseFaults(text string) ([]fault, error) {
	switch text {
	case "all":
		return slices.Clone(allFaults), nil
	case "none":
		return nil, nil
	}
	var chosen []fault
	for name := range strings.SplitSeq(text, ",") {
		i := slices.IndexFunc(allFaults, func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-soak.faults: %q is not one of all, none, %s", name, faultNames())
		}
		chosen = append(chosen, allFaults[i])
	}
	return chosen, nil
}

// faults does things to the server of a soak.
type faults struct {
	s       *soak
	chosen  []fault
	l       *soakLoad // of the round
	rng     *rand.Rand
	probe   *soakClient
	step    int           // seconds that the server's clock is ahead
	stepped bool          // since the server's start, or before it
	clocks  string        // file in which the server reads the step
	slowest time.Duration // of the round: from the end of a fault to the first send that was acknowledged
}

// newFaults prepares for what was chosen. What cannot be done here is left out, with its reason.
func newFaults(s *soak, chosen []fault) *faults {
	s.t.Helper()
	f := &faults{s: s}
	for _, c := range chosen {
		var reason string
		switch c.name {
		case "clock":
			reason = f.prepareClock()
		case "disk":
			reason = f.prepareDisk()
		}
		if reason != "" {
			s.t.Logf("left out: %s: %s", c.name, reason)
			s.report.LeftOut = append(s.report.LeftOut, c.name+": "+reason)
			continue
		}
		f.chosen = append(f.chosen, c)
	}
	return f
}

// prepareClock builds the program with a clock that a file can step.
func (f *faults) prepareClock() (reason string) {
	folder := f.s.t.TempDir()
	f.s.p.binary = filepath.Join(folder, "forebay")
	if err := build(f.s.p.binary, "-tags", "clockstep"); err != nil {
		f.s.t.Fatal(err)
	}
	f.clocks = filepath.Join(folder, "step")
	f.s.p.env = append(f.s.p.env, "FOREBAY_CLOCK_STEP="+f.clocks)
	return ""
}

// prepareDisk mounts a small disk for the server's data.
func (f *faults) prepareDisk() (reason string) {
	if os.Getenv("FOREBAY_ROOT_TESTS") != "1" || os.Geteuid() != 0 {
		return "it mounts a file system, which needs root and FOREBAY_ROOT_TESTS=1"
	}
	p := f.s.p
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", diskBytes), "tmpfs", p.folder).CombinedOutput(); err != nil {
		return fmt.Sprintf("mount: %v: %s", err, out)
	}
	mounted := p.folder
	f.s.t.Cleanup(func() {
		if err := syscall.Unmount(mounted, syscall.MNT_DETACH); err != nil {
			f.s.t.Errorf("unmount %s: %v", mounted, err)
		}
	})
	p.folder = filepath.Join(mounted, "data")
	p.env = append(p.env, "FOREBAY_MEMORY_TABLE="+diskMemory)
	return ""
}

// begin begins a round.
func (f *faults) begin(l *soakLoad, rng *rand.Rand) {
	f.l, f.rng, f.slowest = l, rng, 0
	f.probe = &soakClient{l: l, q: l.queues[0], ctx: context.Background(), rng: rand.New(rand.NewPCG(l.seed, 2000)), via: l.client}
	if f.stepped {
		f.l.record.Add(history.Event{Op: history.OpClock, Call: l.record.Now()})
	}
}

// next waits a while, at most gap, and then does one of the faults. It returns when the server is well again.
func (f *faults) next(gap time.Duration) {
	time.Sleep(time.Duration(f.rng.Int64N(int64(max(gap, 1)))))
	if len(f.chosen) == 0 {
		return
	}
	chosen := f.chosen[f.rng.IntN(len(f.chosen))]
	f.s.report.Faults[chosen.name]++
	f.l.record.Add(history.Event{Op: history.OpDisturb, Call: f.l.record.Now()})
	chosen.do(f)
	f.healed()
}

// healed wants a send to succeed soon after a fault.
func (f *faults) healed() {
	ended := time.Now()
	f.l.record.Add(history.Event{Op: history.OpHealed, Call: f.l.record.Now()})
	for f.probe.send() != history.Done {
		if time.Since(ended) > patience {
			f.s.t.Fatalf("round %d, seed %d: no send has succeeded within %v after a fault", f.l.round, f.l.seed, patience)
		}
		pause(f.probe.ctx)
	}
	took := time.Since(ended)
	f.slowest = max(f.slowest, took)
	if took > soakAgain {
		f.s.t.Errorf("round %d, seed %d: the first send after a fault succeeded after %v, want at most %v", f.l.round, f.l.seed, took, soakAgain)
	}
}

// again starts the server after it has ended, and records what that may have cost.
func (f *faults) again(from int64, crashed bool) {
	f.s.report.ready(f.s.p.start())
	if crashed || f.stepped {
		f.l.record.Add(history.Event{Op: history.OpCrash, Call: from, Return: f.l.record.Now()})
	}
}

func (f *faults) kill() {
	from := f.l.record.Now()
	f.s.p.kill()
	f.again(from, true)
}

func (f *faults) stop() {
	from := f.l.record.Now()
	if err := f.s.p.stop(); err != nil {
		f.s.t.Errorf("round %d, seed %d: asked to stop, the server exited with %v, want 0", f.l.round, f.l.seed, err)
	}
	f.again(from, false)
}

func (f *faults) pause() {
	f.signal(syscall.SIGSTOP)
	f.wait(pauseMax)
	f.signal(syscall.SIGCONT)
}

func (f *faults) signal(s syscall.Signal) {
	if err := f.s.p.cmd.Process.Signal(s); err != nil {
		f.s.t.Fatal(err)
	}
}

// wait lets a fault last.
func (f *faults) wait(most time.Duration) { time.Sleep(time.Duration(f.rng.Int64N(int64(most)))) }

func (f *faults) clock() {
	to := f.rng.IntN(2*clockMax+1) - clockMax
	fresh := f.clocks + ".new"
	if err := os.WriteFile(fresh, fmt.Appendf(nil, "%ds", to), 0o644); err != nil {
		f.s.t.Fatal(err)
	}
	f.l.record.Add(history.Event{Op: history.OpClock, Call: f.l.record.Now(), Step: float64(to - f.step)})
	if err := os.Rename(fresh, f.clocks); err != nil {
		f.s.t.Fatal(err)
	}
	f.step, f.stepped = to, true
}

func (f *faults) cut() {
	f.s.proxy.cutting.Store(true)
	f.wait(cutMax)
	f.s.proxy.cutting.Store(false)
}

// disk takes so much room that sends are refused, or all changes, or that nothing can be written at all. It takes it at
// once, and below two memory tables that may be too little for what is in memory already. Then the server may end itself;
// it must not lie.
func (f *faults) disk() {
	left := []int64{diskLeftLow, diskLeftNil, 0}[f.rng.IntN(3)]
	from := f.l.record.Now()
	filler, err := os.Create(filepath.Join(filepath.Dir(f.s.p.folder), "filler"))
	if err != nil {
		f.s.t.Fatal(err)
	}
	var about syscall.Statfs_t
	if err := syscall.Statfs(f.s.p.folder, &about); err != nil {
		f.s.t.Fatal(err)
	}
	if size := int64(about.Bavail)*about.Bsize - left; size > 0 {
		err = syscall.Fallocate(int(filler.Fd()), 0, 0, size)
	}
	f.wait(fillMax)
	_ = filler.Close()
	if removed := os.Remove(filler.Name()); removed != nil {
		f.s.t.Fatal(removed)
	}
	if err != nil && err != syscall.ENOSPC { // the server was quicker
		f.s.t.Fatal(err)
	}
	select {
	case err := <-f.s.p.exited:
		f.s.t.Logf("round %d: with a full disk the server ended itself: %v", f.l.round, err)
		f.s.report.Faults["disk, exit"]++
		if left >= diskLeftLow {
			f.s.t.Errorf("round %d, seed %d: the server ended itself with %d bytes left on the disk", f.l.round, f.l.seed, left)
		}
		f.again(from, true)
	default:
	}
}
