package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/pool"
	where "github.com/forebay-mq/forebay/internal/target"
	"github.com/forebay-mq/forebay/worker"
)

// controllerFlags say which controller is meant.
type controllerFlags struct {
	endpoint string
	state    string
}

// flags gives cmd the flags that say which controller is meant.
func (f *controllerFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.endpoint, "controller", "", "URL of the controller (also FOREBAY_CONTROLLER; default: the one on this machine)")
	flags.StringVar(&f.state, "state", "", "state folder of a controller on this machine (default: that of pool run)")
}

// poolsCommand is how the commands for running pools were called before they were those of pool.
func (a *app) poolsCommand() *cobra.Command {
	f := &controllerFlags{}
	cmd := &cobra.Command{
		Use:   "pools",
		Short: "List pools, and see why they are as large as they are",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listPools(cmd, f) },
	}
	f.flags(cmd)
	cmd.AddCommand(a.poolCommands(f)...)
	return a.renamed(cmd, "forebay pool")
}

// poolCommands are the commands that ask a controller.
func (a *app) poolCommands(f *controllerFlags) []*cobra.Command {
	all := []*cobra.Command{
		{Use: "list", Aliases: []string{"ls"}, Short: "List pools", Args: exactly(0),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.listPools(cmd, f) }},
		{Use: "show NAME", Short: "Show a pool", Args: exactly(1),
			RunE: func(cmd *cobra.Command, args []string) error { return a.showPool(cmd, f, args[0]) }},
		a.poolsSetCommand(f),
		a.poolsChangeCommand(f, "drain", "Have all workers of a pool finish and leave, and start no more", pool.Change{Drained: new(true)}),
		a.poolsChangeCommand(f, "pause", "Have all workers of a pool take no more messages, but stay", pool.Change{Paused: new(true)}),
		a.poolsChangeCommand(f, "resume", "Go on after a drain or a pause", pool.Change{Drained: new(false), Paused: new(false)}),
		a.poolsWhyCommand(f),
	}
	for _, cmd := range all {
		f.flags(cmd)
		if strings.Contains(cmd.Use, "NAME") {
			cmd.ValidArgsFunction = f.completePool
		}
	}
	return all
}

// controller finds the URL of the controller.
func (f *controllerFlags) controller() (string, error) {
	endpoint := f.endpoint
	if endpoint == "" && f.state == "" {
		endpoint = os.Getenv("FOREBAY_CONTROLLER")
	}
	if endpoint == "" {
		folder, err := poolFolder(f.state)
		if err != nil {
			return "", err
		}
		noted, running := where.Running(folder)
		switch {
		case running:
			endpoint = noted
		case f.state != "" || standsBeside(folder):
			return "", noController("in " + folder)
		default:
			endpoint = "http://" + poolListen
		}
	}
	return strings.TrimRight(endpoint, "/"), checkEndpoint(endpoint)
}

// standsBeside reports whether folder is in the folder that the user stands in, who so means its controller alone.
func standsBeside(folder string) bool {
	here, err := filepath.Abs(filepath.Base(folder))
	if err != nil || here != folder {
		return false
	}
	info, err := os.Stat(folder)
	return err == nil && info.IsDir()
}

func noController(where string) error {
	return &failure{code: exitUnreachable, what: "no controller of pools runs " + where,
		hints: []string{"Start one:        forebay pool run FILE", "Use another one:  --controller URL, or --state FOLDER"}}
}

// ask calls the controller. The path begins behind /forebay/v1/pools.
func (f *controllerFlags) ask(ctx context.Context, method, path string, body, into any) error {
	endpoint, err := f.controller()
	if err != nil {
		return err
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, endpoint+"/forebay/v1/pools"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() == nil && unreachable(err) {
			return noController("at " + endpoint)
		}
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusOK {
		return json.Unmarshal(said, into)
	}
	var refusal pool.Refusal
	if json.Unmarshal(said, &refusal) != nil || refusal.Message == "" {
		return fail("%s answered %s: it is no controller of pools", endpoint, answer.Status)
	}
	codes := map[int]int{http.StatusNotFound: exitNotFound, http.StatusBadRequest: exitUsage, http.StatusForbidden: exitDenied}
	code, ok := codes[answer.StatusCode]
	if !ok {
		code = exitFailed
	}
	return &failure{code: code, what: refusal.Message}
}

// named calls the controller about one pool; where there is none of that name, it says which was probably meant.
func (f *controllerFlags) named(ctx context.Context, method, name, path string, body, into any) error {
	err := f.ask(ctx, method, "/"+url.PathEscape(name)+path, body, into)
	if bad, ok := errors.AsType[*failure](err); ok && bad.code == exitNotFound {
		var all []pool.Status
		if f.ask(ctx, http.MethodGet, "", nil, &all) == nil {
			names := make([]string, len(all))
			for i, s := range all {
				names[i] = s.Name
			}
			if best := config.Nearest(name, names); best != "" {
				bad.what += fmt.Sprintf(". Did you mean %q?", best)
			}
			bad.hints = []string{"List pools:  forebay pool list"}
		}
	}
	return err
}

func (a *app) listPools(cmd *cobra.Command, f *controllerFlags) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	var all []pool.Status
	if err := f.ask(ctx, http.MethodGet, "", nil, &all); err != nil {
		return err
	}
	found := listing{columns: []string{"POOL", "DESIRED", "UP", "STARTING", "STOPPING", "VISIBLE", "IN FLIGHT", "OLDEST", "OBJECTIVE", "STATE"}}
	for _, s := range all {
		found.rows = append(found.rows, row{name: s.Name, item: s, cells: []string{s.Name, strconv.Itoa(s.Desired), strconv.Itoa(s.Workers.Up),
			strconv.Itoa(s.Workers.Booting), strconv.Itoa(s.Workers.Draining), strconv.Itoa(s.Queue.Visible), strconv.Itoa(s.Queue.InFlight),
			oldestText(s), secondsText(s.Objective.Wait), stateOf(s)}})
	}
	return a.print(found)
}

