package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/pool/policy"
	"github.com/forebay-mq/forebay/internal/pool/sim"
)

// simFlags is what the user asks of a simulation.
type simFlags struct {
	traces     []string
	policies   []string
	seeds      int
	length     time.Duration
	share      float64
	times      sim.Times
	pool       policy.Pool
	kill       bool
	grace      time.Duration
	visibility time.Duration
	fifo       bool
	svg        string
}

func (a *app) simCommand() *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Compare ways to size a pool of workers, on a simulated day",
		Long: "Play a day of a queue and its workers under several policies, and compare worker-hours and waits.\n" +
			"Nothing is started and no server is needed; the same seeds give the same figures everywhere.\n\n" +
			"Traces:\n" + traceHelp() +
			"  FILE.csv  recorded messages: a header line with the column at (seconds, or a time such as\n" +
			"            2026-11-20T15:04:05Z) and, if known, service and lead (seconds)\n\n" +
			"Policies: slack[:idle=30s,eager=true], keda:target=12[,window=60s], target-tracking:target=12,\n" +
			"nomad:target=2, age-step, fixed:workers=40, and oracle, a lower bound that knows the future.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.simulate(cmd, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.traces, "trace", nil, "traces: names or CSV files (all generators)")
	flags.StringArrayVar(&f.policies, "policy", nil, "a policy; repeat it to compare several (slack and usual settings of the others)")
	flags.IntVar(&f.seeds, "seeds", 3, "average over so many seeds, 1 to 1000")
	flags.DurationVar(&f.length, "length", 24*time.Hour, "length of generated traces")
	flags.Float64Var(&f.share, "share", 1, "keep this share of the messages, up to 1: the same load with fewer and longer ones")
	flags.DurationVar(&f.times.Service, "service", 5*time.Second, "mean time that a message takes")
	flags.Float64Var(&f.times.ServiceCV, "service-cv", 1.5, "how much that varies: standard deviation over mean")
	flags.DurationVar(&f.times.Boot, "boot", time.Minute, "mean time from the start of a worker to its first receive")
	flags.Float64Var(&f.times.BootSpread, "boot-spread", 0.2, "how much that varies, up and down: 0 to 1")
	flags.DurationVar(&f.pool.Wait, "wait", time.Minute, "objective: no message should wait longer")
	flags.IntVar(&f.pool.Min, "min", 0, "workers that are always there")
	flags.IntVar(&f.pool.Max, "max", 400, "never more workers")
	flags.IntVar(&f.pool.Slots, "slots", 1, "messages that a worker takes at once")
	flags.BoolVar(&f.kill, "kill", false, "workers told to stop are killed after a grace, as in Kubernetes")
	flags.DurationVar(&f.grace, "kill-grace", 30*time.Second, "that grace")
	flags.DurationVar(&f.visibility, "kill-visibility", 10*time.Minute, "visibility timeout of the queue: when work of a killed worker comes back")
	flags.BoolVar(&f.fifo, "wake-fifo", false, "wake the worker that waited longest, not the one that was busy last")
	flags.StringVar(&f.svg, "svg", "", "draw backlog, workers and wait of the first trace and seed to this file")
	return cmd
}

// traceHelp lists the generators.
func traceHelp() string {
	var b strings.Builder
	for _, g := range sim.Generators() {
		fmt.Fprintf(&b, "  %-9s %s\n", g.Name, g.About)
	}
	return b.String()
}

func (a *app) simulate(cmd *cobra.Command, f simFlags) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	if err := f.check(); err != nil {
		return err
	}
	study := sim.Study{Policies: f.policies, Seeds: f.seeds, Config: f.config()}
	if len(study.Policies) == 0 {
		study.Policies = f.usual()
	}
	for _, text := range study.Policies {
		if _, err := policy.Parse(text); err != nil && text != sim.Oracle {
			return usage("--policy: %v", err)
		}
	}
	var err error
	if study.Sources, err = f.sources(); err != nil {
		return err
	}
	for i, source := range study.Sources {
		study.Sources[i].Make = func(seed uint64) sim.Trace { return source.Make(seed).Thinned(f.share, seed) }
	}
	rows, err := a.runStudy(ctx, study, f.svg)
	if err != nil {
		return err
	}
	return a.printStudy(rows)
}

// runStudy draws the picture, if there is to be one, and plays the study.
func (a *app) runStudy(ctx context.Context, study sim.Study, svg string) ([]sim.Row, error) {
	var done, all atomic.Int64
	study.Progress = func(n, of int) { done.Store(int64(n)); all.Store(int64(of)) }
	stop := a.progress(func(elapsed time.Duration) string { return simProgress(elapsed, done.Load(), all.Load()) })
	defer stop()
	if svg != "" {
		if err := drawStudy(ctx, svg, study); err != nil {
			return nil, err
		}
	}
	return study.Run(ctx)
}

// simProgress says how many of all days are played, and how long the rest may take.
func simProgress(elapsed time.Duration, done, all int64) string {
	if done == 0 {
		return fmt.Sprintf("%3.0fs  simulating", elapsed.Seconds())
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(all-done))
	return fmt.Sprintf("%3.0fs  simulated %d of %d days, about %s left", elapsed.Seconds(), done, all, ageText(left))
}

