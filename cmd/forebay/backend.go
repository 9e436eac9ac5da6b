package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/backend"
	"github.com/forebay-mq/forebay/internal/bench"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/gateway"
	"github.com/forebay-mq/forebay/internal/telemetry"
	"github.com/forebay-mq/forebay/queued"
)

// backendFlags is the command line of backend.
type backendFlags struct {
	queue, to, host            string
	concurrency, tries         int
	timeout, visibility, grace string
	retry                      string
	retryStatuses              []int
	deadLetter                 string
	keys                       string
	state                      string
	acceptLoss                 bool
	methods, paths, hosts      []string
	headers                    []string
	maxBody                    int
	tokenPrefix                string
	refused                    string
	replyTo                    []string
	plainPath                  string
	logFormat, logLevel        string
}

func (a *app) backendCommand() *cobra.Command {
	var f backendFlags
	cmd := &cobra.Command{
		Use:   "backend --queue QUEUE --to URL",
		Short: "Answer the HTTP requests in a queue by asking a server nearby",
		Long: "Answer the HTTP requests in a queue by asking a server nearby.\n\n" +
			"It only calls outward: the queue server, and the server that --to names. Neither needs to reach it.\n" +
			"Start more of them to share the work. docs/queued-http.md says what travels.\n\n" +
			"  forebay backend --queue requests --to http://127.0.0.1:3000\n\n" +
			"A request that the server cannot answer is tried again if that is safe, and then answered with 502;\n" +
			"it is also put into the dead-letter queue, if its queue has one or --dead-letter names one.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return a.backend(ctx, &f)
		},
	}
	a.targetFlags(cmd)
	f.declare(cmd)
	return cmd
}

// declare gives the command its flags.
func (f *backendFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.queue, "queue", "", "queue of the requests")
	flags.StringVar(&f.to, "to", "", "server that answers, such as http://127.0.0.1:3000")
	flags.StringVar(&f.host, "host", "", "what to call the server (default: as the client did)")
	flags.IntVar(&f.concurrency, "concurrency", 64, "requests at once, up to 10000")
	flags.StringVar(&f.timeout, "timeout", "15m", "longest that the server may take for a request, up to 11h")
	flags.StringVar(&f.visibility, "visibility", queued.VisibilityDefault.String(),
		"after this a request of a backend that died is taken by another; at most half of what gateways wait")
	flags.StringVar(&f.grace, "grace", "25s", "how long requests may go on after SIGTERM; the rest goes back to the queue")
	flags.IntVar(&f.tries, "tries", 3, "how often a request is tried; never more than the queue's redrive policy allows")
	flags.StringVar(&f.retry, "retry", "safe", "what is tried again: safe (GET, PUT, DELETE and the like, or with Idempotency-Key), all, never")
	flags.IntSliceVar(&f.retryStatuses, "retry-status", nil, "answers of the server that are tried again too, such as 502,503")
	flags.StringVar(&f.deadLetter, "dead-letter", "", "queue for requests that failed (default: as the queue's redrive policy says)")
	flags.StringVar(&f.keys, "signing-keys", "", "file of keys, one \"id secret\" to a line: requests must be signed, and replies are")
	flags.StringVar(&f.state, "state", "", "folder in which signed requests are remembered, so that copies are dropped\n"+
		"(default: $STATE_DIRECTORY, or forebay in $XDG_STATE_HOME or ~/.local/state)")
	flags.BoolVar(&f.acceptLoss, "accept-loss", false, "start although some of what --state remembers is lost")
	flags.StringSliceVar(&f.methods, "only-method", nil, "take these methods alone")
	flags.StringSliceVar(&f.paths, "only-path", nil, "take these paths, and what is below them, alone")
	flags.StringSliceVar(&f.hosts, "only-host", nil, "take requests for these hosts alone")
	flags.StringArrayVar(&f.headers, "only-header", nil, "take requests with this header field alone: NAME, or NAME=VALUE")
	flags.IntVar(&f.maxBody, "max-body", 0, "longest body that is taken, in bytes; 0 is as long as a message")
	flags.StringVar(&f.tokenPrefix, "only-token", "", "take requests whose token begins with this alone")
	flags.StringVar(&f.refused, "refused", "answer", "what becomes of requests that are not taken: answer (403), or return (to the queue)")
	flags.StringSliceVar(&f.replyTo, "reply-to", nil, "patterns of the queues that replies may go to (default forebay-replies-*,__RequesterClientQueues__*)")
	flags.StringVar(&f.plainPath, "plain-path", "/", "path for plain messages of the AWS temporary queues client")
	flags.StringVar(&f.logFormat, "log-format", "auto", "auto, text or json")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	for _, name := range []string{"queue", "to"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a name that is no flag
		}
	}
}