func oldestText(s pool.Status) string {
	if s.Queue.Oldest == nil {
		return "-"
	}
	return secondsText(*s.Queue.Oldest)
}

func estimateText(s float64) string {
	if s == 0 {
		return "unknown time"
	}
	return secondsText(s)
}

func secondsText(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d > time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

// stateOf is how a pool is, in a word or two.
func stateOf(s pool.Status) string {
	switch {
	case !s.Leads:
		return "stands by"
	case s.Trouble != "":
		return "queue not observed"
	case s.Drained:
		return "drained"
	case s.Paused:
		return "paused"
	case !s.Objective.Reachable:
		return "objective unreachable"
	}
	return "ok"
}

func (a *app) showPool(cmd *cobra.Command, f *controllerFlags, name string) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	var s pool.Status
	if err := f.named(ctx, http.MethodGet, name, "", nil, &s); err != nil {
		return err
	}
	return a.printPool(s)
}

func (a *app) printPool(s pool.Status) error {
	if !a.text() {
		return a.print(listing{single: true, rows: []row{{name: s.Name, item: s}}})
	}
	l := listing{columns: []string{"POOL", s.Name}}
	add := func(name, format string, args ...any) {
		l.rows = append(l.rows, row{cells: []string{name, fmt.Sprintf(format, args...)}})
	}
	add("state", "%s", stateOf(s))
	add("workers", "%d desired: %d up, %d starting, %d stopping", s.Desired, s.Workers.Up, s.Workers.Booting, s.Workers.Draining)
	add("reason", "%s", s.Reason)
	if s.Objective.Unreachable != "" {
		add("objective", "%s: %s", secondsText(s.Objective.Wait), s.Objective.Unreachable)
	} else {
		add("objective", "%s", secondsText(s.Objective.Wait))
	}
	add("queues", "%s", strings.Join(s.Queues, ", "))
	add("messages", "%d visible, %d in flight, %d delayed; the oldest waits %s", s.Queue.Visible, s.Queue.InFlight, s.Queue.Delayed, oldestText(s))
	add("estimates", "%s a message, %s to boot", estimateText(s.Estimates.Service), estimateText(s.Estimates.Boot))
	add("settings", "policy %s, min %d, max %d, slots %d, budget %g at %g a worker", s.Settings.Policy, s.Settings.Min, s.Settings.Max,
		s.Settings.Slots, s.Settings.Budget, s.Settings.Price)
	add("so far", "%d started, %d ended, %d starts that came to nothing, %s of workers", s.Totals.Started, s.Totals.Ended, s.Totals.FailedStarts,
		secondsText(s.Totals.WorkerSeconds))
	for reason, wasted := range s.Totals.Wasted {
		add("lost", "%s: %s", secondsText(wasted), strings.ReplaceAll(reason, "_", " "))
	}
	if s.Trouble != "" {
		add("trouble", "%s", s.Trouble)
	}
	return a.print(l)
}

func (a *app) poolsSetCommand(f *controllerFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME KEY=VALUE…",
		Short: "Change the settings of a pool until its controller ends",
		Long: "Change the settings of a pool until its controller ends: wait, min, max, budget, price, policy. To keep them, write\n" +
			"them in the controller's file.\n\n" +
			"Workers that take commands can be given new settings of their own: concurrency, prefetch, time_limit, grace,\n" +
			"idle_time. Those that start later are told, too.",
		Args: between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := parseChange(args[1:])
			if err != nil {
				return err
			}
			return a.changePool(cmd, f, args[0], change)
		},
	}
}

func (a *app) changePool(cmd *cobra.Command, f *controllerFlags, name string, change pool.Change) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	var s pool.Status
	if err := f.named(ctx, http.MethodPost, name, "", change, &s); err != nil {
		return err
	}
	return a.printPool(s)
}

