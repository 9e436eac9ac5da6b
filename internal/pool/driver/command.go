package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/child"
	"github.com/forebay-mq/forebay/internal/pool"
)

// CommandOptions are programs that know how to start workers.
type CommandOptions struct {
	Start []string // run for each order, with {count}, {idle}, {queue}, {queues} and {pool}
	Count []string // prints how many workers there are and, after a space, how many are ready; empty: nobody counts
	Drain []string // run with {workers}, ids with commas between them; empty: not possible
}

// Command runs a program for each order.
type Command struct {
	options CommandOptions
}

const holdWorkers = "{workers}"

// NewCommand checks the commands.
func NewCommand(o CommandOptions) (*Command, error) {
	for _, c := range []struct {
		key   string
		words []string
		known []string
	}{
		{"command", o.Start, []string{holdCount, holdIdle, holdQueue, holdQueues, holdPool, holdWorkers}},
		{"count_command", o.Count, []string{holdWorkers}},
		{"drain_command", o.Drain, []string{holdWorkers}},
	} {
		if len(c.words) == 0 && c.key != "command" {
			continue
		}
		if err := checkTemplate(c.words, c.known...); err != nil {
			return nil, fmt.Errorf("%s: %w", c.key, err)
		}
		if err := child.Check(child.Job{Args: c.words}); err != nil {
			return nil, fmt.Errorf("%s: %w", c.key, err)
		}
	}
	return &Command{o}, nil
}

// Start runs the command, once for those that leave by themselves and once for those that stay. An exit code of zero
// accepts the order. When only the first half was accepted, the workers of the second are given up once nobody sees them.
func (c *Command) Start(ctx context.Context, o pool.Order) error {
	byIdle := map[time.Duration][]pool.Spec{}
	for _, w := range o.Workers {
		byIdle[w.Idle] = append(byIdle[w.Idle], w)
	}
	for i, idle := range slices.Sorted(maps.Keys(byIdle)) {
		part, workers := o, byIdle[idle]
		part.Workers = workers
		var ids []string
		for _, w := range workers {
			ids = append(ids, w.ID)
		}
		words := c.ids(fill(c.options.Start, part, workers[0]), ids)
		if _, err := run(ctx, words, environment(part, workers[0], "FOREBAY_POOL_WORKERS="+strings.Join(ids, ","))); err != nil && i == 0 {
			return err
		}
	}
	return nil
}

func (c *Command) ids(words, ids []string) []string {
	words = slices.Clone(words)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], holdWorkers, strings.Join(ids, ","))
	}
	return words
}

// run runs a program and returns what it prints. Its error ends with what it said last.
func run(ctx context.Context, words, env []string) (string, error) {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = env
	cmd.WaitDelay = time.Second // what it has started may keep its output open: nobody waits for that
	said := &firstBytes{}
	var printed firstBytes
	cmd.Stdout, cmd.Stderr = &printed, said
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s: %w: %s", words[0], err, strings.TrimSpace(said.String()))
	}
	return printed.String(), nil
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ bytes.Buffer }

// Write takes all and keeps some.
func (b *firstBytes) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(answerBytesMax-b.Len(), 0))])
	return len(p), nil
}

// Drain runs the command for it.
func (c *Command) Drain(ctx context.Context, ids []string) error {
	if len(c.options.Drain) == 0 {
		return errors.ErrUnsupported
	}
	_, err := run(ctx, c.ids(c.options.Drain, ids), os.Environ())
	return err
}

// Count runs the command for it.
func (c *Command) Count(ctx context.Context) (pool.Count, error) {
	if len(c.options.Count) == 0 {
		return pool.Count{}, errors.ErrUnsupported
	}
	text, err := run(ctx, c.options.Count, os.Environ())
	if err != nil {
		return pool.Count{}, err
	}
	words := strings.Fields(text)
	if len(words) == 1 {
		words = append(words, words[0])
	}
	if len(words) != 2 {
		return pool.Count{}, fmt.Errorf("%s printed %.100q, want the number of workers and of those that are ready", c.options.Count[0], text)
	}
	total, err1 := strconv.Atoi(words[0])
	ready, err2 := strconv.Atoi(words[1])
	if err1 != nil || err2 != nil || total < 0 {
		return pool.Count{}, fmt.Errorf("%s printed %.100q, want the number of workers and of those that are ready", c.options.Count[0], text)
	}
	return pool.Count{Total: total, Ready: ready}, nil
}

// Events are none: a command does not see workers.
func (c *Command) Events() <-chan pool.Event { return nil }

// Close does nothing: the workers live on.
func (c *Command) Close(context.Context) error { return nil }
