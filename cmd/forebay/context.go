package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	where "github.com/forebay-mq/forebay/internal/target"
)

func (a *app) contextCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "context",
		Aliases: []string{"contexts"},
		Short:   "Give servers names, and choose the one that commands speak to",
		Long: "Give servers names, and choose the one that commands speak to, in whatever folder you stand.\n\n" +
			"    forebay context add prod --endpoint https://queues.example.com    with the key that is in the environment\n" +
			"    forebay context add drill --data /srv/drill                       address and key are in the folder\n" +
			"    forebay context use prod                                          for all commands from now on\n" +
			"    forebay queues --context drill                                    for one command\n" +
			"    FOREBAY_CONTEXT=drill forebay queues                              for a shell, a service, a script\n\n" +
			"A server of yours that runs on this machine has a name by itself, from its folder. Flags and the environment go\n" +
			"before the context in use; docs/operations.md has the whole order.",
		Args: noSuchCommand,
		RunE: func(*cobra.Command, []string) error { return a.listContexts() },
	}
	cmd.AddCommand(
		&cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List contexts and servers that run here; secrets are not shown", Args: exactly(0),
			RunE: func(*cobra.Command, []string) error { return a.listContexts() }},
		a.contextAddCommand(), a.contextUseCommand(),
		&cobra.Command{Use: "remove NAME", Aliases: []string{"rm", "delete"}, Short: "Forget a context; its server and data stay", Args: exactly(1),
			ValidArgsFunction: completeContexts,
			RunE:              func(_ *cobra.Command, args []string) error { return a.removeContext(args[0]) }},
	)
	return cmd
}

// contexts reads the user's contexts, and returns the folder that they are in.
func contexts() (where.Contexts, string, error) {
	folder := config.SettingsFolder(os.LookupEnv)
	all, err := where.LoadContexts(folder)
	return all, folder, targetFailure(err)
}

// contextItem is a context in a list.
type contextItem struct {
	Name     string `json:"name"`
	Current  bool   `json:"current"`
	Endpoint string `json:"endpoint,omitempty"` // of one with a folder: while its server runs
	Data     string `json:"data,omitempty"`
	KeyID    string `json:"AccessKeyId,omitempty"` // of one with an address
	State    string `json:"state"`                 // running, stopped, or remote for one with an address
	Added    bool   `json:"added"`                 // false: it is listed since the server runs
}

func (a *app) listContexts() error {
	all, _, err := contexts()
	if err != nil {
		return err
	}
	var items []contextItem
	for _, name := range slices.Sorted(maps.Keys(all.Contexts)) {
		c := all.Contexts[name]
		item := contextItem{Name: name, Current: name == all.Current, Endpoint: c.Endpoint, Data: c.Data, KeyID: c.KeyID, State: "remote", Added: true}
		if c.Endpoint == "" {
			endpoint, running := where.Running(c.Data)
			item.State = "stopped"
			if running {
				item.Endpoint, item.State = endpoint, "running"
			}
		}
		items = append(items, item)
	}
	for _, s := range where.Servers(config.StateFolder(os.LookupEnv)) {
		named := slices.ContainsFunc(items, func(i contextItem) bool { return i.Data == s.Data || i.Name == s.Name })
		if !named {
			items = append(items, contextItem{Name: s.Name, Endpoint: s.Endpoint, Data: s.Data, State: "running"})
		}
	}
	l := listing{columns: []string{"CONTEXT", "IN USE", "ENDPOINT", "STATE", "DATA"}}
	for _, i := range items {
		use := "-"
		if i.Current {
			use = "yes"
		}
		l.rows = append(l.rows, row{name: i.Name, item: i, cells: []string{i.Name, use, orDash(i.Endpoint), i.State, orDash(i.Data)}})
	}
	if len(items) == 0 && a.text() {
		a.remark("no contexts, and no server of yours runs here. Add one:  forebay context add NAME --endpoint URL")
		return nil
	}
	return a.print(l)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (a *app) contextAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Keep a server under a name, with its key",
		Long: "Keep a server under a name, with its key. Which server: that of --endpoint or --data, or else the one that any\n" +
			"command would speak to now. Of a data folder only the path is kept; its server may be restarted elsewhere and\n" +
			"change its key. The key for an address is the one that stands beside it in the environment: secrets have no flag.\n\n" +
			"    eval \"$(forebay env)\"; forebay context add here\n" +
			"    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… forebay context add prod --endpoint https://queues.example.com",
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.addContext(args[0]) },
	}
	a.targetFlags(cmd)
	return cmd
}

func (a *app) addContext(name string) error {
	if err := where.CheckContextName(name); err != nil {
		return targetFailure(err)
	}
	all, folder, err := contexts()
	if err != nil {
		return err
	}
	c, err := a.target.asContext()
	if err != nil {
		return err
	}
	words := "added context " + name
	if before, ok := all.Contexts[name]; ok {
		words = "changed context " + name
		if before == c {
			words = "context " + name + " is there already, and is the same; nothing has changed"
		}
	}
	all.Contexts[name] = c
	if err := all.Save(folder); err != nil {
		return targetFailure(err)
	}
	about := c.Endpoint
	if about == "" {
		about = "the server in " + c.Data
	}
	a.remark("Use it:  forebay context use %s, or --context %[1]s", name)
	return a.done(words+": "+about, name, contextItem{Name: name, Current: all.Current == name, Endpoint: c.Endpoint, Data: c.Data, KeyID: c.KeyID, Added: true})
}