// parseChange reads KEY=VALUE pairs.
func parseChange(pairs []string) (pool.Change, error) {
	var p config.Pool
	var change pool.Change
	fields := map[string]func(){
		"wait": func() { change.Wait = new(p.Wait.Seconds()) }, "min": func() { change.Min = &p.Min }, "max": func() { change.Max = &p.Max },
		"budget": func() { change.Budget = &p.Budget }, "price": func() { change.Price = &p.Price }, "policy": func() { change.Policy = &p.Policy },
	}
	known := []string{"wait", "min", "max", "budget", "price", "policy"}
	own := workerKeys()
	given := map[string]bool{}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok {
			return change, usage("%q is not KEY=VALUE, like max=20", pair)
		}
		if given[name] {
			return change, usage("%s is given twice: give it once", name)
		}
		given[name] = true
		if set, ok := own[name]; ok {
			if change.Worker == nil {
				change.Worker = new(worker.Change)
			}
			if err := set(change.Worker, text); err != nil {
				return change, usage("%s: %v", name, err)
			}
			continue
		}
		take, ok := fields[name]
		if !ok {
			known = append(known, slices.Sorted(maps.Keys(own))...)
			what := fmt.Sprintf("%q cannot be changed while the pool runs; %s can", name, strings.Join(known, ", "))
			if best := config.Nearest(name, known); best != "" {
				what += fmt.Sprintf(". Did you mean %q?", best)
			}
			return change, usage("%s", what)
		}
		for _, k := range config.PoolKeys() {
			if k.Key != name {
				continue
			}
			if err := k.Set(&p, text); err != nil {
				return change, usage("%s: %v", name, err)
			}
		}
		take()
	}
	return change, nil
}

// workerKeys are the settings of workers that can be changed while they run.
func workerKeys() map[string]func(c *worker.Change, text string) error {
	number := func(field func(*worker.Change) **int) func(*worker.Change, string) error {
		return func(c *worker.Change, text string) error {
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("%q is not a whole number", text)
			}
			*field(c) = &n
			return nil
		}
	}
	span := func(field func(*worker.Change) **string) func(*worker.Change, string) error {
		return func(c *worker.Change, text string) error {
			d, err := config.Duration(text)
			if err != nil {
				return err
			}
			*field(c) = new(d.String())
			return nil
		}
	}
	return map[string]func(*worker.Change, string) error{
		"concurrency": number(func(c *worker.Change) **int { return &c.Concurrency }),
		"prefetch":    number(func(c *worker.Change) **int { return &c.Prefetch }),
		"time_limit":  span(func(c *worker.Change) **string { return &c.TimeLimit }),
		"grace":       span(func(c *worker.Change) **string { return &c.Grace }),
		"idle_time":   span(func(c *worker.Change) **string { return &c.IdleTime }),
	}
}

func (a *app) poolsChangeCommand(f *controllerFlags, name, short string, change pool.Change) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME", Short: short, Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changePool(cmd, f, args[0], change)
		},
	}
}

func (a *app) poolsWhyCommand(f *controllerFlags) *cobra.Command {
	var last int
	cmd := &cobra.Command{
		Use:   "why NAME",
		Short: "Show the last decisions of a pool, with their reasons",
		Long: "Show the last decisions of a pool, the latest last: what was seen, what was done, and why. -o json shows all inputs.\n" +
			"When no controller runs, the decisions come from its state folder.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if last < 1 || last > 1000 {
				return usage("--last: %d is not between 1 and 1000", last)
			}
			return a.why(cmd, f, args[0], last)
		},
	}
	cmd.Flags().IntVar(&last, "last", 20, "show so many decisions, 1 to 1000")
	return cmd
}

func (a *app) why(cmd *cobra.Command, f *controllerFlags, name string, last int) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	var all []pool.Decision
	err := f.named(ctx, http.MethodGet, name, "/decisions?last="+strconv.Itoa(last), nil, &all)
	if bad, ok := errors.AsType[*failure](err); ok && bad.code == exitUnreachable && f.endpoint == "" {
		folder, folderErr := poolFolder(f.state)
		if folderErr != nil {
			return folderErr
		}
		kept, readErr := pool.ReadDecisions(folder, name, last)
		if readErr == nil {
			all, err = kept, nil
		} else if !errors.Is(readErr, fs.ErrNotExist) {
			err = readErr
		}
	}
	if err != nil {
		return err
	}
	found := listing{columns: []string{"TIME", "ON", "DONE", "WORKERS", "WHY"}}
	for _, d := range all {
		found.rows = append(found.rows, row{name: d.At.Format(time.RFC3339), item: d, cells: []string{
			d.At.Local().Format(time.DateTime), d.Occasion, doneText(d), strconv.Itoa(d.Desired), whyText(d)}})
	}
	return a.print(found)
}

func doneText(d pool.Decision) string {
	switch {
	case d.Start > 0:
		return fmt.Sprintf("start %d", d.Start)
	case d.Stop > 0:
		return fmt.Sprintf("drain %d", d.Stop)
	}
	return "-"
}

func whyText(d pool.Decision) string {
	text := d.Why
	if d.Outcome != "" {
		text += "; but " + d.Outcome
	}
	if d.Repeats > 0 {
		text += fmt.Sprintf(" (and %s like it until %s)", plural(d.Repeats, "decision"), d.Until.Local().Format(time.TimeOnly))
	}
	return text
}
