package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/server"
	where "github.com/forebay-mq/forebay/internal/target"
	"github.com/forebay-mq/forebay/internal/telemetry"
)

// stopTime bounds how long a server waits for the requests that it is answering when it is told to stop.
const stopTime = 25 * time.Second

// folder is the data folder of a server that starts.
type folder struct {
	path      string // absolute
	created   bool   // by this start
	ephemeral bool
	named     bool // the user said where it is, so a client must say it too
}

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Start a server",
		Long: "Start a server. Without any flag it is durable and open to this machine alone.\n\n" +
			"Each setting can also stand in the configuration file or in the environment: log.level is --log-level,\n" +
			"FOREBAY_LOG_LEVEL, and level in the section [log]. `forebay config` shows what is in force, and why.",
		Args: exactly(0),
	}
	settings := settingsFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		began := time.Now()
		cfg, values, err := settings.load(cmd)
		if err != nil {
			return err
		}
		return a.serve(cmd.Context(), cfg, values, began)
	}
	return cmd
}

// serve runs a server until it is told to stop, or fails.
func (a *app) serve(ctx context.Context, cfg *config.Config, values []config.Value, began time.Time) error {
	logger := telemetry.NewLogger(a.errs, telemetry.LogOptions{Format: cfg.LogFormat, Level: logLevel(cfg.LogLevel), Terminal: terminal(a.errs)})
	limitMemory(logger)
	boundGarbage(ctx)
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return listenFailure("forebay serve --listen", cfg.Listen, err)
	}
	data, err := prepareFolder(cfg, values)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if data.ephemeral {
		defer os.RemoveAll(data.path)
	}
	tlsConfig, err := tlsOf(cfg, logger)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	b := thisBuild()
	s, err := server.Start(ctx, server.Options{
		Data: data.path, Listener: listener, TLS: tlsConfig,
		ConnectionsMax: cfg.ConnectionsMax, PerAddressMax: cfg.ConnectionsPerAddress, BodiesMax: cfg.MemoryRequests,
		CORSOrigins: cfg.CORSOrigins, DevHosts: cfg.DevHosts,
		Dev: cfg.Dev, Account: cfg.Account, Region: cfg.Region,
		PublicURL: cfg.PublicURL, TrustedProxies: cfg.TrustedProxies,
		NoCoolDown: !cfg.CoolDown, AcceptLoss: cfg.AcceptLoss, Witness: cfg.Witness, GroupRead: cfg.GroupRead,
		CacheBytes: cfg.MemoryCache, BlockBytes: cfg.MemoryStore, MemTableBytes: cfg.MemoryTable,
		Audit: a.auditLog(cfg, data.path), AuditAll: cfg.AuditEvents == "all",
		QueuesMax: queuesMax(cfg.MetricsQueuesMax), CloudWatch: cfg.MetricsCloudWatch, FiguresClosed: cfg.FiguresClosed(), Version: b.Version, Revision: b.Revision, Logger: logger,
	})
	if err != nil {
		return errors.Join(startFailure(data.path, err), listener.Close())
	}
	if err := declareQueues(ctx, s.Service(), cfg); err != nil {
		return errors.Join(err, s.Shutdown(ctx))
	}
	endpoint := endpointOf(s.Addr(), tlsConfig != nil)
	signals, ignore := stops() // before anybody is told where it is, and so could end it
	defer ignore()
	leave := announce(data.path, config.StateFolder(os.LookupEnv), endpoint, logger)
	defer leave()
	if !a.quiet {
		banner{build: b, cfg: cfg, data: data, endpoint: endpoint, newKeys: s.KeysCreated(), took: time.Since(began)}.print(a.out)
		if err := a.out.arrived(); err != nil {
			logger.Warn("standard output is lost; the server runs", "err", err)
		}
	}
	if !terminal(a.errs) {
		logger.Info("ready", "endpoint", endpoint, "data", data.path, "version", b.Version, "dur", time.Since(began))
	}
	notify("READY=1", logger)
	return runUntilStopped(ctx, s, signals, logger)
}