// asContext makes a context of the server that flags, or all the rest, name.
func (t target) asContext() (where.Context, error) {
	c := where.Context{Region: t.region}
	var err error
	if t.caFile != "" {
		if c.CAFile, err = filepath.Abs(t.caFile); err != nil {
			return c, err
		}
	}
	if t.data != "" && t.endpoint == "" { // it need not run
		c.Data, err = filepath.Abs(t.data)
		if info, statErr := os.Stat(c.Data); err == nil && (statErr != nil || !info.IsDir()) {
			return c, &failure{code: exitNotFound, what: "there is no folder " + c.Data, hints: []string{"Start a server there:  forebay serve --data " + quoteSh(c.Data)}}
		}
		return c, err
	}
	if err := t.resolve(); err != nil {
		return c, err
	}
	if t.found.Data != "" && t.found.KeySource != "FOREBAY_ACCESS_KEY_ID" && t.found.KeySource != "AWS_ACCESS_KEY_ID" {
		if endpoint, running := where.Running(t.found.Data); running && endpoint == t.endpoint {
			c.Data = t.found.Data
			return c, nil
		}
	}
	c.Endpoint = t.endpoint
	if t.found.KeySource != "" {
		c.KeyID, c.Secret, c.Token = t.found.Key.ID, t.found.Key.Secret, t.found.Key.Token
	}
	if c.CAFile == "" && t.caFile != "" && os.Getenv("AWS_CA_BUNDLE") != t.caFile {
		c.CAFile, err = filepath.Abs(t.caFile)
	}
	return c, err
}

func (a *app) contextUseCommand() *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:   "use NAME",
		Short: "Choose the server that commands speak to where nothing else is said",
		Long: "Choose the server that commands speak to where neither flags nor the environment say otherwise. With --none no\n" +
			"context is in use: the data folder at hand counts again.",
		Args: func(cmd *cobra.Command, args []string) error {
			if none {
				return exactly(0)(cmd, args)
			}
			return exactly(1)(cmd, args)
		},
		ValidArgsFunction: completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			if none {
				return a.useContext("")
			}
			return a.useContext(args[0])
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, "use no context")
	return cmd
}

// useContext makes a context the current one. A server that only runs here is kept under its name from then on.
func (a *app) useContext(name string) error {
	all, folder, err := contexts()
	if err != nil {
		return err
	}
	c, ok := all.Contexts[name]
	if !ok && name != "" {
		servers := where.Servers(config.StateFolder(os.LookupEnv))
		i := slices.IndexFunc(servers, func(s where.Server) bool { return s.Name == name })
		if i < 0 {
			return noContext(name, all)
		}
		c = where.Context{Data: servers[i].Data}
		all.Contexts[name] = c
	}
	all.Current = name
	if err := all.Save(folder); err != nil {
		return targetFailure(err)
	}
	if name == "" {
		return a.done("no context is in use", "", map[string]string{"name": ""})
	}
	for _, variable := range []string{"FOREBAY_CONTEXT", "FOREBAY_DATA", "FOREBAY_ENDPOINT", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"} {
		if os.Getenv(variable) != "" {
			a.remark("%s is set in this shell, and goes before it:  unset %[1]s", variable)
		}
	}
	about := c.Endpoint
	if about == "" {
		about = "the server in " + c.Data
	}
	return a.done(fmt.Sprintf("using context %s: %s", name, about), name, contextItem{Name: name, Current: true, Endpoint: c.Endpoint, Data: c.Data, Added: true})
}

func (a *app) removeContext(name string) error {
	all, folder, err := contexts()
	if err != nil {
		return err
	}
	if _, ok := all.Contexts[name]; !ok {
		return noContext(name, all)
	}
	delete(all.Contexts, name)
	words := "removed context " + name
	if all.Current == name {
		all.Current = ""
		words += "; none is in use now"
	}
	if err := all.Save(folder); err != nil {
		return targetFailure(err)
	}
	return a.done(words, name, map[string]string{"name": name})
}

func noContext(name string, all where.Contexts) error {
	f := &failure{code: exitNotFound, what: fmt.Sprintf("there is no context %q", name), hints: []string{"List contexts:  forebay context ls"}}
	if best := config.Nearest(name, slices.Sorted(maps.Keys(all.Contexts))); best != "" {
		f.what += fmt.Sprintf(". Did you mean %q?", best)
	}
	return f
}

// contextNames are the names that --context takes.
func contextNames() []string {
	all, _, err := contexts()
	if err != nil {
		return nil
	}
	names := slices.Collect(maps.Keys(all.Contexts))
	for _, s := range where.Servers(config.StateFolder(os.LookupEnv)) {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func completeContext(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return contextNames(), cobra.ShellCompDirectiveNoFileComp
}

// completeContexts offers names for the first argument.
func completeContexts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return contextNames(), cobra.ShellCompDirectiveNoFileComp
}
