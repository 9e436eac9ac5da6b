package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/bench"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/gateway"
	"github.com/forebay-mq/forebay/internal/telemetry"
	"github.com/forebay-mq/forebay/queued"
)

func (a *app) gatewayCommand() *cobra.Command {
	var path string
	var given gatewayFile
	var routes []string
	var format, level string
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Serve HTTP from backends that have no open port",
		Long: "Serve HTTP from backends that have no open port. Each request becomes a message in a queue, and waits there,\n" +
			"on disk, for a backend to take it; the reply comes back through a queue of the gateway's own.\n\n" +
			"  forebay gateway --route /=requests\n\n" +
			"docs/gateway.md has the configuration file and what clients can ask for.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			file := gatewayFile{}
			if path != "" {
				if err := config.Strict(path, &file); err != nil {
					return &failure{code: exitUsage, what: err.Error(), err: err}
				}
			}
			if err := given.over(&file, cmd.Flags().Changed, routes); err != nil {
				return err
			}
			if err := checkLevel(format, level); err != nil {
				return err
			}
			logger := telemetry.NewLogger(a.errs, telemetry.LogOptions{Format: format, Level: logLevel(level), Terminal: terminal(a.errs)})
			return a.gateway(ctx, &file, logger)
		},
	}
	a.targetFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&path, "config", os.Getenv("FOREBAY_GATEWAY_CONFIG"), "configuration file (also FOREBAY_GATEWAY_CONFIG)")
	flags.StringArrayVar(&routes, "route", nil, "[HOST]/PATH=QUEUE: requests for that host and path go to that queue; may be repeated")
	flags.StringVar(&given.Listen, "listen", gatewayListen, "address to listen on, host:port")
	flags.StringVar(&given.State, "state", "", "folder for replies and for the name of this gateway (default: ./forebay-gateway if it exists, ~/.local/state/forebay/gateway)")
	flags.StringVar(&given.KeyFile, "key-file", "", "key of the site's gateways (default: site.key in the state folder)")
	flags.StringVar(&given.SigningKeys, "signing-keys", "", "keys that requests are signed with, and replies checked; see forebay backend")
	flags.StringVar(&given.MetricsListen, "metrics-listen", "", "address for /metrics (default: none)")
	flags.StringVar(&given.PageTemplate, "page-template", "", "template of the gateway's own pages, in the form of Go's html/template")
	flags.StringVar(&given.TLS.Cert, "tls-cert", "", "certificate file, PEM; read again when it changes")
	flags.StringVar(&given.TLS.Key, "tls-key", "", "key file of the certificate, PEM")
	flags.BoolVar(&given.InsecureHTTP, "insecure-http", false, "listen beyond this machine without TLS")
	flags.StringVar(&given.AccessLog, "access-log", "off", "a line for each request, to a file, stdout or stderr; or off")
	flags.BoolVar(&given.AccessLogQuery, "access-log-query", false, "queries in the access log too; they may hold secrets")
	flags.BoolVar(&given.acceptLoss, "accept-loss", false, "start with what is left of a state folder that has lost something")
	flags.StringVar(&format, "log-format", "auto", "auto, text or json")
	flags.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// over puts what the command line has given over what the file says.
