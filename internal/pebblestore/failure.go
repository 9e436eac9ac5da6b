package pebblestore

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// failure remembers the first reason why the store cannot be trusted any more. There is no way back: after a
// failed write or sync nobody knows what is on the disk until it is read again by a new process.
type failure struct {
	done chan struct{} // closed at the failure
	err  error         // read after done is closed

	mu    sync.Mutex
	wake  func()      // after done was closed; nil while the store opens
	fatal func(error) // ends the process; nil while the store opens, which then returns err
}

func newFailure() *failure { return &failure{done: make(chan struct{})} }

// arm makes later failures end the process. It returns the error of an earlier one.
func (f *failure) arm(wake func(), fatal func(error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake, f.fatal = wake, fatal
	return f.check()
}

// fail records err, unless there was a failure before, and ends the process.
func (f *failure) fail(err error) {
	f.mu.Lock()
	if f.failed() {
		f.mu.Unlock()
		return
	}
	f.err = err
	close(f.done)
	wake, fatal := f.wake, f.fatal
	f.mu.Unlock()
	if fatal == nil {
		return
	}
	wake()
	fatal(err)
}

func (f *failure) failed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// check returns the error of the failure, or nil.
func (f *failure) check() error {
	if f.failed() {
		return f.err
	}
	return nil
}

// pebbleLogger is Pebble's log. What Pebble tells of its ordinary work is for debugging.
type pebbleLogger struct {
	log     *slog.Logger
	failure *failure
	errors  limiter
}

// Infof implements pebble.Logger.
func (l *pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l *pebbleLogger) Errorf(format string, args ...any) {
	if skipped, ok := l.errors.allow(time.Now()); ok {
		l.log.Error("pebble: "+fmt.Sprintf(format, args...), "skipped", skipped)
	}
}

// Fatalf implements pebble.Logger. Pebble goes on as if nothing had happened when it returns, so it does not,
// not even when the process is a test that lives on.
func (l *pebbleLogger) Fatalf(format string, args ...any) {
	l.failure.fail(fmt.Errorf(format, args...))
	select {}
}

// limiter lets one line a second through. A full disk makes Pebble report the same error without a pause.
type limiter struct {
	mu      sync.Mutex
	last    time.Time
	skipped int
}

// allow reports whether to log now, and how many lines were left out before.
func (l *limiter) allow(now time.Time) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < time.Second {
		l.skipped++
		return 0, false
	}
	skipped, l.last, l.skipped = l.skipped, now, 0
	return skipped, true
}

// backgroundPause slows the retries of a flush or compaction that fails, so that a full disk does not keep a
// core busy. Pebble calls with a lock held; only a commit that needs a new memtable waits for it.
const backgroundPause = 100 * time.Millisecond

// stallMax is how long one disk operation may take. A disk that is stuck is better left to another process
// or machine than waited for in silence.
const stallMax = 20 * time.Second

// listener turns Pebble's events into log lines, counters and failures.
func (s *database) listener() *pebble.EventListener {
	log := s.log
	var background limiter
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.counts.backgroundErrors.Add(1)
			if pebble.IsCorruptionError(err) {
				go s.failure.fail(fmt.Errorf("damaged data: %w", err))
			}
			if skipped, ok := background.allow(time.Now()); ok {
				log.Error("the store's background work does not succeed and is tried again",
					"err", err, "skipped", skipped)
			}
			time.Sleep(backgroundPause)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			go s.failure.fail(fmt.Errorf("damaged data in %s, which is kept as it is: %w", info.Path, info.Details))
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			// This goroutine must not wait for a disk, and a log may be on one.
			go s.diskSlow(info)
		},
		LowDiskSpace: func(info pebble.LowDiskSpaceInfo) {
			log.Warn("disk space goes down", "free", info.AvailBytes, "total", info.TotalBytes)
		},
		FlushEnd:        func(pebble.FlushInfo) { s.witness.touch() },
		CompactionEnd:   func(pebble.CompactionInfo) { s.witness.touch() },
		ManifestCreated: func(pebble.ManifestCreateInfo) { s.witness.touch() },
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.counts.writeStalls.Add(1)
			log.Warn("commits wait for flushes or compactions", "reason", info.Reason)
		},
	}
}

// syncSlow is told of syncs that took slowSync or more, after them.
func (s *database) syncSlow(d time.Duration) {
	s.counts.slowDisk.Add(1)
	if skipped, ok := s.slowLog.allow(time.Now()); ok {
		s.log.Warn("the disk was slow to sync", "duration", d, "skipped", skipped)
	}
}

// diskSlow is told of operations that have not ended after 5 s, again and again.
func (s *database) diskSlow(info pebble.DiskSlowInfo) {
	s.counts.slowDisk.Add(1)
	if info.Duration < stallMax {
		s.log.Warn("the disk is slow", "file", info.Path, "duration", info.Duration)
		return
	}
	s.failure.fail(fmt.Errorf("the disk has not answered for %v (%s)", info.Duration.Round(time.Second), info.Path))
}
