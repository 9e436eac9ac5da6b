package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/telemetry"
	"github.com/forebay-mq/forebay/worker"
)

// working is the command line of work, read.
type working struct {
	queue    string
	commands string
	worker   worker.Options
	command  commandFlags
	web      webFlags
	debug    bool
	jsonLog  bool
}

func (a *app) workCommand() *cobra.Command {
	var w working
	cmd := &cobra.Command{
		Use:   "work --queue QUEUE (-- COMMAND [ARGUMENT...] | --http URL)",
		Short: "Make any program a worker: run a command, or call a web application, for each message",
		Long: "Take messages from a queue and run a command for each: its body on standard input, its attributes in the\n" +
			"environment. Exit code 0 means done, and the message is deleted; 75 later, 85 checkpoint taken (both come back\n" +
			"without having failed), anything else failed, and it comes back with backoff.\n\n" +
			"With --http each message is posted to a web application instead, with the headers of sqsd: 200 means done.\n\n" +
			"Messages in work are kept by heartbeats, however long it takes. SIGTERM or Ctrl-C drains: work that fits into the\n" +
			"grace is finished, the rest given back; a second one gives everything back at once. Any server that speaks the\n" +
			"SQS API will do. All of it is in docs/workers.md.",
		Example: "  forebay work --queue orders -- ./handle\n" +
			"  forebay work --queue orders --concurrency 8 --limit 5m --memory 512MiB -- python3 handle.py\n" +
			"  forebay work --queue orders --http http://127.0.0.1:8080/ --cron cron.yaml",
		Args: between(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w.command.args = args
			return a.work(cmd, &w)
		},
	}
	a.targetFlags(cmd)
	w.flags(cmd.Flags())
	_ = cmd.MarkFlagRequired("queue")
	_ = cmd.RegisterFlagCompletionFunc("queue", a.completeQueue)
	return cmd
}

// spans are the flags of work that are durations.
func (w *working) spans() []struct {
	name, initial, usage string
	to                   *time.Duration
} {
	o := &w.worker
	return []struct {
		name, initial, usage string
		to                   *time.Duration
	}{
		{"lease", "30s", "hide messages in hand for so long from others; heartbeats extend it", &o.Lease},
		{"limit", "12h", "time limit of one message; then its handler is ended", &o.TimeLimit},
		{"grace", "30s", "when draining, how long work may go on", &o.Grace},
		{"idle", "0s", "end when nothing has come for so long; 0s is never", &o.IdleTime},
		{"backoff", "1s", "a failed message comes back after so long, twice as long each further time", &o.BackoffMin},
		{"backoff-max", "15m", "and at most after so long", &o.BackoffMax},
		{"hung", "10s", "a command that is stopped (SIGSTOP) for so long is ended; 0s is never", &w.command.job.StoppedMax},
		{"patience", "2s", "what an ended command gets between SIGTERM and SIGKILL, up to 4s", &w.command.job.Patience},
		{"connect-timeout", "5s", "--http: to connect", &w.web.ConnectTimeout},
		{"inactivity", "3m", "--http: to answer", &w.web.Inactivity},
		{"error-timeout", "2s", "--http: when a refused message comes back", &w.web.ErrorTimeout},
	}
}

func (w *working) flags(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&w.queue, "queue", "", "the queue, by name or URL")
	flags.IntVar(&w.worker.Concurrency, "concurrency", worker.DefaultConcurrency, "messages in work at once")
	flags.IntVar(&w.worker.Prefetch, "prefetch", 0, "messages held besides, where the queue has no dead-letter queue")
	for _, span := range w.spans() {
		flags.String(span.name, span.initial, span.usage)
	}
	flags.StringVar(&w.worker.Consumer, "consumer", "", "name of this worker for the server's figures (host and process)")
	flags.StringVar(&w.commands, "commands", "", "a queue from which this worker takes orders such as drain")
	w.command.flags(flags)
	w.web.flags(flags)
	flags.BoolVar(&w.debug, "debug", false, "log every message")
	flags.BoolVar(&w.jsonLog, "log-json", false, "log JSON also on a terminal")
}

// read checks the command line before anything is received.
func (w *working) read(flags *pflag.FlagSet) error {
	for _, span := range w.spans() {
		d, err := config.Duration(flags.Lookup(span.name).Value.String())
		if err != nil {
			return usage("--%s: %v", span.name, err)
		}
		*span.to = d
	}
	o := &w.worker
	if o.Grace == 0 {
		o.Grace = -1 // no grace at all, where zero is the default
	}
	if o.Consumer == "" {
		host, _ := os.Hostname()
		o.Consumer = fmt.Sprintf("%.100s/%d", host, os.Getpid())
	}
	switch {
	case w.web.URL == "" && len(w.command.args) == 0:
		return usage("nothing to do with messages\n  Run a command:       forebay work --queue %s -- ./handle\n  Or post to a server: forebay work --queue %s --http URL", w.queue, w.queue)
	case w.web.URL != "" && len(w.command.args) > 0:
		return usage("--http and a command are two ways of handling messages: give only one of them")
	case w.web.URL == "" && w.web.cron != "":
		return usage("--cron needs --http: periodic tasks are posted")
	}
	if err := w.command.read(); err != nil {
		return err
	}
	return w.web.read()
}

