package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// report is what a run prints.
type report struct {
	options options
	todo    []work

	Date        time.Time `json:"date"`
	Command     string    `json:"command"`
	Machine     string    `json:"machine"`
	LoadBefore  string    `json:"loadBefore"` // averages of 1, 5 and 15 minutes
	LoadAfter   string    `json:"loadAfter"`
	Connections int       `json:"connections"`
	Rows        []*row    `json:"rows"`
}

// row is one server doing one work, in all rounds; or all works of one that could do none.
type row struct {
	Server   string `json:"server"`
	Version  string `json:"version"`
	Settings string `json:"settings"`
	Fsynced  string `json:"acknowledgedMeansFsynced"`
	Work     string `json:"work"`

	Runs       []measurement `json:"runs"`
	Failures   []string      `json:"failures,omitempty"`      // in words
	NotOffered string        `json:"notOffered,omitempty"`    // why the server cannot do this
	Times      float64       `json:"forebayIsTimes,omitzero"` // Forebay's median by this one's
}

const allWorks = "all"

func newReport(o options, todo []work) *report {
	return &report{options: o, todo: todo, Date: time.Now(), Connections: o.connections, Command: o.command}
}

// enter makes the rows of a server, in the order of the table.
func (r *report) enter(v server, version string) {
	for _, w := range r.todo {
		r.Rows = append(r.Rows, &row{Server: v.name, Version: version, Settings: v.settings, Fsynced: v.fsynced, Work: w.name})
	}
}

// add notes how one work went.
func (r *report) add(v server, w work, m measurement, err error) {
	i := slices.IndexFunc(r.Rows, func(row *row) bool { return row.Server == v.name && row.Work == w.name })
	row := r.Rows[i]
	switch {
	case errors.Is(err, errNoBatches):
		row.NotOffered = err.Error()
		say("  %-34s not offered: %v", w.name, err)
	case err != nil:
		row.Failures = append(row.Failures, err.Error())
		say("  %-34s FAILED: %v", w.name, err)
	default:
		row.Runs = append(row.Runs, m)
		say("  %-34s %9.0f messages/s  p50 %8.2f ms  p99 %8.2f ms  %s", w.name, m.PerSecond, m.P50, m.P99, m.Note)
	}
}

// fail notes that a server could not be installed, started or ended. Works that it has done keep their rows.
func (r *report) fail(v server, err error) {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if at := slices.IndexFunc(r.Rows, func(row *row) bool { return row.Server == v.name && row.Work == allWorks }); at >= 0 {
		r.Rows[at].Failures = append(r.Rows[at].Failures, err.Error())
		return
	}
	i := slices.IndexFunc(r.Rows, func(row *row) bool { return row.Server == v.name })
	first := *r.Rows[i]
	first.Work, first.Runs, first.Failures, first.NotOffered = allWorks, nil, []string{err.Error()}, ""
	r.Rows = slices.Insert(r.Rows, i, &first)
}

// prune takes out the rows of works that were never begun, where a row for all of them says why.
func (r *report) prune() {
	told := func(server string) bool {
		return slices.ContainsFunc(r.Rows, func(row *row) bool { return row.Server == server && row.Work == allWorks })
	}
	r.Rows = slices.DeleteFunc(r.Rows, func(row *row) bool {
		return len(row.Runs)+len(row.Failures) == 0 && row.NotOffered == "" && told(row.Server)
	})
}

// failures counts the rows that have not done all that they should have.
func (r *report) failures() int {
	n := 0
	for _, row := range r.Rows {
		if len(row.Failures) > 0 || row.NotOffered == "" && len(row.Runs) == 0 {
			n++
		}
	}
	return n
}

// compare fills in how many times as fast Forebay is.
func (r *report) compare() {
	own := map[string]float64{}
	for _, row := range r.Rows {
		if len(row.Runs) == 0 {
			continue
		}
		median := spread(row.Runs, perSecond).median
		if row.Server == speaking[0].name {
			own[row.Work] = median
		} else {
			row.Times = own[row.Work] / median
		}
	}
}

// threeOf is what is left of many measurements.
type threeOf struct{ low, median, high float64 }

func perSecond(m measurement) float64 { return m.PerSecond }
func p50(m measurement) float64       { return m.P50 }
func p99(m measurement) float64       { return m.P99 }
func seconds(m measurement) float64   { return m.Seconds }

