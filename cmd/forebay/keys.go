package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/server"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		Aliases: []string{"key"},
		Short:   "List and manage access keys",
		Long: "List and manage access keys: of the server whose data folder is on this machine (--data), or of the one\n" +
			"at --endpoint, with an admin's key. What is changed holds at once. While no server runs on the folder, its\n" +
			"file of keys is changed; so whoever can write there can always get in again:\n\n" +
			"    forebay keys enable root --data FOLDER     (or rotate root, or create root)",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listKeys(cmd) },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.target.data, "data", "", "data folder of the server (also FOREBAY_DATA)")
	flags.StringVar(&a.target.endpoint, "endpoint", "", "URL of the server, instead of a data folder on this machine")
	flags.StringVar(&a.target.region, "region", "", "region to sign for, with --endpoint (also FOREBAY_REGION, AWS_REGION)")
	list := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List access keys; secrets are not shown", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listKeys(cmd) },
	}
	remove := &cobra.Command{
		Use: "delete NAME", Aliases: []string{"rm"}, Short: "Delete an access key for good", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			question := fmt.Sprintf("This deletes key %s%s; whoever uses it is refused from then on, and dead letters of queues "+
				"whose redrive it has set up stay where they are.", args[0], a.keysAt())
			return a.changeKey(cmd, args[0], "deleted", question, keyStore.remove)
		},
	}
	a.destroyFlags(remove, nil)
	cmd.AddCommand(list, a.keysCreateCommand(), a.keysChangeCommand(), a.keysRotateCommand(), remove,
		a.keysSwitchCommand("disable", "disabled", "Refuse an access key until it is enabled again", true),
		a.keysSwitchCommand("enable", "enabled", "Accept a disabled access key again", false))
	return cmd
}

func (a *app) keysSwitchCommand(verb, done, short string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeKey(cmd, args[0], done, "", func(keys keyStore, ctx context.Context, name string) error {
				return keys.change(ctx, name, server.KeyPatch{Disabled: &disabled})
			})
		},
	}
}

func (a *app) listKeys(cmd *cobra.Command) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	keys, err := a.keys()
	if err != nil {
		return err
	}
	all, err := keys.list(ctx)
	if err != nil {
		return keyFailure(err, "")
	}
	l := listing{columns: []string{"NAME", "ACCESS KEY ID", "STATE", "MAY", "CREATED", "EXPIRES", "LAST USED"}}
	for _, k := range all {
		l.rows = append(l.rows, row{name: k.Name, item: k, cells: []string{
			k.Name, k.ID, stateOfKey(&k), grantsText(&k), k.Created.Format(time.DateOnly), momentText(k.Expires), momentText(k.LastUsed)}})
	}
	return a.print(l)
}

func stateOfKey(k *access.Shown) string {
	switch {
	case k.Disabled:
		return "disabled"
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		return "expired"
	}
	return "enabled"
}

// momentText writes a moment of UTC to the minute.
func momentText(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04Z")
}

// grantsText says what a key may do, and how much.
func grantsText(k *access.Shown) string {
	var parts []string
	for _, g := range k.Grants {
		parts = append(parts, string(g.Kind)+" "+g.Queues)
	}
	switch {
	case k.Admin:
		parts = []string{"everything"}
	case len(parts) == 0:
		parts = []string{"what queue policies allow"}
	}
	for _, limit := range []struct {
		n    int64
		what string
	}{{int64(k.Limits.Rate), "requests/s"}, {k.Limits.MessagesDay, "messages/day"}, {k.Limits.BytesDay, "bytes/day"}} {
		if limit.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", limit.n, limit.what))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *app) keysCreateCommand() *cobra.Command {
	var in server.KeyRequest
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an access key; its secret is shown this once",
		Long: "Create an access key; its secret is shown this once.\n\n" +
			"    forebay keys create web --send orders --rate 100\n" +
			"    forebay keys create worker --receive 'orders*' --send results\n" +
			"    forebay keys create deploy --full '*' --expires 12h\n" +
			"    forebay keys create alice --admin\n\n" +
			"Without --send, --receive and --full the key may do only what the policies of queues allow it. An admin may\n" +
			"do everything, as root, and manage keys.",
		Args: exactly(1),
	}
	flags := newKeyFlags(cmd)
	cmd.Flags().StringVar(&in.Account, "account", "", "account of the key, 12 digits (default: the server's)")
	cmd.Flags().BoolVar(&in.Admin, "admin", false, "it may do everything, and manage keys")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		limits, _, err := flags.limits(access.Limits{})
		if err != nil {
			return err
		}
		if in.Expires, err = flags.expiry(time.Now()); err != nil {
			return err
		}
		in.Name, in.Limits = args[0], &limits
		in.Grants, _ = flags.grants()
		return a.withKeys(cmd, in.Name, func(ctx context.Context, keys keyStore) error {
			if err := a.seen("the secret of the key would be lost", "No key was created. Write it to a file that only you can read."); err != nil {
				return err
			}
			made, err := keys.create(ctx, in)
			if err != nil {
				return err
			}
			if err := a.showSecret(made, "created key %s. Keep the secret: it is not shown again."); err != nil {
				return errors.Join(&failure{code: exitFailed, what: "the secret could not be written, so no key was created: " + cause(err), err: err},
					keys.remove(ctx, in.Name))
			}
			return nil
		})
	}
	return cmd
}

