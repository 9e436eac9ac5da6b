// Peers starts what a user would pick instead of Forebay, one server after the other on this machine, gives each the
// same work, and prints one table. It installs them into a folder of its own, needs package registries for that, and
// is therefore no part of the tests. See docs/peers.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const installsAtOnce = 3

// servers are all that are compared.
func servers() []server {
	return append(slices.Clone(speaking), rabbitMQ, beanstalkd, postgres, redisStreams, natsJetStream)
}

// options is the command line.
type options struct {
	plan
	only, works    string
	folder         string
	json, markdown bool
	into           string
	seed           uint64
	command        string // that repeats this run
}

func (o *options) parse(args []string) error {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "of one measurement")
	flags.DurationVar(&o.warm, "warm", 10*time.Second, "of work that does not count, after each start of a server")
	flags.IntVar(&o.rounds, "rounds", 3, "each does every server and work once, in an order of its own")
	flags.IntVar(&o.connections, "connections", 64, "that send, and as many that receive")
	flags.IntVar(&o.backlog, "backlog", 80_000, "messages that wait when the last work begins")
	flags.DurationVar(&o.fill, "fill", 60*time.Second, "how long making the backlog may take")
	flags.StringVar(&o.only, "servers", "", "only those whose names begin so, ignoring case; separated by commas")
	flags.StringVar(&o.works, "works", "", "only those works; separated by commas: "+names(works))
	flags.StringVar(&o.folder, "folder", "", "where servers are installed, and stay for the next run (default one that is removed at the end)")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.BoolVar(&o.markdown, "markdown", false, "print Markdown")
	flags.StringVar(&o.into, "into", "", "put the Markdown into this file, between the lines that mark its place")
	flags.Uint64Var(&o.seed, "seed", rand.Uint64N(1_000_000), "of the order")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.command = "bench/peers/run"
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"folder", "into", "json", "markdown", "seed"}, f.Name) {
			o.command += fmt.Sprintf(" --%s %s", f.Name, shellWord(f.Value.String()))
		}
	})
	o.command += fmt.Sprintf(" --seed %d", o.seed)
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q is no flag: all that can be said is said with flags, see --help", flags.Arg(0))
	case o.duration <= 0 || o.rounds <= 0 || o.connections <= 0 || o.backlog <= 0 || o.fill <= 0 || o.warm < 0:
		return errors.New("--warm cannot be negative; --duration, --rounds, --connections, --backlog and --fill must be above zero")
	}
	return nil
}

func names(all []work) string {
	var names []string
	for _, w := range all {
		names = append(names, w.name)
	}
	return strings.Join(names, ", ")
}

