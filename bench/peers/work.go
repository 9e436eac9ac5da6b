package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	bodyBytes  = 1024
	aheadMax   = 5_000            // messages that may wait before producers pause
	workGrace  = 90 * time.Second // that a work may take longer than it was asked to
	waitMax    = time.Second      // of a receive that finds nothing
	batchBulk  = 10
	pauseAhead = time.Millisecond
)

// errNoBatches says that the protocol of a server cannot do what a work asks for. It is an answer, not a failure.
var errNoBatches = errors.New("the protocol has no batches")

// work is one thing that all servers do.
type work struct {
	name    string
	send    bool // only sends; otherwise it sends, receives and acknowledges all at once
	batch   int
	backlog bool // first fills the queue
}

var works = []work{
	{name: "send", send: true, batch: 1},
	{name: "send by ten", send: true, batch: batchBulk},
	{name: "pipeline", batch: 1},
	{name: "pipeline by ten", batch: batchBulk},
	{name: "pipeline by ten behind a backlog", batch: batchBulk, backlog: true},
}

// warmUp are the works that a server does before it is measured.
var warmUp = works[2:4]

// plan is how long and how hard each work is done.
type plan struct {
	duration    time.Duration // of one measurement
	warm        time.Duration // of work that does not count, after each start; zero: none
	rounds      int
	connections int           // that send, and as many that receive
	backlog     int           // messages
	fill        time.Duration // at most, for the backlog
}

// limit is when a work is given up.
func (p plan) limit(w work) time.Duration {
	limit := p.duration + workGrace
	if w.backlog {
		limit += p.fill
	}
	return limit
}

// measurement is one work done once.
type measurement struct {
	PerSecond float64 `json:"messagesPerSecond"` // that went all the way
	P50       float64 `json:"p50"`               // of sends, in milliseconds
	P99       float64 `json:"p99"`
	Seconds   float64 `json:"seconds"`
	Note      string  `json:"note,omitempty"` // what was not as planned
}

// driver makes a running server work.
type driver interface {
	// work does one work, on a queue of its own. errNoBatches means that the protocol cannot.
	work(ctx context.Context, p plan, w work) (measurement, error)
}

// server is one way to run one of the programs that are compared.
type server struct {
	name     string
	settings string // what is not its default, for people
	fsynced  string // whether an acknowledged message is on disk: yes, no, and what else is to say
	install  func(context.Context, *shop) (version string, err error)
	start    func(context.Context, *shop, *stage) (driver, error)
}

// enact starts the server on an empty folder, does the works in turn, and ends it. tell is told about each.
func (v server) enact(ctx context.Context, s *shop, p plan, todo []work, tell func(work, measurement, error)) (err error) {
	folder, err := os.MkdirTemp(s.folder, "run-")
	if err != nil {
		return err
	}
	// A server that must not be root has to reach its own folder.
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	stage := &stage{folder: folder}
	defer func() { err = errors.Join(err, stage.close()) }()
	driver, err := v.start(ctx, s, stage)
	if err != nil {
		return fmt.Errorf("not started: %w", err)
	}
	if err := warm(ctx, driver, p); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	for _, w := range todo {
		limited, cancel := context.WithTimeout(ctx, p.limit(w))
		m, err := driver.work(limited, p, w)
		cancel()
		if !errors.Is(err, errNoBatches) {
			err = errors.Join(err, stage.alive())
		}
		tell(w, m, err)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// warm lets a server work before it is measured: some run on machines that compile what they do often. How well it
// does is not looked at, because the measurements come from the same works.
func warm(ctx context.Context, d driver, p plan) error {
	if p.warm == 0 {
		return nil
	}
	p.duration = p.warm / time.Duration(len(warmUp))
	for _, w := range warmUp {
		limited, cancel := context.WithTimeout(ctx, p.limit(w))
		_, _ = d.work(limited, p, w)
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// path is below the stage's folder.
func (s *stage) path(elements ...string) string {
	return filepath.Join(append([]string{s.folder}, elements...)...)
}

// write writes a file below the stage's folder and returns its path.
func (s *stage) write(name, text string) (string, error) {
	path := s.path(name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