// check refuses what cannot be simulated.
func (f *simFlags) check() error {
	for _, d := range []struct {
		flag  string
		value time.Duration
		least time.Duration
	}{
		{"length", f.length, time.Minute}, {"service", f.times.Service, time.Millisecond}, {"boot", f.times.Boot, 0},
		{"wait", f.pool.Wait, time.Millisecond}, {"kill-grace", f.grace, 0}, {"kill-visibility", f.visibility, time.Second},
	} {
		if d.value < d.least || d.value > 366*24*time.Hour {
			return usage("--%s: %s is not between %s and a year", d.flag, d.value, d.least)
		}
	}
	switch {
	case f.seeds < 1 || f.seeds > 1000:
		return usage("--seeds: %d is not between 1 and 1000", f.seeds)
	case !(f.share > 0 && f.share <= 1):
		return usage("--share: %g is not above 0 and at most 1", f.share)
	case !(f.times.ServiceCV >= 0 && f.times.ServiceCV <= 100):
		return usage("--service-cv: %g is not between 0 and 100", f.times.ServiceCV)
	case !(f.times.BootSpread >= 0 && f.times.BootSpread <= 1):
		return usage("--boot-spread: %g is not between 0 and 1", f.times.BootSpread)
	case f.pool.Max < 1 || f.pool.Max > 100_000:
		return usage("--max: %d is not between 1 and 100000", f.pool.Max)
	case f.pool.Min < 0 || f.pool.Min > f.pool.Max:
		return usage("--min: %d is not between 0 and --max, %d", f.pool.Min, f.pool.Max)
	case f.pool.Slots < 1 || f.pool.Slots > 1000:
		return usage("--slots: %d is not between 1 and 1000", f.pool.Slots)
	}
	return nil
}

func (f *simFlags) config() sim.Config {
	c := sim.Config{Pool: f.pool, Times: f.times, FIFO: f.fifo}
	if f.kill {
		c.Kill = sim.Kill{Grace: f.grace, Visibility: f.visibility}
	}
	return c
}

// usual are the policies that are compared when nobody says which: of the others, the default and the setting that
// fits the objective best.
func (f *simFlags) usual() []string {
	fits := "target=" + strconv.FormatFloat(max(f.pool.Wait.Seconds()/f.times.Service.Seconds(), 1), 'g', 4, 64)
	return []string{"slack", "keda:target=1", "keda:" + fits, "target-tracking:" + fits, "nomad:" + fits, "age-step", sim.Oracle}
}

// sources finds the traces by name or file.
func (f *simFlags) sources() ([]sim.Source, error) {
	generators := sim.Generators()
	var found []sim.Source
	if len(f.traces) == 0 {
		for _, g := range generators {
			found = append(found, sim.Generated(g, f.length, f.times))
		}
	}
	for _, name := range f.traces {
		i := slices.IndexFunc(generators, func(g sim.Generator) bool { return g.Name == name })
		if i >= 0 {
			found = append(found, sim.Generated(generators[i], f.length, f.times))
			continue
		}
		if !strings.Contains(name, ".") {
			return nil, noSuchTrace(name, generators)
		}
		source, err := f.recorded(name)
		if err != nil {
			return nil, err
		}
		found = append(found, source)
	}
	return found, nil
}

func noSuchTrace(name string, generators []sim.Generator) error {
	var names []string
	for _, g := range generators {
		names = append(names, g.Name)
	}
	hint := ""
	if best := config.Nearest(name, names); best != "" {
		hint = fmt.Sprintf(" Did you mean %q?", best)
	}
	return usage("--trace: %q is neither a file with a dot in its name nor one of %s.%s", name, strings.Join(names, ", "), hint)
}

// recorded reads a CSV file. Each seed draws other service times where the file has none.
func (f *simFlags) recorded(path string) (sim.Source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sim.Source{}, usage("--trace: %v", err)
	}
	name := strings.TrimSuffix(filepath.Base(path), ".csv")
	if _, err := sim.ReadCSV(bytes.NewReader(text), path, f.times, 1); err != nil {
		return sim.Source{}, usage("--trace: %v", err)
	}
	return sim.Source{Name: name, Make: func(seed uint64) sim.Trace {
		t, _ := sim.ReadCSV(bytes.NewReader(text), name, f.times, seed) // it was read once without an error
		return t
	}}, nil
}

func (a *app) printStudy(rows []sim.Row) error {
	found := listing{columns: []string{"TRACE", "POLICY", "WORKER-HOURS", "WAIT P50", "P95", "P99", "LATE", "REPEATED", "PEAK", "SCORE"}}
	for _, r := range rows {
		found.rows = append(found.rows, row{name: r.Trace + "/" + r.Policy, item: r, cells: []string{
			r.Trace, r.Policy, fmt.Sprintf("%.1f", r.WorkerHours),
			fmt.Sprintf("%.1fs", r.WaitP50), fmt.Sprintf("%.1fs", r.WaitP95), fmt.Sprintf("%.1fs", r.WaitP99),
			fmt.Sprintf("%.1f%%", 100*r.Late), fmt.Sprintf("%.1f%%", 100*r.Repeated), strconv.Itoa(r.Peak), fmt.Sprintf("%.0f", r.Score)}})
	}
	return a.print(found)
}

// drawStudy draws the first trace of a study, with its first seed.
func drawStudy(ctx context.Context, path string, study sim.Study) error {
	trace := study.Sources[0].Make(1)
	c := study.Config
	c.Seed = 1
	c.Sample = max(trace.Length/1440, time.Second)
	var lines []sim.Line
	for _, text := range study.Policies {
		if err := ctx.Err(); err != nil {
			return err
		}
		if text != sim.Oracle {
			lines = append(lines, sim.Line{Name: text, Points: sim.One(trace, text, c).Timeline})
		}
	}
	title := fmt.Sprintf("%s: %s a message, %s to boot, objective %s", trace.Name,
		ageText(c.Times.Service), ageText(c.Times.Boot), ageText(c.Pool.Wait))
	var picture bytes.Buffer
	if err := sim.Plot(&picture, title, c.Pool.Wait, lines); err != nil {
		return err
	}
	if err := os.WriteFile(path, picture.Bytes(), 0o644); err != nil {
		return usage("--svg: %v", err)
	}
	return nil
}