// runUntilStopped waits for a signal or a failure. The first signal stops the server in order, the second at
// once; nothing that was acknowledged depends on the order.
func runUntilStopped(ctx context.Context, s *server.Server, signals <-chan os.Signal, logger *slog.Logger) error {
	select {
	case err := <-s.Failed():
		logger.Error("the server cannot go on", "err", err)
		return &failure{code: exitFailed, what: err.Error(), hints: []string{"What was acknowledged is on the disk. Check the disk, then start again:  forebay doctor"}}
	case got := <-signals:
		logger.Info("stopping", "signal", got.String())
	case <-ctx.Done():
		logger.Info("stopping", "cause", context.Cause(ctx).Error())
	}
	notify("STOPPING=1", logger)
	began := time.Now()
	stopped := make(chan error, 1)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	go func() { stopped <- s.Shutdown(limit) }()
	select {
	case err := <-stopped:
		logger.Info("stopped", "dur", time.Since(began).Round(time.Microsecond))
		return err
	case <-signals:
		return &failure{code: exitInterrupted, what: "stopped at once by a second signal"}
	}
}

func logLevel(name string) slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(name)) // config has checked it
	return level
}

// queuesMax turns the setting into the option, in which zero is the default and a negative number none.
func queuesMax(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// prepareFolder finds or makes the data folder.
func prepareFolder(cfg *config.Config, values []config.Value) (folder, error) {
	if cfg.Ephemeral {
		path, err := os.MkdirTemp("", "forebay-")
		return folder{path: path, ephemeral: true, named: true}, err
	}
	path, err := config.DataFolder(cfg.Data, os.LookupEnv)
	if err != nil {
		return folder{}, err
	}
	data := folder{path: path, named: cfg.Data != ""}
	if _, err := os.Stat(filepath.Join(path, "FORMAT")); errors.Is(err, fs.ErrNotExist) {
		data.created = true
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return folder{}, &failure{code: exitFailed, what: "the data folder cannot be made: " + err.Error(),
			hints: []string{"Use another folder:  forebay serve --data FOLDER"}, err: err}
	}
	return data, nil
}

func tlsOf(cfg *config.Config, logger *slog.Logger) (*tls.Config, error) {
	if cfg.TLSCert == "" {
		return nil, nil
	}
	c, err := access.OpenCertificates(access.CertificateFiles{Certificate: cfg.TLSCert, Key: cfg.TLSKey, ClientCA: cfg.TLSClientCA})
	if err != nil {
		return nil, &failure{code: exitUsage, what: err.Error(), hints: []string{"Check --tls-cert, --tls-key and --tls-client-ca"}, err: err}
	}
	c.Logger = logger
	return c.Config(), nil
}

// startFailure words why the data folder cannot be used.
func startFailure(path string, err error) error {
	text, _, _ := strings.Cut(err.Error(), " (")
	switch {
	case strings.Contains(text, " is in use by "):
		return &failure{code: exitConflict, what: text + commandOfHolder(path), err: err,
			hints: []string{"Stop it first, or use another folder:  forebay serve --data FOLDER"}}
	case strings.Contains(text, "newer Forebay"):
		return &failure{code: exitConflict, what: err.Error(), err: err,
			hints: []string{"Start the newer version, or restore a backup:  forebay restore BACKUP --data FOLDER"}}
	case errors.Is(err, fs.ErrPermission):
		return &failure{code: exitDenied, what: err.Error(), err: err,
			hints: []string{"Give this user the folder, or use another one:  forebay serve --data FOLDER"}}
	}
	return err
}

// commandOfHolder is the command line of the process that has locked a data folder, where the machine tells.
func commandOfHolder(path string) string {
	pid, err := os.ReadFile(filepath.Join(path, "pid"))
	if err != nil {
		return ""
	}
	line, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "cmdline"))
	if err != nil {
		return ""
	}
	words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	if len(words) < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s %s)", filepath.Base(words[0]), words[1])
}

// announce notes in the folder of a process where it can be reached, and in state, unless that is empty, that there is such
// a server, for commands on this machine. The returned function takes the notes away.
func announce(path, state, endpoint string, logger *slog.Logger) (leave func()) {
	leave, err := where.Announce(path, state, endpoint)
	if err != nil {
		logger.Warn("commands on this machine may not find this process by themselves", "err", err)
	}
	return leave
}
