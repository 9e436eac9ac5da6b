package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/bench"
	"github.com/forebay-mq/forebay/internal/config"
)

// benching is the command line of bench, read.
type benching struct {
	opts bench.Options
	sign bool

	duration, wait, visibility string

	reference bool
	scratch   string
}

func (a *app) benchCommand() *cobra.Command {
	var b benching
	cmd := &cobra.Command{
		Use:   "bench [MODE]",
		Short: "Load a server and measure it",
		Long: "Load any server that speaks the SQS API, and measure throughput and latencies.\n\n" +
			"    send      sends only\n" +
			"    receive   receives and deletes what is in the queue or arrives there\n" +
			"    pipeline  sends, receives and deletes, all at once (the default)\n" +
			"    fanin     the same with many producers and few consumers\n" +
			"    fifo      the same on a FIFO queue with many message groups\n" +
			"    latency   sends at a steady rate to consumers that wait in long polls\n" +
			"    fill      sends --messages and leaves them in the queue\n" +
			"    drain     receives and deletes until the queue is empty\n\n" +
			"Examples:\n" +
			"    forebay bench --batch 10 --verify\n" +
			"    forebay bench latency --rate 1000 --duration 30s\n" +
			"    forebay bench send --reference",
		Args: between(0, 1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return modeNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				b.opts.Mode = bench.Mode(args[0])
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			return a.bench(ctx, &b)
		},
	}
	a.targetFlags(cmd)
	b.flags(cmd)
	cmd.AddCommand(a.benchNoopCommand())
	return cmd
}

func (b *benching) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	o := &b.opts
	flags.StringVar(&o.Queue, "queue", "", "name of the queue; made when it is missing (default one of its own, deleted at the end; forebay-bench for fill, receive and drain)")
	flags.IntVar(&o.Queues, "queues", 0, "spread the traffic over so many queues, named QUEUE-0, QUEUE-1, … (default 1)")
	flags.IntVar(&o.Groups, "groups", 0, "message groups of each queue, mode fifo (default 100)")
	flags.IntVar(&o.Producers, "producers", 0, "connections that send (default 64; 16 for latency and fill)")
	flags.IntVar(&o.Consumers, "consumers", 0, "connections that receive and delete (default 64; 16 for latency and drain, 4 for fanin)")
	flags.IntVar(&o.Batch, "batch", 0, "messages in a request, 1 to 10 (default 1; 10 for fill and drain)")
	flags.IntVar(&o.Size, "size", 0, "bytes of a body, the mean (default 1024)")
	flags.StringVar(&o.SizeDist, "size-dist", "", "distribution of sizes: fixed, uniform, exponential (default fixed)")
	flags.Float64Var(&o.Rate, "rate", 0, "messages a second, all producers together; latencies count from when each should have been sent (default as fast as possible; 1000 for latency)")
	flags.IntVar(&o.Ahead, "ahead", 0, "producers pause while so many more messages are sent than deleted; negative: never (default what the consumers can hold: --consumers times --batch)")
	flags.StringVar(&b.duration, "duration", "", "how long to measure (default 10s, unless --messages is given)")
	flags.Int64Var(&o.Messages, "messages", 0, "stop after so many messages (default 1000000 for fill)")
	flags.StringVar(&b.wait, "wait", "", "how long receives wait for messages (default 20s; 1s for drain)")
	flags.StringVar(&b.visibility, "visibility", "", "visibility timeout of receives (default 30s)")
	flags.StringVar(&o.Protocol, "protocol", "json", "wire form: json or query")
	flags.BoolVar(&b.sign, "sign", true, "sign the requests")
	flags.BoolVar(&o.Verify, "verify", false, "go on until all messages have come out; fail if one is lost, comes twice, or out of order in its group")
	flags.IntVar(&o.ServerPID, "server-pid", 0, "process of the server on this machine: shows its use of processor, disk and memory")
	flags.BoolVar(&b.reference, "reference", false, "also measure what this machine can do, and show the server as a fraction of it")
	flags.StringVar(&b.scratch, "scratch", "", "folder in whose file system --reference writes (default the data folder of the server on this machine)")
}

func modeNames() []string {
	names := make([]string, 0, len(bench.Modes))
	for _, m := range bench.Modes {
		names = append(names, string(m))
	}
	return names
}

// bench runs the load and shows what came of it.
func (a *app) bench(ctx context.Context, b *benching) error {
	if mode := string(b.opts.Mode); mode != "" && !slices.Contains(modeNames(), mode) {
		what := fmt.Sprintf("%q is no mode of bench: %s", mode, strings.Join(modeNames(), ", "))
		if best := config.Nearest(mode, modeNames()); best != "" {
			what += fmt.Sprintf(". Did you mean %q?", best)
		}
		return usage("%s", what)
	}
	if err := b.read(); err != nil {
		return err
	}
	t := a.target
	if err := t.resolve(); err != nil {
		return err
	}
	b.opts.Endpoint, b.opts.Region, b.opts.KeyID, b.opts.Secret = t.endpoint, t.region, t.keyID, t.secret
	if strings.HasPrefix(t.endpoint, "https:") {
		secure, err := trustOf(t.caFile)
		if err != nil {
			return err
		}
		if secure != nil {
			b.opts.Roots = secure.RootCAs
		}
	}
	if err := b.opts.Validate(); err != nil {
		return usage("%v", err)
	}
	var latest atomic.Pointer[bench.Progress]
	var phase atomic.Pointer[bench.Phase]
	b.opts.Progress = func(p bench.Progress) { latest.Store(&p) }
	b.opts.Phase = func(p bench.Phase) { phase.Store(&p); latest.Store(nil) }
	stop := a.progress(func(elapsed time.Duration) string { return benchProgress(elapsed, phase.Load(), latest.Load()) })
	result, err := a.benchRun(ctx, b)
	stop()
	if err != nil && result == nil {
		if f := connectionFailure(t.endpoint, err); f != nil {
			return f
		}
		return err
	}
	if err := a.printBench(result); err != nil {
		return err
	}
	if verdict := result.Verdict(); verdict != nil {
		return verdict
	}
	return err
}

// read reads the durations, which people may write like 1d12h.
func (b *benching) read() error {
	b.opts.Unsigned = !b.sign
	for _, d := range []struct {
		flag, text string
		into       *time.Duration
	}{
		{"duration", b.duration, &b.opts.Duration}, {"wait", b.wait, &b.opts.Wait}, {"visibility", b.visibility, &b.opts.Visibility},
	} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.into, err = config.Duration(d.text); err != nil {
			return usage("--%s: %v", d.flag, err)
		}
	}
	return nil
}

// benchProgress says on a line how a run stands, so long after the command began.
func benchProgress(elapsed time.Duration, phase *bench.Phase, p *bench.Progress) string {
	text := fmt.Sprintf("%3.0fs", elapsed.Seconds())
	if phase != nil {
		text += "  " + string(*phase)
	}
	if p == nil {
		return text
	}
	if seconds := p.Elapsed.Seconds(); seconds > 0 {
		text += fmt.Sprintf("  sent %d (%.0f/s)  received %d (%.0f/s)  waiting %d  errors %d",
			p.Sent, float64(p.Sent)/seconds, p.Received, float64(p.Received)/seconds, p.Waiting, p.Errors)
	}
	return text
}
