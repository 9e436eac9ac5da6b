package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/pool"
	"github.com/forebay-mq/forebay/internal/pool/policy"
	"github.com/forebay-mq/forebay/internal/telemetry"
)

func (a *app) poolCommand() *cobra.Command {
	f := &controllerFlags{}
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "Run pools of workers that size themselves, and see why they are as large as they are",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listPools(cmd, f) },
	}
	f.flags(cmd)
	cmd.AddCommand(a.poolRunCommand())
	cmd.AddCommand(a.poolCommands(f)...)
	return cmd
}

// poolFlags are those of pool run.
type poolFlags struct {
	listen string
	state  string
	name   string
	given  map[string]*settingFlag // by key of config.PoolKeys
}

func (a *app) poolRunCommand() *cobra.Command {
	f := poolFlags{given: map[string]*settingFlag{}}
	cmd := &cobra.Command{
		Use:   "run [FILE] [flags] [-- WORKER ARGS…]",
		Short: "Run the pools of a file, or one that the flags describe",
		Long: "Watch queues, and start workers so that no message waits longer than asked. Workers leave by themselves when\n" +
			"they are idle; nobody is killed to shrink. Ctrl-C has all workers finish; a second one ends them.\n\n" +
			"    forebay pool run --queue orders --wait 30s --max 4 -- ./worker --idle {idle}\n" +
			"    forebay pool run pools.toml\n\n" +
			"In the arguments of the worker, {queue}, {queues}, {pool}, {worker}, {idle} and {commands} stand for the queue,\n" +
			"all queues, the pool, the worker's id, its idle time and the queue through which it takes commands. docs/pools.md explains the file and all settings.",
		Args: func(cmd *cobra.Command, args []string) error {
			if files := beforeDash(cmd, args); len(files) > 1 {
				return usage("%s takes no argument %q\n  Usage:  %s", cmd.CommandPath(), files[1], cmd.UseLine())
			}
			return nil
		},
	}
	a.targetFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "address to answer on, host:port (default "+poolListen+")")
	flags.StringVar(&f.state, "state", "", "folder for decisions and estimates (default: ./forebay-pools if it exists, ~/.local/state/forebay/pools)")
	flags.StringVar(&f.name, "name", "", "name of the pool (default: that of its queue)")
	for _, k := range config.PoolKeys() {
		if k.FileOnly {
			continue
		}
		f.given[k.Key] = &settingFlag{kind: "string"}
		flags.Var(f.given[k.Key], k.Flag(), k.Usage)
	}
	flags.Lookup("standby").NoOptDefVal, flags.Lookup("commands").NoOptDefVal = "true", "true"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := f.load(cmd, args)
		if err != nil {
			return err
		}
		return a.runPools(cmd.Context(), set)
	}
	return cmd
}

// beforeDash are the arguments that are not the worker's.
func beforeDash(cmd *cobra.Command, args []string) []string {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		return args[:n]
	}
	return args
}

// load reads the file or the flags.
func (f *poolFlags) load(cmd *cobra.Command, args []string) (*config.PoolFile, error) {
	files := beforeDash(cmd, args)
	worker := args[len(files):]
	if len(files) == 1 {
		for key := range f.given {
			if flag := (config.PoolKey{Key: key}).Flag(); cmd.Flags().Changed(flag) {
				return nil, usage("--%s: the pools of %s have settings of their own; write %s there", flag, files[0], key)
			}
		}
		if len(worker) > 0 || f.name != "" {
			return nil, usage("a worker and a name are for a pool without a file; write command and [pools.NAME] in %s", files[0])
		}
		found, err := config.LoadPools(files[0])
		if err != nil {
			return nil, fileFailure(err)
		}
		found.Listen, found.State = cmp.Or(f.listen, found.Listen, poolListen), cmp.Or(f.state, found.State)
		return found, nil
	}
	var p config.Pool
	for _, k := range config.PoolKeys() {
		if k.FileOnly || !cmd.Flags().Changed(k.Flag()) {
			continue
		}
		if err := k.Set(&p, f.given[k.Key].text); err != nil {
			return nil, usage("--%s: %v", k.Flag(), err)
		}
	}
	p.Command = worker
	if len(p.Queues) == 0 {
		return nil, &failure{code: exitUsage, what: "which pool? Name a file, or a queue and a worker",
			hints: []string{"forebay pool run --queue orders --wait 30s --max 4 -- ./worker --idle {idle}"}}
	}
	p.Name = cmp.Or(f.name, strings.ReplaceAll(nameOf(p.Queues[0]), ".", "-"))
	return &config.PoolFile{Listen: cmp.Or(f.listen, poolListen), State: f.state, Pools: []config.Pool{p}}, nil
}

