package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// measured is what `forebay bench -o json` prints, as far as the tests look at it.
type measured struct {
	Steps []struct {
		Step                                                     string
		Messages                                                 int64
		RequestsPerSecond, MessagesPerSecond, P50, P95, P99, Max float64
	}
	Errors                                    map[string]int64
	Acknowledged, Delivered, Lost, Duplicates int64
	Twice                                     int64
	Verified                                  bool
	Seconds                                   float64
	GeneratorMicrosPerMessage                 float64
	Server                                    struct{ MicrosPerMessage float64 }
}

// bench loads the server with `forebay bench` and returns what came of it. An error of the server, or a message that
// came twice, fails the test.
func (p *process) bench(args ...string) measured {
	p.t.Helper()
	return must(p.tryBench(args...))(p.t)
}

// tryBench is bench for other goroutines than the test's.
func (p *process) tryBench(args ...string) (m measured, err error) {
	args = append([]string{"bench", "-o", "json", "--server-pid", fmt.Sprint(p.cmd.Process.Pid)}, args...)
	text, err := p.tryForebay(args...)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("forebay %s: %w", strings.Join(args, " "), err)
	}
	if len(m.Errors) > 0 || m.Twice > 0 {
		return m, fmt.Errorf("forebay %s: errors %v, and %d messages came twice", strings.Join(args, " "), m.Errors, m.Twice)
	}
	return m, nil
}

// through measures the throughput of a pipeline, batches of ten, in messages a second: of its slower end. What comes
// through in the short form says nothing.
func (p *process) through(t *testing.T, queue string, args ...string) float64 {
	t.Helper()
	args = append([]string{"pipeline", "--queue", queue, "--batch", "10", "--duration", fmt.Sprint(time.Duration(fully(10_000, 100)) * time.Millisecond)}, args...)
	m := p.bench(args...)
	sent, received := 0.0, 0.0
	each := ""
	for _, s := range m.Steps {
		switch s.Step {
		case "send":
			sent = s.MessagesPerSecond
		case "receive":
			received = s.MessagesPerSecond
		}
		if s.RequestsPerSecond > 0 {
			each += fmt.Sprintf(", %s %.0f/s, %.1f in each request", s.Step, s.MessagesPerSecond, s.MessagesPerSecond/s.RequestsPerSecond)
		}
	}
	if *deep && (sent == 0 || received == 0) { // a busy machine may get nothing through in the short form's moment
		t.Errorf("the pipeline through %s sent %.0f and received %.0f messages a second, want some", queue, sent, received)
	}
	t.Logf("  %s%s; CPU a message: server %.1f µs, generator %.1f µs", queue, each, m.Server.MicrosPerMessage, m.GeneratorMicrosPerMessage)
	return min(sent, received)
}

// number is a metric without labels, as a number; zero when there is none.
func (p *process) number(name string) float64 {
	p.t.Helper()
	n, _ := strconv.ParseFloat(p.metric(name), 64)
	return n
}

// memory is the most MiB that the server's process has held since it began; elsewhere than on Linux, what it holds now.
func (p *process) memory() float64 {
	p.t.Helper()
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			var kibibytes float64
			if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kibibytes); n == 1 {
				return kibibytes / (1 << 10)
			}
		}
	}
	return p.number("process_resident_memory_bytes") / (1 << 20)
}

// processor is the time that the server's threads have run; elsewhere than on Linux, to a hundredth of a second, and the
// look itself is part of it.
func (p *process) processor() time.Duration {
	p.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		return time.Duration(p.number("process_cpu_seconds_total") * float64(time.Second))
	}
	var sum time.Duration
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // a thread may have ended meanwhile
		var ran time.Duration
		_, _ = fmt.Sscan(string(text), &ran) // the first number, in nanoseconds
		sum += ran
	}
	return sum
}

// median is the middle one of some numbers, the lower of two.
func median(numbers []float64) float64 { return quantile(numbers, 0.5) }

// quantile is the number below which a share of the numbers are.
func quantile(numbers []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	return sorted[int(share*float64(len(sorted)-1))]
}
