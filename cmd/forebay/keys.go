package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		Aliases: []string{"key"},
		Short:   "List and manage access keys",
		Long: "List and manage the access keys of the server whose data folder is on this machine (--data).\n" +
			"A running server notices changes within a second or two.",
		Args: noSuchCommand,
		RunE: func(*cobra.Command, []string) error { return a.listKeys() },
	}
	cmd.PersistentFlags().StringVar(&a.target.data, "data", "", "data folder of the server (also FOREBAY_DATA)")
	list := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List access keys; secrets are not shown", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error { return a.listKeys() },
	}
	remove := &cobra.Command{
		Use: "delete NAME", Aliases: []string{"rm"}, Short: "Delete an access key for good", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := a.target.folder()
			if err != nil {
				return err
			}
			question := fmt.Sprintf("This deletes key %s of the server in %s; whoever uses it is refused from then on.", args[0], folder)
			return a.changeKey(args[0], "deleted key "+args[0], question, (*access.Keys).Delete)
		},
	}
	a.destroyFlags(remove, nil)
	cmd.AddCommand(list, a.keysCreateCommand(), remove,
		&cobra.Command{
			Use: "disable NAME", Short: "Refuse an access key until it is enabled again", Args: exactly(1),
			RunE: func(_ *cobra.Command, args []string) error {
				return a.changeKey(args[0], "disabled key "+args[0], "", (*access.Keys).Disable)
			},
		},
		&cobra.Command{
			Use: "enable NAME", Short: "Accept a disabled access key again", Args: exactly(1),
			RunE: func(_ *cobra.Command, args []string) error {
				return a.changeKey(args[0], "enabled key "+args[0], "", (*access.Keys).Enable)
			},
		})
	return cmd
}

// keys opens the keys file of the data folder. It makes none: that is for the server, at its first start.
func (a *app) keys() (*access.Keys, error) {
	folder, err := a.target.folder()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, keysFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, &failure{code: exitNotFound, what: "there are no keys in " + folder, hints: []string{
			"The first start of a server makes them:  forebay serve",
			"Or name its data folder:                 --data FOLDER"}}
	}
	keys, _, err := access.OpenKeys(path)
	return keys, err
}

// keyItem is a key in a list.
type keyItem struct {
	Name     string        `json:"name"`
	ID       string        `json:"AccessKeyId"`
	Secret   string        `json:"SecretAccessKey,omitempty"` // of a new key only
	Account  string        `json:"account,omitempty"`
	Grants   []queue.Grant `json:"grants,omitempty"`
	Disabled bool          `json:"disabled"`
	Created  time.Time     `json:"created"`
}

func (a *app) listKeys() error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	l := listing{columns: []string{"NAME", "ACCESS KEY ID", "STATE", "MAY", "CREATED"}}
	for _, k := range keys.List() {
		state := "enabled"
		if k.Disabled {
			state = "disabled"
		}
		l.rows = append(l.rows, row{
			name:  k.Name,
			cells: []string{k.Name, k.ID, state, grantsText(&k), k.Created.Format(time.DateOnly)},
			item:  keyItem{Name: k.Name, ID: k.ID, Account: k.Account, Grants: k.Grants, Disabled: k.Disabled, Created: k.Created},
		})
	}
	return a.print(l)
}

// grantsText says what a key may do.
func grantsText(k *access.Key) string {
	if k.Root() {
		return "everything"
	}
	if len(k.Grants) == 0 {
		return "what queue policies allow"
	}
	var parts []string
	for _, g := range k.Grants {
		parts = append(parts, string(g.Kind)+" "+g.Queues)
	}
	return strings.Join(parts, ", ")
}

func (a *app) keysCreateCommand() *cobra.Command {
	var account string
	allowed := map[queue.GrantKind]*[]string{}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an access key; its secret is shown this once",
		Long: "Create an access key; its secret is shown this once.\n\n" +
			"    forebay keys create web --send orders\n" +
			"    forebay keys create worker --receive 'orders*' --send results\n" +
			"    forebay keys create admin --full '*'\n\n" +
			"Without --send, --receive and --full the key may do only what the policies of queues allow it.",
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := a.keys()
			if err != nil {
				return err
			}
			opts := access.KeyOptions{Account: account}
			for _, kind := range grantKinds {
				for _, pattern := range *allowed[kind] {
					opts.Grants = append(opts.Grants, queue.Grant{Kind: kind, Queues: pattern})
				}
			}
			if err := a.seen("the secret of the key would be lost", "No key was created. Write it to a file that only you can read."); err != nil {
				return err
			}
			k, err := keys.Create(args[0], opts)
			if err != nil {
				return keyFailure(err, args[0])
			}
			if err := a.showNewKey(&k); err != nil {
				return errors.Join(&failure{code: exitFailed, what: "the secret could not be written, so no key was created: " + cause(err), err: err},
					keys.Delete(k.Name))
			}
			a.remark("created key %s. Keep the secret: it is not shown again.", k.Name)
			return nil
		},
	}
	flags := cmd.Flags()
	allowed[queue.GrantSend] = flags.StringSlice("send", nil, "queues it may send to, with * for any letters")
	allowed[queue.GrantReceive] = flags.StringSlice("receive", nil, "queues it may receive and delete from")
	allowed[queue.GrantFull] = flags.StringSlice("full", nil, "queues it may do everything with")
	flags.StringVar(&account, "account", "", "account of the key, 12 digits (default: the server's)")
	return cmd
}

// showNewKey prints a key with its secret, and returns nil when it has surely been written: there is no second time.
func (a *app) showNewKey(k *access.Key) error {
	if !a.text() {
		item := keyItem{Name: k.Name, ID: k.ID, Secret: k.Secret.Reveal(), Account: k.Account, Grants: k.Grants, Created: k.Created}
		if err := a.print(listing{single: true, rows: []row{{name: k.Name, item: item}}}); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(a.out, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", k.ID, k.Secret.Reveal()); err != nil {
		return err
	}
	return a.out.arrived()
}

// grantKinds are the kinds of grants, in the order in which they are written.
var grantKinds = []queue.GrantKind{queue.GrantSend, queue.GrantReceive, queue.GrantFull}

// changeKey changes one key, after a question if there is one.
func (a *app) changeKey(name, words, question string, change func(*access.Keys, string) error) error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	if question != "" {
		if err := a.confirm(question, "forebay keys delete "+name+a.sameServer()); err != nil {
			return err
		}
	}
	if err := change(keys, name); err != nil {
		return keyFailure(err, name)
	}
	folder, err := a.target.folder()
	if err != nil {
		return err
	}
	return a.done(words+" of the server in "+folder, name, map[string]string{"name": name})
}

func keyFailure(err error, name string) error {
	switch {
	case errors.Is(err, access.ErrKeyMissing):
		return &failure{code: exitNotFound, what: fmt.Sprintf("no key named %q", name), hints: []string{"List keys:  forebay keys"}, err: err}
	case errors.Is(err, access.ErrKeyExists):
		return &failure{code: exitConflict, what: fmt.Sprintf("there is a key named %q already", name),
			hints: []string{"Delete it first:  forebay keys delete " + name}, err: err}
	}
	return &failure{code: exitUsage, what: err.Error(), err: err}
}