func (f *gatewayFile) over(file *gatewayFile, changed func(string) bool, routes []string) error {
	for _, value := range []struct {
		flag     string
		from, to *string
	}{
		{"listen", &f.Listen, &file.Listen}, {"state", &f.State, &file.State}, {"key-file", &f.KeyFile, &file.KeyFile},
		{"signing-keys", &f.SigningKeys, &file.SigningKeys}, {"metrics-listen", &f.MetricsListen, &file.MetricsListen},
		{"access-log", &f.AccessLog, &file.AccessLog},
		{"page-template", &f.PageTemplate, &file.PageTemplate}, {"tls-cert", &f.TLS.Cert, &file.TLS.Cert}, {"tls-key", &f.TLS.Key, &file.TLS.Key},
	} {
		if changed(value.flag) {
			*value.to = *value.from
		}
	}
	file.InsecureHTTP = file.InsecureHTTP || f.InsecureHTTP
	file.AccessLogQuery = file.AccessLogQuery || f.AccessLogQuery
	file.acceptLoss = f.acceptLoss
	for _, text := range routes {
		r, err := routeFlag(text)
		if err != nil {
			return err
		}
		file.Routes = append(file.Routes, r)
	}
	if len(file.Routes) == 0 {
		return &failure{code: exitUsage, what: "no route: which requests go to which queue?",
			hints: []string{"All to one queue:  forebay gateway --route /=requests", "More than that:    forebay gateway --config FILE"}}
	}
	return nil
}

// gateway runs a gateway until ctx ends.
func (a *app) gateway(ctx context.Context, file *gatewayFile, logger *slog.Logger) error {
	leaveRoom()
	spareProcessors(ctx, bench.OwnCPU)
	opts, err := file.options()
	if err != nil {
		return &failure{code: exitUsage, what: err.Error(), err: err}
	}
	if !local("http://"+file.Listen) && file.TLS.Cert == "" && !file.InsecureHTTP {
		return &failure{code: exitUsage, what: file.Listen + " can be reached from other machines, and nothing would be encrypted",
			hints: []string{"Use TLS:               forebay gateway --tls-cert FILE --tls-key FILE", "Or accept plain HTTP:  forebay gateway --insecure-http"}}
	}
	ctx, leave, err := holdState(ctx, file.State, "gateway")
	if err != nil {
		return err
	}
	defer leave()
	tightenState(file.State, logger, []string{"site.key", "instance", "replies", ".new-"}, nil)
	if err := gatewaySecrets(file, &opts); err != nil {
		return &failure{code: exitUsage, what: err.Error(), err: err}
	}
	secure, err := gatewayCertificates(file, logger)
	if err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	opts.Client, opts.Log, opts.Registry, opts.Look = c, logger, registry, c.sight
	opts.Fatal = fatal(logger)
	err = a.runGateway(ctx, file, opts, secure, func(err error) error { return c.explain(ctx, "", err) })
	return errors.Join(stateLost(ctx), err)
}

// fatal returns what ends the process when the disk under a store of its own has failed.
func fatal(logger *slog.Logger) func(error) {
	return func(err error) {
		logger.Error("what is on the disk cannot be trusted any more, the process ends; start it again", "err", err)
		os.Exit(exitFailed)
	}
}

// runGateway opens a gateway and serves it until ctx ends.
func (a *app) runGateway(ctx context.Context, file *gatewayFile, opts gateway.Options, secure *tls.Config, explain func(error) error) error {
	listener := file.listener
	var err error
	if listener == nil {
		if listener, err = net.Listen("tcp", file.Listen); err != nil {
			return listenFailure("forebay gateway --listen", file.Listen, err)
		}
	}
	if to := file.AccessLog; to != "" && to != "off" {
		log, err := gateway.OpenAccessLog(to)
		if err != nil {
			return errors.Join(&failure{code: exitFailed, what: err.Error(), err: err}, listener.Close())
		}
		defer log.Close()
		opts.AccessLog, opts.AccessLogQuery = log, file.AccessLogQuery
	}
	g, err := gateway.Open(ctx, opts)
	if err != nil {
		return errors.Join(gatewayFailure(explain, err), listener.Close())
	}
	pages, err := servePages(file.MetricsListen, opts.Registry, opts.Log)
	if err != nil {
		return errors.Join(err, listener.Close(), g.Close())
	}
	defer pages()
	endpoint := endpointOf(listener.Addr(), secure != nil)
	a.remark("gateway %s on %s", opts.Instance, endpoint)
	opts.Log.Info("ready", "endpoint", endpoint, "instance", opts.Instance.String(), "routes", len(opts.Routes))
	notify("READY=1", opts.Log)
	err = gateway.Serve(ctx, g, listener, gateway.ServerOptions{TLS: secure, HeadersMax: int(file.HeadersMax),
		ConnectionsMax: file.ConnectionsMax, PerAddressMax: file.PerAddressMax, Log: opts.Log}, stopTime)
	opts.Log.Info("stopping")
	return errors.Join(err, g.Close())
}

