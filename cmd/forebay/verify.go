package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/history"
)

// violationsShown bounds what people are shown; -o json has all.
const violationsShown = 20

func (a *app) verifyCommand() *cobra.Command {
	var search time.Duration
	var live bool
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Hold what clients saw against what a queue promises",
		Long: "Read histories, and report what a durable queue must never let happen: an acknowledged message lost, one\n" +
			"that nobody sent or that was changed, one received while it was hidden, back after its delete, out of the\n" +
			"order of its group, twice for one deduplication id, or in the wrong queue, and counters that cannot be.\n\n" +
			"A history is a file with one JSON object a line for each attempt, answer, delivery and delete, with times.\n" +
			"`make soak` writes them, and so can any program, of any server: docs/endurance.md has the format. - is\n" +
			"standard input. Each file is a history of its own.\n\n" +
			"With --live the arguments are queues of a running Forebay server, and none means all: each is looked through,\n" +
			"message by message, and held against its counters. Nothing changes. A queue in use moves while it is looked\n" +
			"at; it is looked at again then, a few times.\n\n" +
			"Examples:\n" +
			"    forebay verify history.jsonl\n" +
			"    forebay verify --live orders.fifo",
		Args: func(cmd *cobra.Command, args []string) error {
			if live {
				return nil
			}
			return between(1, -1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if live {
				return a.verifyLive(ctx, args)
			}
			if search < 0 {
				return usage("--search: %s is negative", search)
			}
			return a.verifyFiles(ctx, args, search)
		},
	}
	a.targetFlags(cmd)
	cmd.Flags().DurationVar(&search, "search", time.Minute, "how long to look for an order that explains each message's events; the other checks always end")
	cmd.Flags().BoolVar(&live, "live", false, "look at queues of a running server instead")
	return cmd
}

// verdictOfFile is the verdict on a file, for programs.
type verdictOfFile struct {
	File string `json:"file"`
	history.Verdict
}

// verdictOfAll is the verdict on all files together, and on each, for programs. It has one form, however many there are.
type verdictOfAll struct {
	File string `json:"file"`
	history.Verdict
	Files []verdictOfFile `json:"files"`
}

// verifyFiles judges each file.
func (a *app) verifyFiles(ctx context.Context, files []string, search time.Duration) error {
	found := listing{}
	all := verdictOfAll{File: strings.Join(files, ", "), Verdict: history.Verdict{Violations: []history.Violation{}}}
	for _, name := range files {
		v, err := a.verifyFile(ctx, name, search)
		if err != nil {
			return err
		}
		all.Add(v)
		all.Files = append(all.Files, verdictOfFile{name, v})
		if a.text() {
			a.showVerdict(name, v)
		}
		found.rows = append(found.rows, row{name: name, item: verdictOfFile{name, v}})
	}
	if a.format == "json" {
		found = listing{single: true, rows: []row{{name: all.File, item: all}}}
	}
	if !a.text() {
		if err := a.print(found); err != nil {
			return err
		}
	}
	if wrong := len(all.Violations); wrong > 0 {
		return fail("%s of what a queue promises", plural(wrong, "violation"))
	}
	return nil
}

// verifyFile reads and judges a history.
func (a *app) verifyFile(ctx context.Context, name string, search time.Duration) (history.Verdict, error) {
	in := a.in
	if name == "-" && terminal(in) {
		a.remark("Type the history; Ctrl-D ends.")
	}
	if name != "-" {
		file, err := os.Open(name)
		if os.IsNotExist(err) {
			return history.Verdict{}, &failure{code: exitNotFound, what: err.Error(), err: fs.ErrNotExist}
		} else if err != nil {
			return history.Verdict{}, err
		}
		defer file.Close()
		in = file
	}
	stop := a.progress(func(elapsed time.Duration) string { return fmt.Sprintf("%3.0fs  judging %s", elapsed.Seconds(), name) })
	defer stop()
	judge := history.NewJudge()
	err := history.Read(interruptedReader(ctx, in), judge.Add)
	if ctx.Err() != nil {
		return history.Verdict{}, ctx.Err()
	}
	if err != nil {
		return history.Verdict{}, &failure{code: exitUsage, what: fmt.Sprintf("%s is no history: %v", name, err),
			hints: []string{"What each line has to be:  docs/endurance.md"}}
	}
	limit, cancel := context.WithTimeout(ctx, search)
	defer cancel()
	return judge.Verdict(limit), nil
}

// showVerdict shows a verdict to people.
func (a *app) showVerdict(name string, v history.Verdict) {
	fmt.Fprintf(a.out, "%s: %d events of %s, crashes: %d\n", name, v.Events, plural(v.Queues, "queue"), v.Crashes)
	fmt.Fprintf(a.out, "messages    %d sent, %d acknowledged, %d delivered, %d deliveries again, %d deleted, %d dead letters\n",
		v.Attempted, v.Acknowledged, v.Delivered, v.Redelivered, v.Deleted, v.DeadLetters)
	fmt.Fprintf(a.out, "search      order of events looked for: %d messages decided, %d not\n", v.Searched, v.Undecided)
	if v.Drained == 0 {
		fmt.Fprintln(a.out, "no queue was found empty, so a message that has not come may still be waiting")
	}
	for _, violation := range v.Violations[:min(len(v.Violations), violationsShown)] {
		fmt.Fprintf(a.out, "violation   %s\n", violation)
	}
	if more := len(v.Violations) - violationsShown; more > 0 {
		fmt.Fprintf(a.out, "… and %d more; -o json has all\n", more)
	}
	fmt.Fprintf(a.out, "violations  %d\n", len(v.Violations))
}