func (a *app) keysChangeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "change NAME",
		Short: "Change what an access key may do; it keeps its secret",
		Long: "Change what an access key may do; it keeps its secret.\n\n" +
			"    forebay keys change web --rate 200 --messages-per-day 1000000\n" +
			"    forebay keys change worker --receive 'orders*' --receive 'bills*'\n" +
			"    forebay keys change deploy --expires 30d\n\n" +
			"What no flag speaks of stays as it is. --send, --receive and --full together replace what the key may do.",
		Args: exactly(1),
	}
	flags := newKeyFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var in server.KeyPatch
		var err error
		if in.Expires, err = flags.expiry(time.Now()); err != nil {
			return err
		}
		if grants, given := flags.grants(); given {
			in.Grants = &grants
		}
		return a.withKeys(cmd, args[0], func(ctx context.Context, keys keyStore) error {
			all, err := keys.list(ctx)
			if err != nil {
				return err
			}
			var now access.Limits
			for _, k := range all {
				if k.Name == args[0] {
					now = k.Limits
				}
			}
			limits, given, err := flags.limits(now)
			if err != nil {
				return err
			}
			if given {
				in.Limits = &limits
			}
			if in == (server.KeyPatch{}) {
				return usage("nothing to change: give at least one flag, see forebay keys change --help")
			}
			if err := keys.change(ctx, args[0], in); err != nil {
				return err
			}
			return a.done("changed key "+args[0], args[0], map[string]string{"name": args[0]})
		})
	}
	return cmd
}

func (a *app) keysRotateCommand() *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Give an access key a new id and secret, shown this once",
		Long: "Give an access key a new id and secret, shown this once. The old pair is refused at once; with --overlap\n" +
			"it is accepted for as long as that still, so that programs can be given the new one without a gap.\n\n" +
			"    forebay keys rotate web --overlap 24h\n" +
			"    forebay keys rotate root",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd, args[0], func(ctx context.Context, keys keyStore) error {
				if err := a.seen("the new secret of the key would be lost", "The key was not rotated. Write it to a file that only you can read."); err != nil {
					return err
				}
				made, err := keys.rotate(ctx, args[0], overlap)
				if err != nil {
					return err
				}
				words := "rotated key %s; the old pair is refused now. Keep the secret: it is not shown again."
				if overlap > 0 {
					words = "rotated key %s; the old pair is accepted until " + momentText(time.Now().Add(overlap)) +
						". Keep the secret: it is not shown again."
				}
				if err := a.showSecret(made, words); err != nil {
					return &failure{code: exitFailed, what: "key " + args[0] + " was rotated, and its new secret could not be written: " + cause(err), err: err,
						hints: []string{"Rotate it once more:  forebay keys rotate " + args[0] + a.sameServer()}}
				}
				return nil
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 0, "how long the old pair is accepted still")
	return cmd
}

// showSecret prints a new pair, the only time that it can be seen.
func (a *app) showSecret(k access.Shown, words string) error {
	if !a.text() {
		return a.print(listing{single: true, rows: []row{{name: k.Name, item: k}}})
	}
	if _, err := fmt.Fprintf(a.out, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", k.ID, k.Secret); err != nil {
		return err
	}
	a.remark(words, k.Name)
	return a.out.arrived()
}

// grantKinds are the kinds of grants, in the order in which they are written.
var grantKinds = []queue.GrantKind{queue.GrantSend, queue.GrantReceive, queue.GrantFull}

// withKeys does something with the keys. name is the key concerned.
func (a *app) withKeys(cmd *cobra.Command, name string, do func(context.Context, keyStore) error) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	keys, err := a.keys()
	if err != nil {
		return err
	}
	err = do(ctx, keys)
	if err == nil || a.out.arrived() != nil { // what could not be written is no fault of a key
		return err
	}
	return keyFailure(err, name)
}

// changeKey changes one key, after a question if there is one.
func (a *app) changeKey(cmd *cobra.Command, name, done, question string, change func(keyStore, context.Context, string) error) error {
	return a.withKeys(cmd, name, func(ctx context.Context, keys keyStore) error {
		if question != "" {
			if err := a.confirm(question, "forebay keys delete "+name+a.sameServer()); err != nil {
				return err
			}
		}
		if err := change(keys, ctx, name); err != nil {
			return err
		}
		return a.done(done+" key "+name+a.keysAt(), name, map[string]string{"name": name})
	})
}

func keyFailure(err error, name string) error {
	known, ok := errors.AsType[*failure](err)
	api, said := errors.AsType[smithy.APIError](err)
	switch {
	case ok:
		return known
	case errors.Is(err, access.ErrKeyMissing):
		return &failure{code: exitNotFound, what: fmt.Sprintf("no key named %q", name), hints: []string{"List keys:  forebay keys"}, err: err}
	case errors.Is(err, access.ErrKeyExists):
		return &failure{code: exitConflict, what: fmt.Sprintf("there is a key named %q already", name),
			hints: []string{"Delete it first:  forebay keys delete " + name, "Or give it a new secret:  forebay keys rotate " + name}, err: err}
	case errors.Is(err, access.ErrLastAdmin):
		return &failure{code: exitUsage, what: err.Error(), hints: []string{"Make another admin first:  forebay keys create NAME --admin"}, err: err}
	case said:
		return apiFailure(api)
	}
	return &failure{code: exitUsage, what: err.Error(), err: err}
}
