// Package local gives an example program a Forebay of its own, so that one command runs it: a server and pools, as child
// processes of the forebay program. A program in earnest leaves this package out; it finds its server by its environment.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// source is what is built when no program is named.
const source = "github.com/forebay-mq/forebay/cmd/forebay"

// Options say which Forebay is meant. The zero value builds one and starts a server.
type Options struct {
	// Endpoint is the URL of a server that runs already, of any kind; empty starts one with a temporary data folder. The
	// credentials for a server that runs come from the environment.
	Endpoint string

	// Program is the path of a forebay program; empty builds it from the source with the go command.
	Program string

	// Log is where the processes write their logs; nil keeps the end of each, for the error if it fails.
	Log io.Writer
}

// Forebay is a server, and the processes beside it. It is not for concurrent use.
type Forebay struct {
	options  Options
	endpoint string
	folder   string // of what is temporary
	children []*child
}

// Start makes the environment of this process point at a server, which it starts if none is named: from then on AWS SDKs
// find it by themselves, here and in whatever this process starts. Close it, also when ctx has ended: ctx bounds the
// start alone.
func Start(ctx context.Context, o Options) (*Forebay, error) {
	folder, err := os.MkdirTemp("", "forebay-example-")
	if err != nil {
		return nil, err
	}
	f := &Forebay{options: o, endpoint: o.Endpoint, folder: folder}
	if o.Endpoint == "" {
		err = f.serve(ctx)
	} else {
		err = pointAt(o.Endpoint)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// pointAt has AWS SDKs find a server that runs, with the credentials of the environment. Those of another server are not
// sent to it.
func pointAt(endpoint string) error {
	for _, name := range []string{"AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"} {
		named := os.Getenv(name)
		if named != "" && strings.TrimRight(named, "/") != strings.TrimRight(endpoint, "/") {
			return fmt.Errorf("--endpoint says %s, and %s says %s, whose credentials are in the environment; set both to the same server", endpoint, name, named)
		}
		if named != "" {
			break
		}
	}
	return os.Setenv("AWS_ENDPOINT_URL_SQS", endpoint)
}

// forget clears the environment of what it says about other servers, in the words of Forebay and of AWS SDKs, and keeps the
// latter from the user's files.
func forget() error {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "FOREBAY_") || strings.HasPrefix(name, "AWS_") || name == "NOTIFY_SOCKET" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if err := os.Setenv(name, os.DevNull); err != nil {
			return err
		}
	}
	return nil
}

// Endpoint is the URL of the server.
func (f *Forebay) Endpoint() string { return f.endpoint }

// Folder is a temporary folder, which Close removes.
func (f *Forebay) Folder() string { return f.folder }

// Pool runs the pools of a TOML file, and returns the URL at which the first of them tells how it is.
func (f *Forebay) Pool(ctx context.Context, file string) (string, error) {
	program, err := f.program(ctx)
	if err != nil {
		return "", err
	}
	return f.start(ctx, program, "pool", "run", file, "--endpoint", f.endpoint,
		"--listen", "127.0.0.1:0", "--state", filepath.Join(f.folder, "pool"))
}

// Close ends the processes, the last one first, and removes what is temporary. A pool first lets its workers finish.
func (f *Forebay) Close() error {
	var errs []error
	for i := len(f.children) - 1; i >= 0; i-- {
		errs = append(errs, f.children[i].end())
	}
	return errors.Join(append(errs, os.RemoveAll(f.folder))...)
}

// serve starts a server and takes over what `forebay env` says about it.
func (f *Forebay) serve(ctx context.Context) error {
	if err := forget(); err != nil {
		return err
	}
	if err := os.Setenv("XDG_STATE_HOME", filepath.Join(f.folder, "state")); err != nil { // it is none of the user's servers
		return err
	}
	program, err := f.program(ctx)
	if err != nil {
		return err
	}
	data := filepath.Join(f.folder, "data")
	if f.endpoint, err = f.start(ctx, program, "serve", "--listen", "127.0.0.1:0", "--data", data); err != nil {
		return err
	}
	text, err := exec.CommandContext(ctx, program, "env", "--data", data, "--shell", "json").Output()
	if err != nil {
		return fmt.Errorf("forebay env: %w", err)
	}
	var variables map[string]string
	if err := json.Unmarshal(text, &variables); err != nil {
		return fmt.Errorf("forebay env: %w", err)
	}
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// program returns the path of the forebay program, which is built if nobody has named one.
func (f *Forebay) program(ctx context.Context) (string, error) {
	if f.options.Program != "" {
		return f.options.Program, nil
	}
	path := filepath.Join(f.folder, "forebay")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	fmt.Println("building forebay; the first time takes a while")
	if out, err := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", path, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("forebay cannot be built here (%w); name one that is built with --forebay\n%s", err, out)
	}
	f.options.Program = path
	return path, nil
}

// start starts a process and waits for the first line with a URL on its standard output, which is what serve and pool run
// print when they are ready.
func (f *Forebay) start(ctx context.Context, program string, args ...string) (url string, err error) {
	c, err := startChild(program, args, f.options.Log)
	if err != nil {
		return "", err
	}
	f.children = append(f.children, c)
	return c.url(ctx)
}
