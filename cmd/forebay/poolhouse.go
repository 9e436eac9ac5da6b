package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/pool"
	"github.com/forebay-mq/forebay/internal/pool/commands"
	"github.com/forebay-mq/forebay/internal/pool/driver"
	"github.com/forebay-mq/forebay/internal/pool/lease"
)

// poolHouse is a process of controllers.
type poolHouse struct {
	pools    []*pool.Controller
	drivers  []pool.Driver
	leases   []*lease.Lease
	registry *prometheus.Registry
	log      *slog.Logger
}

// furnish makes a controller for each pool. Nothing is started yet, but leases are sought.
func (a *app) furnish(ctx context.Context, c *client, file *config.PoolFile, state string, log *slog.Logger) (*poolHouse, error) {
	h := &poolHouse{registry: prometheus.NewRegistry(), log: log}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := pool.NewMetrics(h.registry)
	for _, p := range file.Pools {
		if p.Wait == 0 {
			p.Wait, _ = time.ParseDuration(poolWait)
		}
		p.Max = cmp.Or(p.Max, max(poolMax, p.Min))
		o := pool.Options{Settings: settingsOf(p), Folder: state, Metrics: metrics, Log: log}
		err := o.Validate()
		if err == nil {
			o.Driver, err = a.driverOf(c, p, log)
		}
		if err == nil && takesCommands(p) {
			o.Driver, err = commanded(o.Driver, c, p, log)
		}
		if err != nil {
			return nil, errors.Join(wrongPool(file, p, err), h.abandon())
		}
		h.drivers = append(h.drivers, o.Driver)
		for _, q := range p.Queues {
			o.Sources = append(o.Sources, pool.NewSource(c.Client.Client, c.askPool, q, log.With("pool", p.Name)))
		}
		if p.Standby {
			l, err := lease.Start(context.WithoutCancel(ctx), lease.Options{Client: c.Client.Client, Queue: "forebay-pool-" + p.Name + ".fifo",
				Time: cmp.Or(p.Lease, lease.TimeDefault), Log: log.With("pool", p.Name)})
			if err != nil {
				return nil, errors.Join(wrongPool(file, p, fmt.Errorf("lease: %w", err)), h.abandon())
			}
			h.leases = append(h.leases, l)
			o.Leader, o.Memory = l, append(o.Memory, l)
		}
		o.Memory = append(o.Memory, pool.FileMemory{Folder: state, Pool: p.Name})
		controller, err := pool.New(o)
		if err != nil {
			return nil, errors.Join(err, h.abandon())
		}
		h.pools = append(h.pools, controller)
	}
	return h, nil
}

// askPool asks Forebay's own API for what a pool wants to know.
func (c *client) askPool(ctx context.Context, path string) ([]byte, error) {
	return c.signed(ctx, http.MethodGet, path, nil)
}

// driverOf makes the driver of a pool. Its errors begin with the key that is wrong.
func (a *app) driverOf(c *client, p config.Pool, log *slog.Logger) (pool.Driver, error) {
	switch cmp.Or(p.Driver, "exec") {
	case "exec":
		o := driver.ExecOptions{Command: p.Command, Folder: p.Folder, Output: os.Stderr, Log: log.With("pool", p.Name)}
		o.Without = c.target.found.Misleading(os.LookupEnv)
		for _, v := range c.target.found.Variables() {
			o.Env = append(o.Env, v.Name+"="+v.Value)
		}
		return driver.NewExec(o)
	case "webhook":
		o := driver.WebhookOptions{URL: p.URL, CountURL: p.CountURL}
		if p.TokenEnv != "" {
			if o.Token = os.Getenv(p.TokenEnv); o.Token == "" {
				return nil, fmt.Errorf("token_env: the environment has no %s", p.TokenEnv)
			}
		}
		return driver.NewWebhook(o)
	case "command":
		return driver.NewCommand(driver.CommandOptions{Start: p.Command, Count: p.CountCommand, Drain: p.DrainCommand})
	case "capacity":
		id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
		if id == "" || secret == "" {
			return nil, errors.New("driver: capacity needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
		}
		return driver.NewCapacity(driver.CapacityOptions{Group: p.Group, Region: p.Region, Endpoint: p.Endpoint,
			Credentials: credentials.NewStaticCredentialsProvider(id, secret, os.Getenv("AWS_SESSION_TOKEN"))})
	case "none":
		return driver.None{}, nil
	}
	known := []string{"exec", "webhook", "command", "capacity", "none"}
	what := fmt.Sprintf("driver: %q is not one of exec, webhook, command, capacity and none", p.Driver)
	if best := config.Nearest(p.Driver, known); best != "" {
		what += fmt.Sprintf(". Did you mean %q?", best)
	}
	return nil, errors.New(what)
}

// takesCommands says whether the workers of a pool have command queues.
func takesCommands(p config.Pool) bool {
	return p.Commands || slices.ContainsFunc(p.Command, func(word string) bool { return strings.Contains(word, "{commands}") })
}

// commanded gives the workers of a driver command queues. When it cannot, the driver is closed.
func commanded(d pool.Driver, c *client, p config.Pool, log *slog.Logger) (pool.Driver, error) {
	with, err := commands.New(commands.Options{Driver: d, Client: c.Client.Client, Pool: p.Name, Log: log.With("pool", p.Name)})
	if err != nil {
		return nil, errors.Join(err, d.Close(context.Background()))
	}
	return with, nil
}

// abandon takes back what was furnished before it was run.
func (h *poolHouse) abandon() error {
	var all []error
	for _, d := range h.drivers {
		all = append(all, d.Close(context.Background()))
	}
	for _, l := range h.leases {
		l.Resign(context.Background())
	}
	return errors.Join(all...)
}

// run runs all controllers until ctx ends and their workers have finished, or grace ends.
func (h *poolHouse) run(ctx, grace context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/forebay/v1/pools", pool.Handler(h.pools))
	mux.Handle("/forebay/v1/pools/", pool.Handler(h.pools))
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := sidePages(listener, mux, h.log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	var all sync.WaitGroup
	errs := make([]error, len(h.pools))
	for i, c := range h.pools {
		all.Go(func() { errs[i] = c.Run(ctx, grace) })
	}
	all.Wait()
	errs = append(errs, server.Close())
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
