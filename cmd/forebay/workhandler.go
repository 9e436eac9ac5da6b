package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/forebay-mq/forebay/internal/child"
	"github.com/forebay-mq/forebay/worker"
)

// Exit codes of a command that handles a message, besides 0 for done.
const (
	exitLater      = 75 // of sysexits.h: try again
	exitCheckpoint = 85 // of HTCondor: progress is kept elsewhere, go on from there
	exitNotRun     = child.ExitNotRun
	exitNoProgram  = exitNotRun + 1
)

// runner returns what runs commands: each under a process of this binary.
func (f *commandFlags) runner() (*child.Runner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &child.Runner{Keeper: []string{self, keeperName}}, nil
}

// program is the job of a command without a message.
func (f *commandFlags) program() child.Job {
	job := f.job
	job.Args, job.Env = f.args, os.Environ()
	return job
}

// try refuses a command that cannot be started, before a message is spent on it.
func (f *commandFlags) try(ctx context.Context) error {
	runner, err := f.runner()
	if err != nil {
		return err
	}
	defer runner.Close()
	if err = child.Check(f.program()); err == nil {
		err = runner.Try(ctx, f.program())
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	var words []string
	for _, word := range f.args {
		words = append(words, quoteSh(word))
	}
	refusal := &failure{code: exitFailed, what: "the command cannot be started: " + err.Error(), err: err, hints: []string{
		"Nothing was received. The command is what follows --: a program by its path, such as ./handle, or by a name in PATH.",
		"Try it by hand:  " + strings.Join(words, " ") + " </dev/null",
	}}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		refusal.code = exitNotFound
	}
	return refusal
}

// commandHandler runs the command for each message.
type commandHandler struct {
	*commandFlags
	runner *child.Runner
	queue  string
	logger *slog.Logger

	ran    atomic.Bool // it has ended at least once as only a program that was there can
	broken atomic.Bool // it could not be started the last time
}

// attach gives the worker its handler, and returns what ends that.
func (w *working) attach() (func(), error) {
	queue := nameOf(w.worker.QueueURL)
	if w.web.URL != "" {
		poster, err := w.web.poster(queue, w.worker.Concurrency)
		if err != nil {
			return nil, err
		}
		w.worker.Handler, w.worker.Ready = poster.Handle, poster.Ready
		return poster.Close, nil
	}
	runner, err := w.command.runner()
	if err != nil {
		return nil, err
	}
	h := &commandHandler{commandFlags: &w.command, queue: queue, logger: w.worker.Logger, runner: runner}
	w.worker.Handler, w.worker.Ready = h.handle, h.ready
	return runner.Close, nil
}

// group finds the cgroup below which commands run, if there is one.
func (f *commandFlags) group(logger *slog.Logger) error {
	if f.cgroup != "auto" {
		return nil
	}
	folder, memory, err := child.Delegated()
	if err != nil {
		return err
	}
	if folder != "" && (memory || f.job.MemoryMax == 0) {
		f.job.Cgroup = folder
		logger.Debug("commands run in cgroups", "below", folder)
	}
	return nil
}

// ready reports why the command could not be started now. Once it could not, it is really tried, since not all can be seen
// from outside.
func (h *commandHandler) ready(ctx context.Context) error {
	err := child.Check(h.program())
	if err == nil && h.broken.Load() {
		err = h.runner.Try(ctx, h.program())
	}
	if err != nil {
		h.broken.Store(true)
		return h.notThere(err)
	}
	h.broken.Store(false)
	return nil
}

// notThere words why the command cannot be started, and what to do.
func (h *commandHandler) notThere(err error) error {
	return fmt.Errorf("the command cannot be started: %w; put it back, and the agent goes on by itself", err)
}

// unavailable is what the handler returns for a message whose command was not started.
func (h *commandHandler) unavailable(err error) error {
	h.broken.Store(true)
	return worker.Unavailable(h.notThere(err))
}

// handle runs the command for one message, and turns how it ended into what becomes of the message.
func (h *commandHandler) handle(ctx context.Context, m *worker.Message) error {
	job := h.job
	job.Args = h.args
	job.Env = append(os.Environ(), messageEnvironment(m, h.queue)...)
	body := []byte(aws.ToString(m.Body))
	if h.body == "stdin" {
		job.Stdin = body
	} else {
		name, err := bodyFile(body)
		if err != nil {
			return h.unavailable(err)
		}
		defer os.Remove(name)
		job.Env = append(job.Env, "FOREBAY_BODY_FILE="+name)
	}
	began := time.Now()
	result, err := h.runner.Run(ctx, job)
	if errors.Is(err, child.ErrNotStarted) {
		return h.unavailable(err)
	}
	if err != nil {
		return err
	}
	err = h.outcome(ctx, result)
	level := slog.LevelDebug
	if err != nil || result.Left > 0 {
		level = slog.LevelInfo
	}
	if len(result.Output) > 0 {
		level = slog.LevelInfo
	}
	if h.logger.Enabled(ctx, level) {
		h.logger.Log(ctx, level, "command ended", "id", m.ID(), "how", cmp.Or(errorText(err), "done"), "after", time.Since(began).Round(time.Millisecond),
			"output", string(result.Output), "output_dropped", result.Dropped, "left_behind", result.Left)
	}
	return err
}

// outcome reads the end of a command.
func (h *commandHandler) outcome(ctx context.Context, r child.Result) error {
	if r.Code == exitNotRun || r.Code == exitNoProgram {
		return h.notRun(ctx, r.Code)
	}
	h.ran.Store(true)
	switch {
	case r.Starved:
		return errors.New("it needed more memory than --memory allows")
	case r.Hung:
		return fmt.Errorf("it was stopped for %s, and ended for that", h.job.StoppedMax)
	case r.Signal != 0:
		return fmt.Errorf("signal %d ended it", r.Signal)
	case r.Code == exitLater:
		return worker.Later(h.laterDelay)
	case r.Code == exitCheckpoint:
		return worker.ErrCheckpoint
	case r.Code != 0:
		return fmt.Errorf("exit code %d", r.Code)
	}
	return nil
}

// notRun reads an end by which shells and env say that there is no such program. It counts for the message only where the
// command has shown before that it can run, and can still be started.
func (h *commandHandler) notRun(ctx context.Context, code int) error {
	if err := h.runner.Try(context.WithoutCancel(ctx), h.program()); err != nil {
		return h.unavailable(err)
	}
	if h.ran.Load() {
		return fmt.Errorf("exit code %d", code)
	}
	return h.unavailable(fmt.Errorf("exit code %d, by which a shell or env says that it could not run or find a program, "+
		"and the command has not ended otherwise yet", code))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