// spread returns the lowest, the middle and the highest of a figure. There is at least one run.
func spread(runs []measurement, of func(measurement) float64) threeOf {
	var all []float64
	for _, m := range runs {
		all = append(all, of(m))
	}
	slices.Sort(all)
	return threeOf{all[0], all[len(all)/2], all[len(all)-1]}
}

// text writes the three, or the one when all are the same run.
func (t threeOf) text(runs int, number func(float64) string) string {
	if runs == 1 {
		return number(t.median)
	}
	return number(t.low) + " / " + number(t.median) + " / " + number(t.high)
}

// whole writes a number with its thousands apart.
func whole(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// short is the same, and keeps two digits of a small one.
func short(n float64) string {
	if n >= 10 {
		return whole(n)
	}
	return strconv.FormatFloat(n, 'g', 2, 64)
}

var header = []string{"server", "on disk when acknowledged", "work", "messages/s", "Forebay is", "p50 ms", "p99 ms", "seconds", "remarks"}

// cells are one row of the table.
func (r *row) cells() []string {
	cells := []string{strings.TrimSpace(r.Server+" "+r.Version) + " (" + r.Settings + ")", r.Fsynced, r.Work, "–", "", "", "", ""}
	var remarks []string
	if n := len(r.Runs); n > 0 {
		cells[3] = spread(r.Runs, perSecond).text(n, short)
		if r.Times > 0 {
			cells[4] = short(r.Times) + " ×"
		}
		cells[5], cells[6] = spread(r.Runs, p50).text(n, short), spread(r.Runs, p99).text(n, short)
		cells[7] = fmt.Sprintf("%d × %s", n, short(spread(r.Runs, seconds).median))
		for _, m := range r.Runs {
			if m.Note != "" && !slices.Contains(remarks, m.Note) {
				remarks = append(remarks, m.Note)
			}
		}
	}
	for _, f := range slices.Compact(slices.Sorted(slices.Values(r.Failures))) {
		remarks = append(remarks, "FAILED: "+f)
	}
	if r.NotOffered != "" {
		remarks = append(remarks, r.NotOffered)
	}
	if len(r.Runs) == 0 && len(remarks) == 0 {
		remarks = append(remarks, "FAILED: not measured")
	}
	return append(cells, strings.Join(remarks, "; "))
}

// show prints the report in the form that was asked for.
func (r *report) show(out io.Writer) error {
	r.prune()
	r.compare()
	switch {
	case r.options.into != "":
		return r.update(r.options.into)
	case r.options.json:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	case r.options.markdown:
		_, err := io.WriteString(out, r.markdown())
		return err
	}
	fmt.Fprintf(out, "%s\n%s\nload before %s, after %s\n\n", r.Machine, r.Command, r.LoadBefore, r.LoadAfter)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(header, "\t"))
	for _, row := range r.Rows {
		fmt.Fprintln(table, strings.Join(row.cells(), "\t"))
	}
	return table.Flush()
}

// markdown is the report for a page.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "* Machine: %s. %s.\n* Command: `%s`.\n", r.Machine, r.Date.Format("January 2, 2006"), r.Command)
	fmt.Fprintf(&b, "* Load averages of 1, 5 and 15 minutes: %s before, %s after.\n\n", r.LoadBefore, r.LoadAfter)
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(&b, "| %s ", strings.ReplaceAll(c, "|", `\|`))
		}
		b.WriteString("|\n")
	}
	line(header)
	b.WriteString(strings.Repeat("| --- ", len(header)) + "|\n")
	for _, row := range r.Rows {
		line(row.cells())
	}
	return b.String()
}

// The table stands between these lines of a page.
const (
	tableBegins = "<!-- made by bench/peers/run --into -->\n"
	tableEnds   = "<!-- end -->\n"
)

// update puts the Markdown into a page.
func (r *report) update(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, begins := strings.Cut(string(text), tableBegins)
	_, foot, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q, between which the table would stand", path, strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	return os.WriteFile(path, []byte(head+tableBegins+r.markdown()+tableEnds+foot), 0o644)
}

// machine says what this is measured on.
func machine() string {
	model, memory := "", ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(text), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		model = strings.Trim(line, " \t:")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		memory = fmt.Sprintf("%.0f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	var name unix.Utsname
	system := runtime.GOOS
	if unix.Uname(&name) == nil {
		system = "Linux " + unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("%d CPUs of %s, %s, %s, %s", runtime.NumCPU(), cmp.Or(model, runtime.GOARCH), memory, system, runtime.Version())
}

// loadAverage says how busy the machine is.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
