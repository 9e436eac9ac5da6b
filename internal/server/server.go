// Package server joins the parts of Forebay to one process: store, broker, keys, the SQS front, metrics and
// health. It handles no signals and keeps nothing global, so a test can run many of them side by side.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/audit"
	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/signals"
	"github.com/forebay-mq/forebay/internal/telemetry"
)

// KeysFile is the name of the file with the access keys, in the data folder.
const KeysFile = "keys.json"

// Authenticate tells who sent a request with this body, or refuses it with a *queue.Error.
type Authenticate func(r *http.Request, body []byte) (queue.Caller, error)

// Options are what a server is made of. Data is needed; zero values elsewhere are right for a server on this
// machine.
type Options struct {
	Data string // the data folder; made if missing
	FS   vfs.FS // of the data folder; nil: the disk. The keys file is on the disk in any case

	// Listener is what the server accepts connections from and closes in the end. Nil: it accepts none, and
	// Handler is called by somebody else.
	Listener       net.Listener
	TLS            *tls.Config // nil: plain HTTP
	NetHTTP        bool        // serve plain HTTP by net/http, as TLS is, instead of package http1
	ConnectionsMax int         // open at a time; zero: 20,000; in any case no more than file descriptors allow
	PerAddressMax  int         // of them from one address, trusted proxies aside; zero: three quarters
	BodiesMax      int64       // bytes of memory for the bodies of requests being served; zero: 256 MiB
	CORSOrigins    []string    // sites whose pages may call, "*" for any; none: no pages

	Dev          bool         // accept any credentials, create missing queues
	DevHosts     []string     // names by which a server under Dev may be addressed, see [httpserve.Pages]
	Authenticate Authenticate // nil: the keys of the data folder, or anybody under Dev

	Account        string // 12 digits; empty: 000000000000
	Region         string // empty: us-east-1
	PublicURL      string // base of queue URLs; empty: as the caller addressed the server
	TrustedProxies []netip.Prefix
	NoCoolDown     bool // no 60-second pauses after DeleteQueue and PurgeQueue

	Clock         broker.Clock  // nil: the machine's
	Queue         queue.Options // limits for tests; what Options itself says wins
	AcceptLoss    bool          // open a store that lost acknowledged changes
	Witness       string        // file or folder outside Data that notices when Data is put back; empty: none
	GroupRead     bool          // the group of Data may read it, but for the keys
	CacheBytes    int64         // of message bodies in memory; zero: 64 MiB
	BlockBytes    int64         // of the store's block cache; zero: 64 MiB
	MemTableBytes int64         // of the store's write buffer; zero: 64 MiB, or less on a small disk

	QueuesMax  int  // queues with metrics of their own; zero: telemetry.QueuesMaxDefault, negative: none
	CloudWatch bool // serve /metrics/cloudwatch

	FiguresClosed bool // show figures of queues, /metrics included, only to who has a key

	Audit    func() (io.WriteCloser, error) // opens the audit log, once the data folder is open; nil: there is none
	AuditAll bool                           // the audit log gets every request

	Version  string
	Revision string
	Logger   *slog.Logger // nil: nobody is told
}

// Server is a running server. Start makes one.
type Server struct {
	opts   Options
	log    *slog.Logger
	store  *pebblestore.Store
	broker *broker.Broker
	keys   *access.Keys // nil under Dev and with an Authenticate from outside
	auth   Authenticate
	heads  func(*http.Request) (known bool, err error) // see sqs.Options.Recognize; nil: every request names a key
	pages  *httpserve.Pages                            // nil: signatures keep pages out
	pace   *httpserve.Pace                             // of answers to strangers

	basicAuth func(*http.Request) (queue.Caller, error) // nil: there are no keys

	metrics *telemetry.Metrics
	signals *signals.Recorder
	audit   *audit.Log // nil: none is kept
	handler http.Handler
	http    *httpserve.Server // nil without a listener

	closeAudit func() error
	endSignals func() // ends the sampling and waits for that
	endKeys    func() // ends the watch over keys, writes down when they were used, and waits for that

	newKeys  bool
	draining atomic.Bool
	broken   atomic.Bool
	failed   chan error     // receives once when the server cannot go on
	serving  sync.WaitGroup // of the goroutines of this package
	stop     sync.Once
	stopErr  error
	stopped  chan struct{} // closed when Shutdown is done
	backups  sync.Mutex    // one at a time
}

// Start opens the data folder and begins to serve. ctx is for starting only; Shutdown ends the server.
// It fails with a text for people when the folder is in use, was written by a newer version, or has lost
// something.
func Start(ctx context.Context, opts Options) (*Server, error) {
	opts.Account = cmp.Or(opts.Account, "000000000000")
	opts.Region = cmp.Or(opts.Region, "us-east-1")
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: opts, log: opts.Logger, pace: httpserve.NewPace(httpserve.PaceOptions{}), failed: make(chan error, 1), stopped: make(chan struct{})}
	if err := s.openStore(); err != nil {
		return nil, err
	}
	if err := errors.Join(ctx.Err(), s.openKeys()); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	if err := s.openAudit(); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	if err := s.openBroker(); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	s.openSignals()
	s.handler = s.routes()
	s.serving.Go(s.watch)
	if opts.Listener != nil {
		s.serve()
	}
	return s, nil
}