// serving turns the command line into the options of package queued.
func (f *backendFlags) serving(o *queued.Options) error {
	for _, d := range []struct {
		flag, text string
		to         *time.Duration
	}{{"timeout", f.timeout, &o.Timeout}, {"visibility", f.visibility, &o.Visibility}, {"grace", f.grace, &o.Grace}} {
		var err error
		if *d.to, err = config.Duration(d.text); err != nil {
			return usage("--%s: %v", d.flag, err)
		}
	}
	if o.Grace == 0 {
		o.Grace = -1 // none, where queued reads zero as its default
	}
	switch f.refused {
	case "answer":
	case "return":
		o.Refused = queued.GiveBack
	default:
		return usage("--refused: %q is neither answer nor return", f.refused)
	}
	if !slices.Contains([]string{"auto", "text", "json"}, f.logFormat) {
		return usage("--log-format: %q is not one of auto, text, json", f.logFormat)
	}
	if err := new(slog.LevelVar).UnmarshalText([]byte(f.logLevel)); err != nil {
		return usage("--log-level: %q is not one of debug, info, warn, error", f.logLevel)
	}
	if f.maxBody < 0 {
		return usage("--max-body: %d is negative", f.maxBody)
	}
	o.Concurrency, o.PlainPath, o.ReplyTo = f.concurrency, f.plainPath, f.replyTo
	o.Rules = queued.Rules{Methods: f.methods, Paths: f.paths, Hosts: f.hosts, BodyBytesMax: f.maxBody, TokenPrefix: f.tokenPrefix}
	for _, header := range f.headers {
		if o.Rules.Header == nil {
			o.Rules.Header = http.Header{}
		}
		name, value, _ := strings.Cut(header, "=")
		o.Rules.Header.Add(name, value)
	}
	var err error
	o.Keys, err = signingKeys(f.keys)
	return err
}

// signingKeys reads a file of keys. Without a name there are none.
func signingKeys(path string) (queued.Keyring, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usage("--signing-keys: %v", err)
	}
	defer file.Close()
	keys, err := queued.ParseKeys(file)
	if err != nil {
		return nil, usage("--signing-keys: %s: %v", path, err)
	}
	return keys, nil
}

// proxying turns the command line into the options of package backend.
func (f *backendFlags) proxying(logger *slog.Logger) (backend.Options, error) {
	to, err := backend.ParseTarget(f.to)
	if err != nil {
		return backend.Options{}, usage("--to: %v", err)
	}
	return backend.Options{
		To: to, Host: f.host, Tries: f.tries, Retry: backend.Retry(f.retry), RetryStatuses: f.retryStatuses, Logger: logger,
	}, nil
}

func (a *app) backend(ctx context.Context, f *backendFlags) error {
	leaveRoom()
	spareProcessors(ctx, bench.OwnCPU)
	var serving queued.Options
	if err := f.serving(&serving); err != nil {
		return err
	}
	logger := telemetry.NewLogger(a.errs, telemetry.LogOptions{Format: f.logFormat, Level: logLevel(f.logLevel), Terminal: terminal(a.errs)})
	serving.Logger = logger
	proxying, err := f.proxying(logger)
	if err != nil {
		return err
	}
	if _, err := backend.New(proxying); err != nil {
		return usage("%v", err)
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	url, err := c.queueURL(ctx, f.queue)
	if err != nil {
		return err
	}
	if err := a.deadLetters(ctx, c, f, url, &proxying); err != nil {
		return err
	}
	proxy, err := backend.New(proxying)
	if err != nil {
		return usage("%v", err)
	}
	uses, err := openUses(f, nameOf(url), logger)
	if err != nil {
		return err
	}
	if uses == nil {
		return f.serve(ctx, c, url, proxy, serving)
	}
	serving.Uses = uses
	return errors.Join(f.serve(ctx, c, url, proxy, serving), uses.Close())
}

// serve answers requests until ctx ends.
func (f *backendFlags) serve(ctx context.Context, c *client, url string, proxy *backend.Proxy, serving queued.Options) error {
	logger := serving.Logger
	if wait := gateway.WaitDefault; 2*serving.Visibility > wait {
		logger.Warn("if this backend dies, its requests are done by another when clients may not wait any more; shorten "+
			"--visibility, or lengthen wait in the gateway's route", "visibility", serving.Visibility, "usual_wait", wait)
	}
	logger.Info("ready", "queue", f.queue, "to", proxy.To.String(), "tries", proxy.Tries)
	notify("READY=1", logger)
	context.AfterFunc(ctx, func() {
		logger.Info("stopping", "grace", serving.Grace)
		notify("STOPPING=1", logger)
	})
	if err := queued.Serve(ctx, c.Client, url, proxy, func(o *queued.Options) { *o = serving }); err != nil {
		return err
	}
	logger.Info("stopped")
	return nil
}

// deadLetters finds out where failed requests go, and sees to it that they fail here before the queue's redrive policy takes
// them away without an answer.
func (a *app) deadLetters(ctx context.Context, c *client, f *backendFlags, url string, o *backend.Options) error {
	values, err := c.attributes(ctx, url, types.QueueAttributeNameRedrivePolicy)
	if err != nil {
		return err
	}
	var policy struct {
		DeadLetterTargetArn string          `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.RawMessage `json:"maxReceiveCount"` // a number or a text
	}
	if text := values[string(types.QueueAttributeNameRedrivePolicy)]; text != "" {
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return fail("the redrive policy of %s cannot be read: %v", f.queue, err)
		}
	}
	if most, err := strconv.Atoi(strings.Trim(string(policy.MaxReceiveCount), `"`)); err == nil && o.Tries > most {
		o.Logger.Warn("fewer tries, since the queue's redrive policy takes requests away after that", "tries", most)
		o.Tries = most
	}
	name := f.deadLetter
	if name == "" {
		name = nameOf(policy.DeadLetterTargetArn)
	}
	if name == "" {
		return nil
	}
	dead, err := c.queueURL(ctx, name)
	if err != nil {
		return err
	}
	o.DeadLetter = func(ctx context.Context, d queued.Delivery) error {
		_, err := c.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: &dead, MessageBody: d.Message.Body, MessageAttributes: d.Message.MessageAttributes})
		if err != nil {
			return fmt.Errorf("send to %s: %w", nameOf(dead), err)
		}
		o.Logger.Info("a failed request is kept", "request", d.Request.ID, "queue", nameOf(dead), "message", aws.ToString(d.Message.MessageId))
		return nil
	}
	return nil
}
