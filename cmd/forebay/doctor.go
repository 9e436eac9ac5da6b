package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/pebblestore"
)

// finding is what one check of the doctor has found.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warn or fail
	Text   string `json:"text"`
}

func ok(format string, args ...any) finding {
	return finding{Result: "ok", Text: fmt.Sprintf(format, args...)}
}
func warn(format string, args ...any) finding {
	return finding{Result: "warn", Text: fmt.Sprintf(format, args...)}
}
func bad(format string, args ...any) finding {
	return finding{Result: "fail", Text: fmt.Sprintf(format, args...)}
}

// doctor checks the machine and the server that clients would speak to.
type doctor struct {
	app    *app
	client *client // nil when the settings are no good
	err    error   // why
	data   string
	served bool // a Forebay server answers at the endpoint
}

func (a *app) doctorCommand() *cobra.Command {
	var free bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the machine, the server and the clients' settings",
		Long: "Check the machine, the server and the clients' settings. Ends with exit code 1 when something is wrong.\n\n" +
			"With --free-ballast it deletes the ballast file of a stopped server whose disk is full, so that there is\n" +
			"room to start it and to take messages out.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if free {
				return a.freeBallast()
			}
			return a.examine(ctx)
		},
	}
	a.targetFlags(cmd)
	cmd.Flags().BoolVar(&free, "free-ballast", false, "the disk is full: give away the space kept for that")
	return cmd
}

func (a *app) examine(ctx context.Context) error {
	d := &doctor{app: a}
	var err error
	if d.data, err = a.target.folder(); err != nil {
		return err
	}
	d.client, d.err = a.connect()
	l := listing{columns: []string{"CHECK", "RESULT", ""}}
	failed := 0
	for _, check := range []struct {
		name string
		run  func(context.Context) finding
	}{
		{"endpoint", d.endpoint}, {"data folder", d.folder}, {"fsync", d.fsync}, {"free space", d.space},
		{"clock", d.clock}, {"descriptors", d.descriptors}, {"aws program", d.awsProgram},
		{"environment", d.environment}, {"queue URL", d.queueURL}, {"policies", d.policies},
	} {
		f := check.run(ctx)
		f.Check = check.name
		if f.Result == "fail" {
			failed++
		}
		l.rows = append(l.rows, row{name: f.Check, cells: []string{f.Check, f.Result, f.Text}, item: f})
	}
	if err := a.print(l); err != nil {
		return err
	}
	if failed > 0 {
		return fail("%s failed", plural(failed, "check"))
	}
	return nil
}

// endpoint looks who answers at the endpoint, or whether a server could.
func (d *doctor) endpoint(ctx context.Context) finding {
	if d.err != nil {
		f := asFailure(d.err)
		text := strings.Join(append([]string{f.what}, f.hints...), "; ")
		if f.code == exitUnreachable { // it stands still, which is no fault
			return warn("%s", text)
		}
		return bad("%s", text)
	}
	endpoint := d.client.target.endpoint
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/readyz", nil)
	if err != nil {
		return bad("%v", err)
	}
	answer, err := d.client.http.Do(r)
	if err == nil {
		answer.Body.Close()
		d.served = true
		switch answer.StatusCode {
		case http.StatusOK:
			return ok("a server is ready at %s", endpoint)
		case http.StatusServiceUnavailable:
			return bad("the server at %s is not ready; see %s/readyz?verbose", endpoint, endpoint)
		}
		return bad("something else than Forebay answers at %s; use another port: forebay serve --listen 127.0.0.1:4567", endpoint)
	}
	if !local(endpoint) {
		if f := connectionFailure(endpoint, err); f != nil {
			return bad("%s; %s", f.what, strings.Join(f.hints, "; "))
		}
		return bad("no server answers at %s: %v", endpoint, err)
	}
	if f := connectionFailure(endpoint, err); f != nil && !unreachable(err) {
		return bad("%s; %s", f.what, strings.Join(f.hints, "; "))
	}
	u, _ := url.Parse(endpoint)
	listener, err := net.Listen("tcp", u.Host)
	if err != nil {
		return bad("%s is taken by another program; use another port: forebay serve --listen 127.0.0.1:4567", u.Host)
	}
	listener.Close()
	return warn("no server runs, and the port is free: forebay serve")
}

func (d *doctor) folder(context.Context) finding {
	info, err := os.Stat(d.data)
	switch {
	case errors.Is(err, os.ErrNotExist) && config.Writable(parent(d.data)):
		return ok("%s will be made by the first start", d.data)
	case errors.Is(err, os.ErrNotExist):
		return bad("%s cannot be made: no permission in %s", d.data, parent(d.data))
	case err != nil:
		return bad("%v", err)
	case !info.IsDir():
		return bad("%s is not a folder", d.data)
	case !config.Writable(d.data):
		return bad("%s cannot be written to by this user", d.data)
	}
	return ok("%s can be written to", d.data)
}

// parent is the nearest folder above path that exists.
func parent(path string) string {
	for {
		path = filepath.Dir(path)
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
	}
}

