package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Report is what Verify has found.
type Report struct {
	Tables  int      // files read
	Bytes   int64    // bytes of them
	Damaged []string // one line for each damaged file: its path and what is wrong
}

// Verify reads every block of every table and compares the checksums. It may run beside commits; tables that
// a compaction removes meanwhile are left out. The logs need no second look: Open reads them, and while the
// store is open their content is in memory too. Nothing is repaired. The error is ctx's, or says why the
// reading could not go on; what was found until then is in the report.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	return s.verify(ctx, 0)
}

// verify reads at most rate bytes a second; zero is as fast as it goes.
func (s *Store) verify(ctx context.Context, rate int64) (Report, error) {
	var report Report
	if err := s.use(); err != nil {
		return report, err
	}
	defer s.release()
	levels, err := s.db.SSTables()
	if err != nil {
		return report, fmt.Errorf("verify: %w", err)
	}
	seen := make(map[string]bool)
	for _, level := range levels {
		for _, table := range level {
			name := s.fs.PathJoin(s.path(storeName), fmt.Sprintf("%s.sst", table.BackingSSTNum))
			if seen[name] {
				continue // several tables may share a file
			}
			seen[name] = true
			n, err := s.verifyTable(ctx, name, rate)
			if cause := context.Cause(ctx); cause != nil {
				return report, cause
			}
			if errors.Is(err, os.ErrNotExist) && !s.tableExists(name) {
				continue
			}
			report.Tables++
			report.Bytes += n
			if err != nil {
				report.Damaged = append(report.Damaged, fmt.Sprintf("%s: %v", name, err))
			}
		}
	}
	return report, nil
}

// tableExists reports whether the database still counts on a file.
func (s *Store) tableExists(name string) bool {
	levels, err := s.db.SSTables()
	if err != nil {
		return true
	}
	for _, level := range levels {
		for _, table := range level {
			if strings.HasSuffix(name, fmt.Sprintf("%s.sst", table.BackingSSTNum)) {
				return true
			}
		}
	}
	return false
}

// verifyTable reads one table and returns its size.
func (s *Store) verifyTable(ctx context.Context, name string, rate int64) (int64, error) {
	file, err := s.fs.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return 0, err
	}
	readable, err := sstable.NewSimpleReadable(&pacedFile{File: file, ctx: ctx, rate: rate})
	if err != nil {
		return 0, errors.Join(err, file.Close())
	}
	opts := new(pebble.Options)
	opts.FS = s.fs
	opts.EnsureDefaults()
	// The reader closes the file, also when it cannot be made.
	reader, err := sstable.NewReader(ctx, readable, opts.MakeReaderOptions())
	if err != nil {
		return readable.Size(), err
	}
	return readable.Size(), errors.Join(reader.ValidateBlockChecksums(), reader.Close())
}

// pacedFile reads slowly, so that a scrub leaves the disk to the others, and stops when ctx ends.
type pacedFile struct {
	vfs.File
	ctx  context.Context
	rate int64 // bytes a second; zero is unbounded
}

// ReadAt implements io.ReaderAt.
func (f *pacedFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := f.File.ReadAt(p, off)
	if f.rate > 0 {
		pause(f.ctx, time.Duration(int64(n)*int64(time.Second)/f.rate))
	}
	return n, err
}

// pause waits for d or until ctx ends, and reports whether d has passed.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// scrubLoop verifies the store every ScrubEvery, counted over restarts, until ctx ends. Damage stops the process: the
// files stay as they are, and a backup is restored while it is still young.
func (s *Store) scrubLoop(ctx context.Context) {
	for pause(ctx, s.untilScrub(time.Now())) {
		began := time.Now()
		report, err := s.verify(ctx, s.opts.ScrubRate)
		if ctx.Err() != nil {
			return
		}
		if len(report.Damaged) > 0 {
			s.failure.fail(fmt.Errorf("the scrub has found %d damaged files, which are kept as they are: %s",
				len(report.Damaged), strings.Join(report.Damaged, "; ")))
			return
		}
		if err == nil {
			err = s.writeScrubbed(time.Now())
		}
		if err != nil {
			s.opts.Logger.Warn("the scrub was not completed", "err", err)
			pause(ctx, time.Hour)
			continue
		}
		s.opts.Logger.Info("the scrub has read the whole store and found no damage",
			"tables", report.Tables, "bytes", report.Bytes, "duration", time.Since(began))
	}
}

// untilScrub is the time left until the next scrub. A store that has never been scrubbed starts to count now.
func (s *Store) untilScrub(now time.Time) time.Duration {
	text, err := readFile(s.fs, s.path(scrubbedName))
	last, parseErr := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil || parseErr != nil {
		if err := s.writeScrubbed(now); err != nil {
			s.opts.Logger.Warn("cannot note the time of the scrub", "err", err)
		}
		return s.opts.ScrubEvery
	}
	// The clock may have been set: never wait longer than the whole time.
	return min(max(last.Add(s.opts.ScrubEvery).Sub(now), 0), s.opts.ScrubEvery)
}

func (s *Store) writeScrubbed(at time.Time) error {
	return writeFile(s.fs, s.path(scrubbedName), []byte(at.UTC().Format(time.RFC3339)+"\n"))
}
