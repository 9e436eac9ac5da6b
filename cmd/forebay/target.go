package main

import (
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/server"
)

// Files of the data folder that commands on the same machine read.
const (
	keysFile     = server.KeysFile
	endpointFile = "endpoint" // where the running server can be reached
)

const (
	defaultEndpoint = "http://127.0.0.1:4566"
	defaultRegion   = "us-east-1"
)

// target is the server that a client command speaks to.
type target struct {
	endpoint string // base URL
	region   string
	keyID    string
	secret   string

	data string // --data: the folder of a server on this machine
}

// targetFlags gives cmd the flags that say which server is meant. Secrets have no flag: everybody on the
// machine can read the arguments of a process.
func (a *app) targetFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&a.target.endpoint, "endpoint", "", "URL of the server (also FOREBAY_ENDPOINT, AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL)")
	flags.StringVar(&a.target.region, "region", "", "region to sign for (also FOREBAY_REGION, AWS_REGION)")
	flags.StringVar(&a.target.data, "data", "", "data folder of a server on this machine, for its keys (also FOREBAY_DATA)")
}

// resolve fills in what no flag has set: from the environment, else from the data folder of a server on this
// machine, so that no setup is needed there.
func (t *target) resolve() error {
	folder, err := t.folder()
	if err != nil {
		return err
	}
	named := t.endpoint != "" // somebody has said which server is meant
	if t.endpoint == "" {
		t.endpoint = firstEnv("FOREBAY_ENDPOINT", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL")
		named = t.endpoint != ""
	}
	if t.endpoint == "" {
		if text, err := os.ReadFile(filepath.Join(folder, endpointFile)); err == nil {
			t.endpoint = strings.TrimSpace(string(text))
		} else {
			t.endpoint = defaultEndpoint
		}
	}
	if err := checkEndpoint(t.endpoint); err != nil {
		return err
	}
	t.endpoint = strings.TrimRight(t.endpoint, "/")
	if t.region == "" {
		t.region = firstEnv("FOREBAY_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")
	}
	if t.region == "" {
		t.region = defaultRegion
	}
	return t.credentials(folder, named)
}

// folder is the data folder of the server on this machine, whether or not there is one.
func (t *target) folder() (string, error) {
	given := t.data
	if given == "" {
		given = os.Getenv("FOREBAY_DATA")
	}
	return config.DataFolder(given, os.LookupEnv)
}

// credentials finds the key. Keys of AWS in the environment are meant for whatever endpoint stands beside
// them; without one they are most likely those of the real AWS, and the local server's own key goes first.
func (t *target) credentials(folder string, named bool) error {
	if id, secret := os.Getenv("FOREBAY_ACCESS_KEY_ID"), os.Getenv("FOREBAY_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		t.keyID, t.secret = id, secret
		return nil
	}
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	if named && id != "" && secret != "" && t.data == "" {
		t.keyID, t.secret = id, secret
		return nil
	}
	if key, err := rootKey(folder); err == nil {
		t.keyID, t.secret = key.ID, key.Secret.Reveal()
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if id != "" && secret != "" {
		t.keyID, t.secret = id, secret
		return nil
	}
	if !local(t.endpoint) {
		return &failure{code: exitDenied, what: "no credentials for " + t.endpoint,
			hints: []string{"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}}
	}
	t.keyID, t.secret = "none", "none" // enough for serve --dev, which accepts anything
	return nil
}

// rootKey reads the key that may do everything from a data folder, without making one.
func rootKey(folder string) (access.Key, error) {
	path := filepath.Join(folder, keysFile)
	if _, err := os.Stat(path); err != nil {
		return access.Key{}, err
	}
	keys, _, err := access.OpenKeys(path)
	if err != nil {
		return access.Key{}, err
	}
	key, ok := keys.ActiveAdmin()
	if !ok {
		return access.Key{}, fs.ErrNotExist // whoever commands this server has a key of another place
	}
	return key, nil
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("%q is no endpoint; write it like %s", text, defaultEndpoint)
	}
	return nil
}

// local reports whether the endpoint is on this machine.
func local(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}
