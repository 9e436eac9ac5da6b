//go:build linux

package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the keeper.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "keeper" {
		if err := Keep(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runner(t *testing.T) *Runner {
	r := &Runner{Keeper: []string{os.Args[0], "keeper"}}
	t.Cleanup(func() {
		r.Close()
		if left := children(); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	})
	return r
}

// shell is a job that runs a script.
func shell(script string) Job {
	return Job{Args: []string{"sh", "-c", script}, Env: os.Environ(), OutputMax: 1 << 16, Patience: time.Minute, StoppedMax: 100 * time.Millisecond}
}

func TestHowACommandEnds(t *testing.T) {
	for _, row := range []struct {
		name, script, stdin string
		code, signal        int
		output              string
		hung                bool
	}{
		{"done", "exit 0", "", 0, 0, "", false},
		{"failed", "exit 75", "", 75, 0, "", false},
		{"crashed", "kill -SEGV $$", "", -1, 11, "", false},
		{"reads its input", "tr a-z A-Z", "hello", 0, 0, "HELLO", false},
		{"leaves its input unread", "exec true", strings.Repeat("x", 1<<20), 0, 0, "", false},
		{"writes to both outputs", "echo out; echo err >&2", "", 0, 0, "out\nerr\n", false},
		{"is stopped for too long", "kill -STOP $$; echo never", "", -1, 9, "", true},
		{"is stopped for a moment", "(sleep 0.03; kill -CONT $$) & kill -STOP $$; wait; echo went on", "", 0, 0, "went on\n", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			job := shell(row.script)
			job.Stdin = []byte(row.stdin)
			if row.name == "is stopped for a moment" {
				job.StoppedMax = time.Minute
			}
			got, err := runner(t).Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if got.Code != row.code || got.Signal != row.signal || string(got.Output) != row.output || got.Hung != row.hung {
				t.Errorf("got %+v with output %q, want code %d, signal %d, hung %v, output %q", got, got.Output, row.code, row.signal, row.hung, row.output)
			}
		})
	}
}

func TestNothingStaysBehind(t *testing.T) {
	for name, script := range map[string]string{
		"a child in the background":       "sleep 1000 & exit 0",
		"a child that ignores signals":    "(trap '' TERM INT HUP; sleep 1000) & exit 0",
		"a child in a session of its own": "setsid sleep 1000 & sleep 0.05; exit 0",
		"a daemon that forks twice":       "(setsid sh -c 'sleep 1000 & sleep 1000 & exit' &) ; sleep 0.05; exit 0",
		"a child that holds the output":   "setsid sh -c 'while :; do sleep 1; done' & sleep 0.05; exit 0",
		"one without an environment":      "setsid env -i /bin/sleep 1000 & sleep 0.05; exit 0",
	} {
		t.Run(name, func(t *testing.T) {
			mark := filepath.Join(t.TempDir(), "mark")
			job := shell(script)
			job.Dir = filepath.Dir(mark) // what is left can be known by where it is
			got, err := runner(t).Run(t.Context(), job)
			if err != nil || got.Code != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			if got.Left == 0 {
				t.Error("no process was found that had to be ended: nothing was tested")
			}
			if left := processesIn(job.Dir); len(left) > 0 {
				t.Errorf("processes %v are left", left)
			}
		})
	}
}

// processesIn are the processes with that working directory.
func processesIn(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var found []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			found = append(found, link)
		}
	}
	return found
}