// fsync measures what a durable acknowledgement costs at least.
func (d *doctor) fsync(context.Context) finding {
	folder := d.data
	if _, err := os.Stat(folder); err != nil {
		folder = parent(folder)
	}
	f, err := os.CreateTemp(folder, ".fsync-*")
	if err != nil {
		return warn("cannot be measured: %v", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := bytes.Repeat([]byte{1}, 4096)
	var times []time.Duration
	for range 21 {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return bad("%v", err)
		}
		if err := f.Sync(); err != nil {
			return bad("the disk cannot sync: %v", err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	median, worst := times[len(times)/2], times[len(times)-1]
	text := fmt.Sprintf("%.2f ms, at worst %.2f ms", median.Seconds()*1e3, worst.Seconds()*1e3)
	if median > 20*time.Millisecond {
		return warn("%s: each send waits that long; a disk of flash memory is faster", text)
	}
	return ok("%s", text)
}

func (d *doctor) space(context.Context) finding {
	folder := d.data
	if _, err := os.Stat(folder); err != nil {
		folder = parent(folder)
	}
	free, total, err := diskSpace(folder)
	switch {
	case err != nil:
		return warn("unknown: %v", err)
	case free < pebblestore.SpaceNeeded(total):
		return bad("%s of %s are left; sends are refused below %s", bytesText(free), bytesText(total), bytesText(pebblestore.SpaceNeeded(total)))
	case free < total/10:
		return warn("%s of %s are left", bytesText(free), bytesText(total))
	}
	return ok("%s of %s are left", bytesText(free), bytesText(total))
}

// clock compares this machine's clock with the server's: signatures are valid for minutes only.
func (d *doctor) clock(ctx context.Context) finding {
	if now := time.Now(); now.Year() < 2025 {
		return bad("it says %s, which cannot be", now.Format(time.DateTime))
	}
	if !d.served {
		return ok("%s; not compared, no server answers", time.Now().UTC().Format(time.RFC3339))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.client.target.endpoint+"/livez", nil)
	if err != nil {
		return bad("%v", err)
	}
	answer, err := d.client.http.Do(r)
	if err != nil {
		return warn("not compared: %v", err)
	}
	answer.Body.Close()
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return warn("not compared: the server tells no time")
	}
	difference := time.Since(theirs).Round(time.Second)
	if difference.Abs() > time.Minute {
		return bad("differs from the server's by %s; signatures are refused beyond 15 minutes", difference)
	}
	return ok("agrees with the server's")
}

func (d *doctor) descriptors(context.Context) finding {
	limit, err := descriptorLimit()
	switch {
	case err != nil:
		return warn("unknown: %v", err)
	case limit < 4096:
		return warn("%d files at a time; each connection needs one: ulimit -n 65536", limit)
	}
	return ok("%d files at a time", limit)
}

func (d *doctor) awsProgram(ctx context.Context) finding {
	path, err := exec.LookPath("aws")
	if err != nil {
		return ok("not installed; Forebay needs none")
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return warn("%s does not run: %v", path, err)
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if strings.HasPrefix(version, "aws-cli/1") {
		return warn("%s ignores AWS_ENDPOINT_URL_SQS and goes to the real AWS; use forebay aws, or --endpoint-url", version)
	}
	return ok("%s", version)
}

func (d *doctor) environment(context.Context) finding {
	if d.err != nil {
		return warn("not compared with a server: %v", d.err)
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if strings.TrimRight(value, "/") != d.client.target.endpoint {
			return warn("%s is %s, but this command uses %s", name, value, d.client.target.endpoint)
		}
		return ok("%s points at %s", name, value)
	}
	if d.client.target.found.Source != "the default" && !strings.HasPrefix(d.client.target.found.Source, "the data folder") {
		return warn("this command uses %s, from %s; AWS clients do not know it: eval \"$(forebay env)\"", d.client.target.endpoint, d.client.target.found.Source)
	}
	return warn(`AWS clients do not know this server yet: eval "$(forebay env)"`)
}

// queueURL looks whether the URLs that the server gives out lead back to it: some SDKs call them instead of
// the endpoint.
func (d *doctor) queueURL(ctx context.Context) finding {
	if d.err != nil || !d.served {
		return ok("not tried, no server answers")
	}
	urls, err := d.client.list(ctx, "")
	if err != nil {
		return bad("%v", err)
	}
	if len(urls) == 0 {
		return ok("the key is accepted; there is no queue to try")
	}
	given, err := url.Parse(urls[0])
	used, _ := url.Parse(d.client.target.endpoint)
	if err != nil || given.Host != used.Host || given.Scheme != used.Scheme {
		return warn("queues are said to be at %s, but you reach the server at %s; set --public-url or --trusted-proxies", urls[0], d.client.target.endpoint)
	}
	if _, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &urls[0]}); err != nil {
		return bad("%v", d.client.explain(ctx, urls[0], err))
	}
	return ok("%s leads back here", urls[0])
}

func (a *app) freeBallast() error {
	folder, err := a.target.folder()
	if err != nil {
		return err
	}
	freed, err := pebblestore.FreeBallast(folder)
	if err != nil {
		return &failure{code: exitFailed, what: err.Error(), err: err,
			hints: []string{"Make room on the disk in another way, then start the server:  forebay serve"}}
	}
	return a.done(fmt.Sprintf("freed %s in %s. Start the server, and take messages out.", bytesText(freed), folder), folder,
		map[string]any{"folder": folder, "bytes": freed})
}
