package torture

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/queue"
)

// memTableBytes is small, so that tables are flushed and compacted during a run.
const memTableBytes = 128 << 10

// root may do everything.
var root = queue.Caller{Account: "000000000000", Principal: "arn:aws:iam::000000000000:root", ID: "000000000000", Owner: true}

// server is a broker and its store.
type server struct {
	*broker.Broker
	store *pebblestore.Store
	fatal chan error // receives when the store would end the process
}

// open starts a server on fs. What the options must say for that is filled in.
func open(fs vfs.FS, core queue.Options, opts pebblestore.Options) (*server, error) {
	return openWith(fs, core, opts, func(s *pebblestore.Store) broker.Store { return s })
}

// openWith is open with something between the broker and its store.
func openWith(fs vfs.FS, core queue.Options, opts pebblestore.Options, wrap func(*pebblestore.Store) broker.Store) (*server, error) {
	s := &server{fatal: make(chan error, 1)}
	opts.FS, opts.Fatal = fs, func(err error) { s.fatal <- err }
	opts.MemTableBytes, opts.ScrubEvery = memTableBytes, -1
	var err error
	if s.store, err = pebblestore.Open("data", opts); err != nil {
		return nil, err
	}
	core.Account, core.Region, core.NoCoolDown = root.Account, "us-east-1", true
	if s.Broker, err = broker.Open(wrap(s.store), broker.Options{Queue: core}); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
}

// close stops the server as a signal would.
func (s *server) close() error { return errors.Join(s.Broker.Close(), s.store.Close()) }
