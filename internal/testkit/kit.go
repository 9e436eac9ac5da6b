package testkit

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs"
)

// Account and Region are what a Kit's server runs as. Base is the address that its clients use.
const (
	Account = "000000000000"
	Region  = "us-east-1"
	Base    = "http://sqs.test:4566"
)

// storeDir is where the store lives on the in-memory disk.
const storeDir = "data"

// Options change what a Kit's server is built with. The zero value is the plain server without signatures.
type Options struct {
	Queue          queue.Options                                     // Account, Region and Epoch are filled in
	Authenticate   func(*http.Request, []byte) (queue.Caller, error) // nil: everybody is the owner
	PublicURL      string
	TrustedProxies []netip.Prefix
	// NetHTTP serves by net/http, as a server with TLS does, instead of package http1.
	NetHTTP bool
	// Wrap puts a service of the test in front of the broker, to make it fail. Nil: the broker alone.
	Wrap func(queue.Service) queue.Service
}

// Kit is a running server and its world. It lives in a synctest bubble and is for one test.
type Kit struct {
	t    testing.TB
	opts Options
	fs   *crashfs.FS
	logs *logs

	network *network
	store   *pebblestore.Store
	broker  *broker.Broker
	server  *httpserve.Server
	client  *http.Client

	requestIDs sync.Map // every x-amzn-RequestId seen
}

// Run calls f in a bubble of its own with a started Kit, and stops the Kit afterwards. The test fails when the
// server has panicked, even if it recovered.
func Run(t *testing.T, opts Options, f func(t *testing.T, k *Kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, New(t, opts)) })
}

// New starts a Kit, inside a bubble. It stops when the test ends.
func New(t testing.TB, opts Options) *Kit {
	t.Helper()
	opts.Queue.Account, opts.Queue.Region = Account, Region
	k := &Kit{t: t, opts: opts, fs: crashfs.New(), logs: newLogs()}
	k.start()
	t.Cleanup(func() {
		k.stop()
		for _, line := range k.logs.panics() {
			t.Errorf("the server panicked: %s", line)
		}
	})
	return k
}

// start opens the store on the present disk and serves it on a new network.
func (k *Kit) start() {
	k.t.Helper()
	logger := slog.New(k.logs)
	store, err := pebblestore.Open(storeDir, pebblestore.Options{
		FS:     k.fs,
		Logger: logger,
		Fatal:  func(err error) { panic(err) }, // instead of ending the test's process without a word
	})
	if err != nil {
		k.t.Fatalf("open the store: %v", err)
	}
	b, err := broker.Open(store, broker.Options{Queue: k.opts.Queue, Logger: logger})
	if err != nil {
		k.t.Fatalf("open the broker: %v", err)
	}
	var service queue.Service = b
	if k.opts.Wrap != nil {
		service = k.opts.Wrap(b)
	}
	k.store, k.broker = store, b
	k.network = newNetwork()
	handler := sqs.New(sqs.Options{
		Service:        service,
		Authenticate:   k.opts.Authenticate,
		Account:        Account,
		PublicURL:      k.opts.PublicURL,
		TrustedProxies: k.opts.TrustedProxies,
		Logger:         logger,
	})
	k.server = httpserve.New(httpserve.Options{Handler: handler, NetHTTP: k.opts.NetHTTP, Decides: true, Logger: logger})
	k.client = &http.Client{Transport: &http.Transport{DialContext: k.network.dial, MaxIdleConnsPerHost: 2048}}
	go k.server.Serve(k.network)
}

// stop ends everything in order, as the real process does.
func (k *Kit) stop() {
	k.t.Helper()
	k.Drain()
	k.client.CloseIdleConnections()
	if err := k.server.Close(); err != nil {
		k.t.Errorf("close the server: %v", err)
	}
	if err := k.broker.Close(); err != nil {
		k.t.Errorf("close the broker: %v", err)
	}
	if err := k.store.Close(); err != nil {
		k.t.Errorf("close the store: %v", err)
	}
}

// Restart stops the server cleanly and starts it again on the same disk.
func (k *Kit) Restart() {
	k.t.Helper()
	k.stop()
	k.start()
}

// Crash starts the server again on what a power cut would have left on the disk: nothing that was not synced.
func (k *Kit) Crash() {
	k.t.Helper()
	left := k.fs.CrashClone(vfs.CrashCloneCfg{})
	k.stop()
	k.fs = left
	k.start()
}

// Drain tells the server to finish: long polls end, and nothing new is begun.
func (k *Kit) Drain() { k.broker.Drain(context.Canceled) }

// Advance lets virtual time pass and then waits until the server has done all that fell due. It costs no real
// time.
func (k *Kit) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Settle waits until the server has nothing more to do at the present moment.
func (k *Kit) Settle() { synctest.Wait() }

// HTTP returns the client of the in-memory network, for requests that no [Client] would write.
func (k *Kit) HTTP() *http.Client { return k.client }

// Dial opens a bare connection to the server.
func (k *Kit) Dial() net.Conn {
	k.t.Helper()
	conn, err := k.network.dial(context.Background(), "", "")
	if err != nil {
		k.t.Fatalf("dial: %v", err)
	}
	return conn
}

// Client returns a client that speaks p.
func (k *Kit) Client(p Protocol) *Client { return &Client{Kit: k, Protocol: p} }