// work runs the agent until it is told to stop.
func (a *app) work(cmd *cobra.Command, w *working) error {
	if err := w.read(cmd.Flags()); err != nil {
		return err
	}
	leaveRoom()
	level := slog.LevelInfo
	switch {
	case w.debug:
		level = slog.LevelDebug
	case a.quiet:
		level = slog.LevelWarn
	}
	format := "auto"
	if w.jsonLog {
		format = "json"
	}
	logger := telemetry.NewLogger(a.errs, telemetry.LogOptions{Format: format, Level: level, Terminal: terminal(a.errs)})
	w.worker.Logger = logger
	if w.web.URL == "" {
		if err := w.command.group(logger); err != nil {
			return err
		}
		if err := w.command.try(cmd.Context()); err != nil {
			return err
		}
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	if err := a.target.lead(c.target.found.KeySource); err != nil {
		return err
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	if w.worker.QueueURL, err = c.waitForQueue(ctx, w.queue, logger); err != nil {
		return err
	}
	if w.commands != "" {
		if w.worker.CommandsURL, err = c.waitForQueue(ctx, w.commands, logger); err != nil {
			return err
		}
	}
	w.worker.Client = c.Client
	return a.runWorkers(ctx, stop, c, w)
}

// runWorkers runs the worker, and with periodic tasks the one for those, until both have ended.
func (a *app) runWorkers(ctx context.Context, stop func(), c *client, w *working) error {
	done, err := w.attach()
	if err != nil {
		return err
	}
	defer done()
	agent, err := worker.New(w.worker)
	if err != nil {
		return usage("%s", strings.TrimPrefix(err.Error(), "worker: "))
	}
	agents := []*worker.Worker{agent}
	var cron *periodic
	if w.web.cron != "" {
		if cron, err = newPeriodic(ctx, c, w); err != nil {
			return err
		}
		if cron.worker != nil {
			agents = append(agents, cron.worker)
		}
	}
	signals, ignore := stops()
	defer ignore()
	ended := make(chan struct{})
	defer close(ended)
	go func() { // the first signal ends ctx; each further one ends the grace
		for first := true; ; first = false {
			select {
			case <-signals:
				if first {
					continue
				}
				for _, each := range agents {
					each.GiveBack()
				}
			case <-ended:
				return
			}
		}
	}()
	w.worker.Logger.Info("working", "queue", nameOf(w.worker.QueueURL), "concurrency", w.worker.Concurrency, "consumer", w.worker.Consumer)
	notify("READY=1", w.worker.Logger)
	err = runAll(ctx, stop, agent, cron)
	s := agent.Stats()
	w.worker.Logger.Info("ended", "received", s.Received, "done", s.Done, "failed", s.Failed, "postponed", s.Postponed,
		"given_back", s.GivenBack, "lost", s.Lost)
	if err != nil {
		return c.explain(context.WithoutCancel(ctx), w.queue, err)
	}
	return nil
}

// runAll runs the worker, and what is periodic beside it for as long.
func runAll(ctx context.Context, stop func(), agent *worker.Worker, cron *periodic) error {
	if cron == nil {
		return agent.Run(ctx)
	}
	ticking := make(chan error, 1)
	go func() { ticking <- cron.run(ctx) }()
	err := agent.Run(ctx)
	stop()
	if cronErr := <-ticking; err == nil {
		err = cronErr
	}
	return err
}

// waitForQueue finds a queue, and waits for a server that does not answer yet.
func (c *client) waitForQueue(ctx context.Context, name string, logger *slog.Logger) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for pause, said := 100*time.Millisecond, false; ; pause = min(2*pause, 5*time.Second) {
		out, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
		if err == nil {
			return *out.QueueUrl, nil
		}
		if ctx.Err() != nil || !unreachable(err) {
			if url, ok := c.madeByServer(ctx, name, err); ok {
				logger.Info("the server, which runs with --dev, has created a queue", "queue", name)
				return url, nil
			}
			return "", c.explain(ctx, name, err)
		}
		if !said {
			said = true
			logger.Warn("the server does not answer; trying until it is there", "endpoint", c.target.endpoint, "err", asFailure(c.explain(ctx, name, err)).what)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(pause):
		}
	}
}