// openStore opens the data folder. The metrics must be there before it, for the hooks; they read the store
// and the broker only when they are asked, which nobody does before Start returns.
func (s *Server) openStore() error {
	queuesMax := s.opts.QueuesMax
	s.metrics = telemetry.NewMetrics(prometheus.NewRegistry(), telemetry.Options{
		Version: s.opts.Version, Revision: s.opts.Revision, QueuesMax: queuesMax,
		Source: telemetry.Source{
			Stats:     func(max int) ([]queue.Stats, int) { return s.broker.Stats(max) },
			Rates:     func(stats *queue.Stats) []telemetry.Rate { return s.rates(stats) },
			Totals:    func() queue.Counters { return s.broker.Totals() },
			LongPolls: func() int { return s.broker.LongPolls() },
			Ready:     s.Ready,
			Store:     s.storeFigures,
		},
	})
	var err error
	s.store, err = pebblestore.Open(s.opts.Data, pebblestore.Options{
		FS:            s.opts.FS,
		AcceptLoss:    s.opts.AcceptLoss,
		Witness:       s.opts.Witness,
		GroupRead:     s.opts.GroupRead,
		Logger:        s.log,
		CacheBytes:    s.opts.BlockBytes,
		MemTableBytes: s.opts.MemTableBytes,
		Fatal: func(err error) {
			s.metrics.StoreError("write")
			s.fail(fmt.Errorf("the store has failed: %w", err))
		},
		OnCommit: func(took time.Duration, _, changes int) { s.metrics.Commit(took, changes) },
		OnSync:   s.metrics.Sync,
	})
	return err
}

func (s *Server) openBroker() error {
	options := s.opts.Queue
	options.Account, options.Region = s.opts.Account, s.opts.Region
	options.NoCoolDown = options.NoCoolDown || s.opts.NoCoolDown
	options.AutoCreate = options.AutoCreate || s.opts.Dev
	options.CacheBytes = cmp.Or(s.opts.CacheBytes, options.CacheBytes)
	var err error
	s.broker, err = broker.Open(s.store, broker.Options{Queue: options, Clock: s.opts.Clock, Logger: s.log})
	if err == nil {
		s.watchKeys()
	}
	return err
}

// watch passes on a failure of the broker.
func (s *Server) watch() {
	select {
	case err := <-s.broker.Failed():
		s.fail(err)
	case <-s.stopped:
	}
}

// fail reports that the server cannot go on. Only the first report counts.
func (s *Server) fail(err error) {
	s.broken.Store(true)
	select {
	case s.failed <- err:
	default:
	}
}

// Handler answers all requests of the server.
func (s *Server) Handler() http.Handler { return s.handler }

// Service is the API behind the handler, for a caller in the same process.
func (s *Server) Service() queue.Service { return s.broker }

// Addr is where the server listens; nil without a listener.
func (s *Server) Addr() net.Addr {
	if s.opts.Listener == nil {
		return nil
	}
	return s.opts.Listener.Addr()
}

// KeysCreated reports whether this start made the root key.
func (s *Server) KeysCreated() bool { return s.newKeys }

// Failed receives one error when the server cannot go on: the process must end then, without waiting for
// Shutdown, and with an exit code that is not zero.
func (s *Server) Failed() <-chan error { return s.failed }

// Ready reports whether the server takes work.
func (s *Server) Ready() bool { return telemetry.Ready(s.checks()) }

func (s *Server) checks() []telemetry.Check {
	return []telemetry.Check{
		{Name: "store", OK: func() bool { return !s.broken.Load() }},
		{Name: "disk", OK: func() bool { return s.store.Space() != broker.SpaceFull }},
		{Name: "serving", OK: func() bool { return !s.draining.Load() }},
	}
}

func (s *Server) storeFigures() telemetry.Store {
	m := s.store.Metrics()
	return telemetry.Store{
		WALBytes: m.WALBytes, DiskBytes: m.DiskBytes, FreeBytes: m.FreeBytes,
		Compactions: m.Compactions, WriteStalls: m.WriteStalls, Recovery: m.Recovery, WitnessLate: m.WitnessLate,
	}
}

// Shutdown stops in stages: refuse to be ready, answer long polls with what there is, finish the requests that
// are being answered, commit, close the store. ctx bounds the wait for requests; what has been acknowledged is
// safe in any case. It may be called several times; all calls return the same.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop.Do(func() {
		s.stopErr = s.shutdown(ctx)
		close(s.stopped)
		s.serving.Wait()
	})
	return s.stopErr
}

func (s *Server) shutdown(ctx context.Context) error {
	s.draining.Store(true)
	var errs []error
	stage := func(name string, f func() error) {
		began := time.Now()
		err := f()
		s.log.Info("stopping", "stage", name, "dur", time.Since(began).Round(time.Microsecond), "ok", err == nil)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	answered := make(chan error, 1)
	if s.http != nil {
		// New connections are refused first, so that no long poll begins after the others were answered.
		go func() { answered <- s.http.Shutdown(ctx) }()
	} else {
		answered <- nil
	}
	stage("answer long polls", func() error { s.broker.Drain(errDraining); return nil })
	stage("finish requests", func() error {
		err := <-answered
		if err != nil {
			err = errors.Join(err, s.http.Close())
		}
		return err
	})
	stage("keep the history", func() error { s.endSignals(); return nil })
	stage("keep when keys were used", func() error { s.endKeys(); return nil })
	stage("commit", s.broker.Close)
	stage("close the store", s.store.Close)
	stage("close the audit log", s.closeAudit)
	return errors.Join(errs...)
}

// errDraining is why long polls end when the server stops.
var errDraining = errors.New("the server is stopping")

// KeysPath is where the keys of a data folder are.
func KeysPath(data string) string { return filepath.Join(data, KeysFile) }

// hasKeys reports whether the data folder on the disk has a keys file.
func hasKeys(data string) bool {
	_, err := os.Stat(KeysPath(data))
	return err == nil
}