// gatewayFailure words why a gateway does not start: with the code and the hints of what the server said, and the part
// of the configuration that it is about.
func gatewayFailure(explain func(error) error, err error) error {
	if _, ok := errors.AsType[smithy.APIError](err); !ok && connectionFailure("", err) == nil {
		return &failure{code: exitFailed, what: err.Error(), err: err}
	}
	f := asFailure(explain(err))
	if f.code == exitNotFound {
		f.what, _, _ = strings.Cut(err.Error(), ": operation error ") // the rest is the SDK's
		f.hints = []string{"Create it:  forebay queues create QUEUE"}
	}
	return f
}

// gatewaySecrets reads the keys and the name of the gateway, and makes those that are not there.
func gatewaySecrets(file *gatewayFile, opts *gateway.Options) (err error) {
	state, err := gateway.OpenState(file.State, file.KeyFile, opts.AcceptLoss)
	if err != nil {
		return err
	}
	opts.Keys, opts.Instance, opts.Folder = state.Keys, state.Instance, state.Replies
	if file.SigningKeys == "" {
		return nil
	}
	f, err := os.Open(file.SigningKeys)
	if err != nil {
		return err
	}
	opts.Keyring, err = queued.ParseKeys(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("signing keys %s: %w", file.SigningKeys, err)
	}
	return nil
}

func gatewayCertificates(file *gatewayFile, logger *slog.Logger) (*tls.Config, error) {
	return tlsOf(&config.Config{TLSCert: file.TLS.Cert, TLSKey: file.TLS.Key, TLSClientCA: file.TLS.ClientCA}, logger)
}

// sight tells of a queue what only Forebay can.
func (c *client) sight(ctx context.Context, queue string) (s gateway.Sight, ok bool) {
	text, err := c.signed(ctx, http.MethodGet, "/forebay/v1/queues/"+url.PathEscape(nameOf(queue)), nil)
	if err != nil {
		return s, false
	}
	var state struct {
		Messages struct {
			Visible  int `json:"visible"`
			InFlight int `json:"in_flight"`
			Delayed  int `json:"delayed"`
		} `json:"messages"`
		Consumers *struct {
			Polling int `json:"polling"`
		} `json:"consumers"`
		Totals struct {
			Deleted int64 `json:"deleted"`
		} `json:"totals"`
	}
	if json.Unmarshal(text, &state) != nil || state.Consumers == nil {
		return s, false
	}
	m := state.Messages
	return gateway.Sight{Waiting: m.Visible + m.InFlight + m.Delayed, Deleted: state.Totals.Deleted, Polling: state.Consumers.Polling}, true
}

// servePages serves the metrics, where that is wanted, until the returned function is called.
func servePages(address string, registry prometheus.Registerer, log *slog.Logger) (stop func(), err error) {
	gatherer, ok := registry.(prometheus.Gatherer)
	if address == "" || !ok {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, listenFailure("forebay gateway --metrics-listen", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	server := sidePages(listener, mux, log)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}

// checkLevel checks the two settings of the log.
func checkLevel(format, level string) error {
	if format != "auto" && format != "text" && format != "json" {
		return usage("--log-format: %q is not one of auto, text, json", format)
	}
	if strings.Trim(level, "abcdefghijklmnopqrstuvwxyz") != "" || new(slog.Level).UnmarshalText([]byte(level)) != nil {
		return usage("--log-level: %q is not one of debug, info, warn, error", level)
	}
	return nil
}