func TestTheEndOfTheContextEndsTheCommand(t *testing.T) {
	for name, row := range map[string]struct {
		script   string
		patience time.Duration
		code     int
		signal   int
	}{
		"one that listens ends by itself":    {"trap 'exit 3' TERM; echo ready >&3; while :; do sleep 0.01; done", time.Minute, 3, 0},
		"one that ignores SIGTERM is killed": {"trap '' TERM; echo ready >&3; while :; do sleep 0.01; done", 10 * time.Millisecond, -1, 9},
		"one that is stopped is killed":      {"echo ready >&3; kill -STOP $$; sleep 1000", 0, -1, 9},
	} {
		t.Run(name, func(t *testing.T) {
			ready := filepath.Join(t.TempDir(), "ready")
			if err := syscall.Mkfifo(ready, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() { // reading waits for the command to open its end
				_, _ = os.ReadFile(ready)
				cancel()
			}()
			job := shell("exec 3>" + ready + "; " + strings.Replace(row.script, "echo ready >&3", "exec 3>&-", 1))
			job.Patience, job.StoppedMax = row.patience, 0
			got, err := runner(t).Run(ctx, job)
			if err != nil || got.Code != row.code || got.Signal != row.signal {
				t.Errorf("%+v, %v; want code %d, signal %d", got, err, row.code, row.signal)
			}
		})
	}
}

func TestGigabytesOfOutputAreBounded(t *testing.T) {
	job := shell("echo first; dd if=/dev/zero bs=1M count=1024 2>/dev/null; echo last")
	job.OutputMax = 4096
	got, err := runner(t).Run(t.Context(), job)
	if err != nil || got.Code != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(got.Output) > 4200 || !strings.HasPrefix(string(got.Output), "first\n") || !strings.HasSuffix(string(got.Output), "last\n") {
		t.Errorf("%d bytes are kept, %q to %q", len(got.Output), got.Output[:10], got.Output[len(got.Output)-10:])
	}
	if want := int64(1<<30 + 11 - 4096); got.Dropped != want {
		t.Errorf("%d bytes were dropped, want %d", got.Dropped, want)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	job := shell("echo begun; head -c 300M /dev/zero | tail -c 250M | wc -c")
	job.MemoryMax = 64 << 20
	got, err := runner(t).Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got.Output); !strings.HasPrefix(text, "begun") || strings.Contains(text, strconv.Itoa(250<<20)) {
		t.Errorf("a command that needs 250 MiB went through with 64: %q", got.Output)
	}
}

func TestACommandThatIsNotThereIsAnErrorOfItsOwn(t *testing.T) {
	r := runner(t)
	_, err := r.Run(t.Context(), Job{Args: []string{"no-such-program-here"}})
	if err == nil || errors.Is(err, ErrKeeper) || !strings.Contains(err.Error(), "no-such-program-here") {
		t.Errorf("the error is %v", err)
	}
	if got, err := r.Run(t.Context(), shell("exit 7")); err != nil || got.Code != 7 {
		t.Errorf("and the keeper is of no use afterwards: %+v, %v", got, err)
	}
}

func TestAKeeperThatDiesTakesItsCommandAlong(t *testing.T) {
	r := runner(t)
	job := shell("setsid sleep 1000 & kill -KILL $PPID; sleep 1000")
	job.Dir = t.TempDir()
	if _, err := r.Run(t.Context(), job); !errors.Is(err, ErrKeeper) {
		t.Errorf("the error is %v, want the keeper's", err)
	}
	if left := processesIn(job.Dir); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if got, err := r.Run(t.Context(), shell("exit 7")); err != nil || got.Code != 7 {
		t.Errorf("there is no new keeper: %+v, %v", got, err)
	}
}

func TestACgroupKillsAndIsRemoved(t *testing.T) {
	parent := "/sys/fs/cgroup/unified"
	if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
		parent = "/sys/fs/cgroup"
	}
	parent = filepath.Join(parent, "forebay-test-"+strconv.Itoa(os.Getpid()))
	if os.Getenv("FOREBAY_ROOT_TESTS") == "" {
		t.Skip("it makes a cgroup: set FOREBAY_ROOT_TESTS=1 as root")
	}
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Skip("no cgroup v2 here:", err)
	}
	defer os.Remove(parent)
	job := shell("cat /proc/self/cgroup; setsid sleep 1000 & exit 0")
	job.Cgroup = parent
	got, err := runner(t).Run(t.Context(), job)
	if err != nil || got.Code != 0 || got.Left == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if !strings.Contains(string(got.Output), filepath.Base(parent)+"/handler-") {
		t.Errorf("the command was in %s", got.Output)
	}
	if groups, _ := filepath.Glob(parent + "/handler-*"); len(groups) > 0 {
		t.Errorf("groups %v are left", groups)
	}
}
