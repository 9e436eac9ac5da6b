package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/top"
)

// topFlags are those of top.
type topFlags struct {
	controller controllerFlags
	sort       string
	every      string
	once       bool
	prefix     string
}

// The bounds of --every.
const (
	topEveryMin = 200 * time.Millisecond
	topEveryMax = time.Hour
)

func (a *app) topCommand() *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top [PREFIX]",
		Short: "Watch queues, consumers and pools live",
		Long: "Watch queues, their consumers and pools of workers, the queue whose oldest message waits longest first. A key sorts\n" +
			"by a column, the same key again the other way round; q quits. Without a terminal, or with --once, one frame is\n" +
			"printed.\n\n" +
			"Other servers than Forebay tell fewer columns, and are asked for each queue. Pools are shown when a controller of\n" +
			"pools is found. docs/top.md explains the columns.",
		Example: "  forebay top\n" +
			"  forebay top --sort deleted --every 500ms\n" +
			"  forebay top orders- --once -o json",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.prefix = args[0]
			}
			return a.top(cmd, f)
		},
	}
	a.targetFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.sort, "sort", "oldest", "column to sort by, with - in front the other way round")
	flags.StringVar(&f.every, "every", "2s", "time between two looks")
	flags.BoolVar(&f.once, "once", false, "print one frame and end")
	flags.StringVar(&f.controller.endpoint, "controller", "", "URL of a controller of pools (also FOREBAY_CONTROLLER; default: one on this machine, if there is)")
	flags.StringVar(&f.controller.state, "state", "", "state folder of a controller on this machine (default: that of pool run)")
	return cmd
}

func (a *app) top(cmd *cobra.Command, f *topFlags) error {
	order, err := top.ParseSort(f.sort)
	if err != nil {
		what := "--sort: " + err.Error()
		if best := config.Nearest(f.sort, top.SortNames()); best != "" {
			what += fmt.Sprintf(". Did you mean %q?", best)
		}
		return usage("%s", what)
	}
	every, err := config.Duration(f.every)
	if err != nil {
		return usage("--every: %v", err)
	}
	if every < topEveryMin || every > topEveryMax {
		return usage("--every: %s is not between %s and %s", every, topEveryMin, topEveryMax)
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	if _, err := f.controller.controller(); err != nil && asFailure(err).code == exitUsage {
		return err
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	w := &watcher{client: c, flags: f}
	if !f.once && a.text() && terminal(a.in) && terminal(a.out) && os.Getenv("TERM") != "dumb" {
		return top.Run(ctx, top.Options{Look: w.look, Endpoint: c.target.endpoint, Every: every, Sort: order,
			Colour: os.Getenv("NO_COLOR") == "", In: a.in, Out: a.out.to})
	}
	if !f.once {
		a.remark("no terminal to draw on: this is one frame, as with --once")
	}
	return a.topOnce(ctx, w, order)
}

// topOnce prints one frame.
func (a *app) topOnce(ctx context.Context, w *watcher, order top.Sort) error {
	frame, err := w.look(ctx)
	if err != nil {
		return err
	}
	order.Apply(frame.Queues)
	if a.format == "json" || a.format == "jsonl" {
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		if a.format == "json" {
			encoder.SetIndent("", "  ")
		}
		return encoder.Encode(frame)
	}
	for _, remark := range frame.Remarks {
		a.remark("%s", remark)
	}
	if a.format == "name" {
		for _, q := range frame.Queues {
			fmt.Fprintln(a.out, q.Name)
		}
		return nil
	}
	if len(frame.Queues) == 0 && w.flags.prefix != "" {
		a.remark("no queue begins with %q", w.flags.prefix)
	} else if len(frame.Queues) == 0 {
		a.remark("no queues")
	}
	for _, line := range (top.View{Sort: order}).Tables(frame) {
		fmt.Fprintln(a.out, line)
	}
	return nil
}
