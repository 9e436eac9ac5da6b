package main

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/forebay-mq/forebay/internal/bench"
)

// printBench shows a result: for people as tables, for programs as JSON.
func (a *app) printBench(r *bench.Result) error {
	if !a.text() {
		return a.print(listing{single: true, rows: []row{{name: string(r.Mode), item: r}}})
	}
	bodies := ""
	if r.Producers > 0 {
		bodies = fmt.Sprintf(" of %d B bodies (%s)", r.Size, r.SizeDist)
	}
	a.remarkLoad(r)
	fmt.Fprintf(a.out, "%s%s, batches of %d, %s%s, %d producers, %d consumers, %s, %.1f s\n\n",
		r.Mode, bodies, r.Batch, r.Protocol, map[bool]string{true: ", signed"}[r.Signed], r.Producers, r.Consumers,
		plural(r.Queues, "queue"), r.Seconds)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !a.noHeader {
		fmt.Fprintln(w, "step\trequests/s\tmessages/s\tMB/s\tp50 ms\tp90\tp99\tp99.9\tmax\t")
	}
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.1f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t\n", s.Step, s.RequestsPerSecond, s.MessagesPerSecond,
			s.BytesPerSecond/1e6, s.P50, s.P90, s.P99, s.P999, s.Max)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nLatencies, in a loop that is %s:\n", loopText[r.Loop])
	for _, s := range r.Steps {
		fmt.Fprintf(a.out, "  %-16s %s\n", s.Step, s.Measures)
	}
	fmt.Fprintf(a.out, "\nduplicates %d, order violations %d, generator %.1f µs CPU a message\n", r.Duplicates, r.Misordered, r.GeneratorMicros)
	if s := r.Server; s != nil {
		fmt.Fprintf(a.out, "server     %.1f µs CPU a message, %.2f bytes written for each accepted, %s of memory\n",
			s.MicrosPerMessage, s.WrittenPerByte, bytesText(s.ResidentBytes))
	}
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(a.out, "error      %s: %d times\n", code, r.Errors[code])
	}
	for _, v := range r.Violations {
		fmt.Fprintf(a.out, "violation  %s\n", v)
	}
	if r.Verified {
		fmt.Fprintf(a.out, "verified   %d acknowledged, %d delivered, %d lost, %d too early, %d out of order\n",
			r.Acknowledged, r.Delivered, r.Lost, r.Twice, r.Misordered)
	}
	return a.printReference(r.Reference)
}

// loopText explains the kinds of loops.
var loopText = map[bench.Loop]string{
	bench.Closed: "closed (each connection sends again once it is answered; --rate opens it)",
	bench.Open:   "open (each send has its time, by --rate)",
}

// remarkLoad says what makes figures mean something else than they seem to.
func (a *app) remarkLoad(r *bench.Result) {
	if r.Leftover > 0 {
		a.remark("%s of before were taken out of the queue first, unmeasured", plural(int(r.Leftover), "message"))
	}
	if r.Behind > 0 {
		a.remark("the rate was not kept: of %.0f messages a second %.0f were sent, in the end %.1f s late. The latencies show how long "+
			"sends waited for that, and grow with the run; ask for less, or give it more --producers.",
			r.Rate, r.Step("send").MessagesPerSecond, r.Behind)
	}
}

// printReference shows the machine's figures and the server's as fractions of them.
func (a *app) printReference(ref *bench.Reference) error {
	if ref == nil {
		return nil
	}
	fmt.Fprintf(a.out, "\nno-op handler  %.0f requests/s (before and after differ by %.0f %%), %.1f µs CPU a request\n",
		ref.NoopRequestsPerSecond, 100*ref.NoopSpread, ref.NoopCPUMicros)
	if d := ref.Disk; d != nil {
		fmt.Fprintf(a.out, "disk           %.0f syncs of 4 KiB a second, p50 %.3f ms, p99 %.3f ms; %.0f MB/s written in sequence (%s)\n",
			d.SyncsPerSecond, d.SyncP50, d.SyncP99, d.BytesPerSecond/1e6, d.Folder)
	}
	fmt.Fprintln(a.out)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !a.noHeader {
		fmt.Fprintln(w, "figure, reference\tserver\treference\tserver/reference\t")
	}
	for _, f := range ref.Fractions {
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t\n", f.What, f.Server, f.Reference, f.Fraction)
	}
	return w.Flush()
}