// fileFailure shows an error of a configuration file with its lines.
func fileFailure(err error) error {
	what, hints, _ := strings.Cut(err.Error(), "\n")
	f := &failure{code: exitUsage, what: what, err: err}
	for line := range strings.Lines(hints) {
		f.hints = append(f.hints, strings.TrimPrefix(strings.TrimRight(line, "\n"), "  "))
	}
	return f
}

// The usual settings of a pool.
const (
	poolWait = "30s"
	poolMax  = 10
)

// settingsOf turns a section into the settings of a pool.
func settingsOf(p config.Pool) pool.Settings {
	return pool.Settings{Name: p.Name, Queues: p.Queues, Policy: p.Policy, Boot: p.Boot, Service: p.Service, Every: p.Every,
		Size: policy.Pool{Wait: p.Wait, Min: p.Min, Max: p.Max, Slots: p.Slots, Budget: p.Budget, Price: p.Price}}
}

// wrongPool words what is wrong with a pool: by line and key when it is in a file, else by flag.
func wrongPool(file *config.PoolFile, p config.Pool, err error) error {
	key := ""
	if bad, ok := errors.AsType[*pool.SettingError](err); ok {
		key = bad.Key
	} else if before, _, ok := strings.Cut(err.Error(), ":"); ok {
		key = before
	}
	if file.InFile() {
		return fileFailure(file.Wrong(p.Name, key, err.Error()))
	}
	if key == "command" { // it has no flag: it is what follows --
		return usage("--%s\n  The command is what follows --: a program by its path, such as ./worker, or by a name in PATH.", err.Error())
	}
	return usage("--%s", err.Error())
}

// runPools runs controllers until a signal ends them.
func (a *app) runPools(ctx context.Context, file *config.PoolFile) error {
	log := telemetry.NewLogger(a.errs, telemetry.LogOptions{Format: "auto", Level: logLevel("info"), Terminal: terminal(a.errs)})
	state, err := poolState(file.State)
	if err != nil {
		return err
	}
	tightenState(state, log, []string{"endpoint"}, []string{".memo.json", ".memo.json.new", ".decisions.jsonl", ".decisions.jsonl.1"})
	c, err := a.connect()
	if err != nil {
		return err
	}
	house, err := a.furnish(ctx, c, file, state, log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", file.Listen)
	if err != nil {
		return errors.Join(listenFailure("forebay pool run --listen", file.Listen, err), house.abandon())
	}
	endpoint := endpointOf(listener.Addr(), false)
	signals, ignore := stops() // before anybody is told where it is, and so could end it
	defer ignore()
	leave := announce(state, "", endpoint, log)
	defer leave()
	if !a.quiet {
		for _, p := range house.pools {
			fmt.Fprintf(a.out, "pool %s on %s\n", p.Name(), endpoint+"/forebay/v1/pools/"+p.Name())
		}
		fmt.Fprintf(a.out, "See:   forebay pool list%s\nWhy:   forebay pool why %s%s\n", stateFlag(file.State), house.pools[0].Name(), stateFlag(file.State))
	}
	notify("READY=1", log)

	// The first signal has workers finish, the second ends them.
	running, stop := context.WithCancel(ctx)
	defer stop()
	grace, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	go func() {
		for _, act := range []func(){stop, end} {
			select {
			case got := <-signals:
				log.Info("stopping", "signal", got.String())
				act()
			case <-grace.Done():
				return
			}
		}
	}()
	return house.run(running, grace, listener)
}

func stateFlag(state string) string {
	if state == "" {
		return ""
	}
	if full, err := filepath.Abs(state); err == nil {
		state = full // so that it can be copied into a terminal that stands elsewhere
	}
	return " --state " + quoteSh(state)
}

// poolState is the state folder of a controller, made if it is missing.
func poolState(given string) (string, error) {
	folder, err := poolFolder(given)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", &failure{code: exitFailed, what: fmt.Sprintf("the state folder cannot be made: %v", err), hints: []string{"Use another one:  --state FOLDER"}}
	}
	return folder, nil
}

// poolFolder is where a controller on this machine keeps its state, whether or not there is one.
func poolFolder(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	return config.UserFolder("pools", "forebay-pools", os.LookupEnv)
}
