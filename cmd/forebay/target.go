package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/server"
	where "github.com/forebay-mq/forebay/internal/target"
)

// keysFile is the file of the data folder with the access keys.
const keysFile = server.KeysFile

const (
	defaultEndpoint = where.DefaultEndpoint
	defaultRegion   = where.DefaultRegion
)

// target is the server that a client command speaks to: what flags say of it, and once it is resolved, what it is.
type target struct {
	endpoint string // base URL
	region   string
	keyID    string
	secret   string

	data    string // --data: the folder of a server on this machine
	context string // --context
	caFile  string // --ca-file

	found where.Target // after resolve
}

// targetFlags gives cmd the flags that say which server is meant. Secrets have no flag: everybody on the
// machine can read the arguments of a process.
func (a *app) targetFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&a.target.endpoint, "endpoint", "", "URL of the server (also FOREBAY_ENDPOINT, AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL)")
	flags.StringVar(&a.target.region, "region", "", "region to sign for (also FOREBAY_REGION, AWS_REGION)")
	flags.StringVar(&a.target.data, "data", "", "data folder of a server on this machine: its address and its key (also FOREBAY_DATA)")
	flags.StringVar(&a.target.context, "context", "", "name of a server, see forebay context (also FOREBAY_CONTEXT)")
	flags.StringVar(&a.target.caFile, "ca-file", "", "file of the authorities to trust, PEM (also FOREBAY_CA_FILE, AWS_CA_BUNDLE)")
	_ = cmd.RegisterFlagCompletionFunc("context", completeContext)
}

// machine is what package target looks at besides the flags.
func machine() (where.Machine, error) {
	folder, err := config.DataFolder("", os.LookupEnv)
	if err != nil {
		return where.Machine{}, err
	}
	here, err := filepath.Abs(filepath.Base(folder))
	return where.Machine{
		Env: os.LookupEnv, Folder: folder, InPlace: here == folder, RootKey: rootKey,
		Config: config.SettingsFolder(os.LookupEnv), State: config.StateFolder(os.LookupEnv), Home: config.HomeFolder(os.LookupEnv),
	}, err
}

func (t *target) flags() where.Flags {
	return where.Flags{Endpoint: t.endpoint, Data: t.data, Context: t.context, Region: t.region, CAFile: t.caFile}
}

// resolve finds the server and its key; package target has the order.
func (t *target) resolve() error {
	m, err := machine()
	if err != nil {
		return err
	}
	if t.found, err = where.Resolve(t.flags(), m); err != nil {
		return targetFailure(err)
	}
	t.endpoint, t.region, t.caFile = t.found.Endpoint, t.found.Region, t.found.CAFile
	t.keyID, t.secret = t.found.Key.ID, t.found.Key.Secret
	return nil
}

// folder is the data folder that a command works on which needs no running server, whether or not it is there.
func (t *target) folder() (string, error) {
	m, err := machine()
	if err != nil {
		return "", err
	}
	folder, err := where.DataFolder(t.flags(), m)
	return folder, targetFailure(err)
}

// targetFailure turns an error of package target into what the user sees.
func targetFailure(err error) error {
	e, ok := errors.AsType[*where.Error](err)
	if !ok {
		return err
	}
	codes := map[where.Kind]int{where.Usage: exitUsage, where.NotFound: exitNotFound, where.Denied: exitDenied, where.Unreachable: exitUnreachable}
	return &failure{code: codes[e.Kind], what: e.What, hints: e.Hints, err: err}
}

// rootKey reads the key that may do everything from a data folder, without making one.
func rootKey(folder string) (where.Key, error) {
	path := filepath.Join(folder, keysFile)
	if _, err := os.Stat(path); err != nil {
		return where.Key{}, err
	}
	keys, _, err := access.OpenKeys(path)
	if err != nil {
		return where.Key{}, err
	}
	key, ok := keys.ActiveAdmin()
	if !ok {
		return where.Key{}, fs.ErrNotExist // whoever commands this server has a key of another place
	}
	return where.Key{ID: key.ID, Secret: key.Secret.Reveal()}, nil
}

// at says which server it is, for what is asked before something is destroyed, and said afterwards.
func (c *client) at() string {
	text := " at " + c.target.endpoint
	if strings.HasPrefix(c.target.found.Source, "context ") {
		text += " (" + c.target.found.Source + ")"
	}
	return text
}

// sameServer is what the command line has said of the server, to be said again with the next command.
func (a *app) sameServer() string {
	text := ""
	for _, flag := range []struct{ name, value string }{
		{"context", a.target.context}, {"endpoint", a.target.endpoint}, {"data", a.target.data}, {"ca-file", a.target.caFile},
	} {
		if flag.value != "" {
			text += " --" + flag.name + " " + quoteSh(flag.value)
		}
	}
	return text
}

// lead makes the environment of this process, and so of all that it starts, name the server that flags have named, so that
// forebay's commands mean the same one there. Keys stay where they are: the place is named, as it was on the command line.
func (t *target) lead(keySource string) error {
	if t.context == "" && t.endpoint == "" && t.data == "" {
		return nil
	}
	set := map[string]string{"FOREBAY_CONTEXT": t.context, "FOREBAY_ENDPOINT": t.endpoint, "FOREBAY_DATA": t.data}
	if keySource != "FOREBAY_ACCESS_KEY_ID" {
		set["FOREBAY_ACCESS_KEY_ID"], set["FOREBAY_SECRET_ACCESS_KEY"] = "", ""
	}
	if t.region != "" {
		set["FOREBAY_REGION"] = t.region
	}
	if t.caFile != "" {
		set["FOREBAY_CA_FILE"] = t.caFile
	}
	for name, value := range set {
		var err error
		if value == "" {
			err = os.Unsetenv(name)
		} else {
			if name == "FOREBAY_DATA" || name == "FOREBAY_CA_FILE" {
				if value, err = filepath.Abs(value); err != nil {
					return err
				}
			}
			err = os.Setenv(name, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkEndpoint(text string) error { return targetFailure(where.CheckEndpoint(text)) }

// local reports whether the endpoint is on this machine.
func local(endpoint string) bool { return where.Local(endpoint) }