// choose returns the servers and works that are asked for. Forebay's are always measured: the others are compared with it.
func (o *options) choose() ([]server, []work, error) {
	chosen, todo := servers(), works
	if o.only != "" {
		chosen = chosen[:1]
		for wanted := range strings.SplitSeq(strings.ToLower(o.only), ",") {
			begins := func(v server) bool { return strings.HasPrefix(strings.ToLower(v.name), strings.TrimSpace(wanted)) }
			if !slices.ContainsFunc(servers(), begins) {
				return nil, nil, fmt.Errorf("--servers: no server's name begins with %q", wanted)
			}
			for _, v := range servers()[1:] {
				if begins(v) && !slices.ContainsFunc(chosen, func(c server) bool { return c.name == v.name }) {
					chosen = append(chosen, v)
				}
			}
		}
	}
	if o.works != "" {
		todo = nil
		for wanted := range strings.SplitSeq(o.works, ",") {
			i := slices.IndexFunc(works, func(w work) bool { return w.name == strings.TrimSpace(wanted) })
			if i < 0 {
				return nil, nil, fmt.Errorf("--works: %q is none of %s", wanted, names(works))
			}
			todo = append(todo, works[i])
		}
	}
	return chosen, todo, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	var o options
	if err := o.parse(args); err != nil {
		return err
	}
	chosen, todo, err := o.choose()
	if err != nil {
		return err
	}
	tree, err := sourceTree()
	if err != nil {
		return err
	}
	if o.folder == "" {
		if o.folder, err = os.MkdirTemp("", "peers-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.folder)) }()
	}
	if o.folder, err = filepath.Abs(o.folder); err != nil {
		return err
	}
	// A server that must not be root has to reach what is installed.
	if err := errors.Join(os.MkdirAll(o.folder, 0o755), os.Chmod(o.folder, 0o755)); err != nil {
		return err
	}
	r := newReport(o, todo)
	if err := r.measure(ctx, &shop{folder: o.folder, tree: tree}, chosen); err != nil {
		return err
	}
	if ctx.Err() != nil {
		r.options.into = "" // a page is not replaced by half a table
	}
	if err := r.show(os.Stdout); err != nil {
		return err
	}
	if n := r.failures(); n > 0 {
		return fmt.Errorf("%d rows failed: the table says why", n)
	}
	return ctx.Err()
}

// sourceTree finds the root of Forebay's source, above the working folder.
func sourceTree() (string, error) {
	folder, err := os.Getwd()
	for ; err == nil && folder != "/"; folder = filepath.Dir(folder) {
		if _, missing := os.Stat(filepath.Join(folder, "cmd", "forebay")); missing == nil {
			return folder, nil
		}
	}
	return "", errors.Join(errors.New("not in Forebay's source tree: start it as bench/peers/run"), err)
}

// measure installs all servers, then goes through them round by round.
func (r *report) measure(ctx context.Context, s *shop, chosen []server) error {
	ready, err := r.install(ctx, s, chosen)
	if err != nil {
		return err
	}
	r.Machine = machine()
	r.LoadBefore = loadAverage()
	order := rand.New(rand.NewPCG(r.options.seed, 0))
	for round := range r.options.rounds {
		order.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
		for _, v := range ready {
			if ctx.Err() != nil {
				break
			}
			say("round %d of %d: %s", round+1, r.options.rounds, v.name)
			err := v.enact(ctx, s, r.options.plan, r.todo, func(w work, m measurement, err error) { r.add(v, w, m, err) })
			if err != nil {
				say("  %v", err)
				r.fail(v, err)
			}
		}
	}
	r.LoadAfter = loadAverage()
	return nil
}

// install installs the servers, a few at a time, and returns those that are there.
func (r *report) install(ctx context.Context, s *shop, chosen []server) ([]server, error) {
	version, err := chosen[0].install(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("build forebay itself: %w", err)
	}
	r.enter(chosen[0], version)
	versions, failed := make([]string, len(chosen)), make([]error, len(chosen))
	var shared sync.Map // of servers that are installed into the same folder: a lock each
	var g errgroup.Group
	g.SetLimit(installsAtOnce)
	for i, v := range chosen[1:] {
		g.Go(func() error {
			say("install %s", v.name)
			base, _, _ := strings.Cut(v.name, ",")
			lock, _ := shared.LoadOrStore(base, new(sync.Mutex))
			lock.(*sync.Mutex).Lock()
			defer lock.(*sync.Mutex).Unlock()
			versions[i+1], failed[i+1] = v.install(ctx, s)
			return nil
		})
	}
	_ = g.Wait() // what failed is a row
	ready := chosen[:1:1]
	for i, v := range chosen {
		if i == 0 {
			continue
		}
		if failed[i] != nil {
			r.enter(v, "")
			say("%s is not installed: %v", v.name, failed[i])
			r.fail(v, fmt.Errorf("not installed: %w", failed[i]))
			continue
		}
		r.enter(v, versions[i])
		ready = append(ready, v)
	}
	return ready, nil
}

// say tells the person who waits.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// shellWord quotes a value as a shell needs it.
func shellWord(value string) string {
	if strings.ContainsAny(value, " '") {
		return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	return value
}
