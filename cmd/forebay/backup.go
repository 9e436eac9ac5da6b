package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/server"
)

func (a *app) backupCommand() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "backup DIRECTORY",
		Short: "Copy the data of a server, which goes on meanwhile",
		Long: "Copy the data of a server into DIRECTORY, on the server's machine; it must be missing or empty.\n" +
			"The server goes on meanwhile. The copy holds all that was acknowledged before, and the access keys:\n" +
			"keep it as safe as the data itself. With --offline the data folder of a stopped server is copied.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			directory, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if offline {
				return a.backupStopped(directory)
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			c, err := a.connect()
			if err != nil {
				return err
			}
			body, err := json.Marshal(server.BackupRequest{Directory: directory})
			if err != nil {
				return err
			}
			stopProgress := a.progress(func(elapsed time.Duration) string { return fmt.Sprintf("%3.0fs  the server copies", elapsed.Seconds()) })
			text, err := c.signed(ctx, http.MethodPost, "/forebay/v1/backup", body)
			stopProgress()
			if err != nil {
				return backupFailure(c.explain(ctx, "", err))
			}
			var made server.BackupReply
			if err := json.Unmarshal(text, &made); err != nil {
				return fail("%s does not know how to make a backup: it is no Forebay server", c.target.endpoint)
			}
			return a.backupMade(made, c.at())
		},
	}
	a.targetFlags(cmd)
	cmd.Flags().BoolVar(&offline, "offline", false, "the server is stopped: copy its data folder (--data)")
	return cmd
}

// backupFailure adds what helps to a refusal of the server.
func backupFailure(err error) error {
	f := asFailure(err)
	if f.code == exitUnreachable && unreachable(f.err) {
		f.hints = []string{"Start the server, or copy the folder of a stopped one:  forebay backup --offline DIRECTORY"}
	}
	if api, ok := errors.AsType[smithy.APIError](f.err); ok && (api.ErrorCode() == "DirectoryNotEmpty" || api.ErrorCode() == "InMemory") {
		f.code = exitConflict
	}
	return f
}

func (a *app) backupStopped(directory string) error {
	folder, err := a.target.folder()
	if err != nil {
		return err
	}
	made, err := server.BackupStopped(folder, directory)
	if errors.Is(err, fs.ErrExist) {
		return &failure{code: exitConflict, what: err.Error(), err: err, hints: []string{"Give a directory that is missing or empty"}}
	}
	if err != nil {
		f := asFailure(startFailure(folder, err))
		if f.code == exitConflict {
			f.hints = []string{"The server runs: leave out --offline."}
		}
		return f
	}
	return a.backupMade(made, " in "+folder)
}

// backupMade says what was made, of the server at or in a place.
func (a *app) backupMade(made server.BackupReply, place string) error {
	words := fmt.Sprintf("backup made in %s: %s in %d ms, of the server%s", made.Directory, bytesText(made.Bytes), int(made.Seconds*1000), place)
	if made.Keys {
		words += ", with the access keys"
	}
	return a.done(words, made.Directory, made)
}

func (a *app) restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Copy a backup into an empty data folder, and check it",
		Long: "Copy a backup into the data folder (--data), which must be missing or empty, and check it: every block\n" +
			"is read, and what is in the queues is counted. No server may use the folder.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			backup, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			folder, err := config.DataFolder(cmp.Or(a.target.data, os.Getenv("FOREBAY_DATA")), os.LookupEnv)
			if err != nil {
				return err
			}
			began := time.Now()
			stopProgress := a.progress(func(elapsed time.Duration) string {
				return fmt.Sprintf("%3.0fs  copying %s, and reading it back", elapsed.Seconds(), backup)
			})
			found, err := server.Restore(ctx, backup, folder)
			stopProgress()
			if errors.Is(err, fs.ErrExist) {
				return &failure{code: exitConflict, what: err.Error(), err: err,
					hints: []string{"Restore into another folder:  forebay restore " + quoteSh(args[0]) + " --data FOLDER"}}
			}
			if errors.Is(err, fs.ErrNotExist) {
				return &failure{code: exitNotFound, what: "there is no backup in " + backup, err: err}
			}
			if err != nil {
				return err
			}
			return a.restored(folder, found, time.Since(began))
		},
	}
	cmd.Flags().StringVar(&a.target.data, "data", "", "data folder to restore into (also FOREBAY_DATA)")
	return cmd
}

// restored says what the folder holds now. Damage is a failure, but the folder stays to be looked at.
func (a *app) restored(folder string, found *server.Restored, took time.Duration) error {
	if len(found.Report.Damaged) > 0 {
		return &failure{code: exitFailed, what: fmt.Sprintf("the backup is damaged; do not use %s:\n  %s", folder, strings.Join(found.Report.Damaged, "\n  ")),
			hints: []string{"Restore an earlier backup into another folder."}}
	}
	l := listing{columns: []string{"QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED"}}
	for _, q := range found.Queues {
		item := queueItem{Name: q.Name, Visible: q.Visible, InFlight: q.InFlight, Delayed: q.Delayed}
		l.rows = append(l.rows, row{name: q.Name, item: item,
			cells: []string{q.Name, fmt.Sprint(q.Visible), fmt.Sprint(q.InFlight), fmt.Sprint(q.Delayed)}})
	}
	if err := a.print(l); err != nil {
		return err
	}
	keys := "without access keys: the first start makes new ones"
	if found.Keys {
		keys = "with the access keys"
	}
	a.remark("restored %s into %s in %d ms, %s. %s read, no damage.",
		bytesText(found.Bytes), folder, took.Milliseconds(), keys, plural(found.Report.Tables, "table"))
	a.remark("  Start it:  forebay serve --data %s", quoteSh(folder))
	return nil
}
