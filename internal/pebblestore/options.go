package pebblestore

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/datafolder"
)

// Options are what a Store is opened with. The zero value is right for a server on a disk.
type Options struct {
	// FS holds the data folder; nil is the disk. vfs.NewMem makes a store in memory.
	FS vfs.FS
	// ReadOnly opens an existing store to look at it: Commit fails, and no file changes but the lock and the pid.
	ReadOnly bool
	// AcceptLoss opens a store that is behind its witness, or whose witness is missing or damaged, and goes
	// on with what is there.
	AcceptLoss bool
	// Witness is a file on disk outside the data folder, or a folder for it, that notices when the whole data folder is put back
	// as it was earlier. Empty is none. ReadOnly leaves it alone.
	Witness string
	// GroupRead lets the group of the data folder read what the store keeps there; without it that is for the owner alone.
	GroupRead bool
	// Logger may be nil.
	Logger *slog.Logger

	// CacheBytes is the memory for blocks read from disk; zero is 64 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one memtable; two may be in memory. Zero is 64 MiB, or less when the disk
	// is small. Messages consumed while they are in a memtable are never written a second time.
	MemTableBytes int64

	// SpaceLow is how many free bytes make Space return SpaceLow, SpaceFull when SpaceFull. Zero is a default
	// that depends on the disk and on MemTableBytes (see fitDisk); -1 never.
	SpaceLow, SpaceFull int64
	// Ballast is the size of a file that can be deleted when the disk is full (FreeBallast), so that there is
	// room to start again. Zero is 16 MiB, or less when the disk is small; -1 none.
	Ballast int64
	// Usage tells the free and total bytes of the disk; nil asks FS. A file system that does not know, as one
	// in memory, is not watched.
	Usage func() (free, total int64, err error)

	// ScrubEvery is the time between two background reads of every block; zero is a week, -1 never.
	ScrubEvery time.Duration
	// ScrubRate bounds the bytes a second that a scrub reads; zero is 8 MiB.
	ScrubRate int64

	// Fatal is called once, from any goroutine, when a write or sync has failed, damage was found or the disk
	// is stuck. It must end the process: what is on the disk is unknown until it is opened again. Nil logs
	// the error and exits with status 70.
	Fatal func(error)
	// OnCommit, if not nil, is called for each synced group of batches: the time from its start until it was
	// durable, its encoded bytes, and its changes. It must be quick.
	OnCommit func(d time.Duration, bytes, changes int)
	// OnSync, if not nil, is called with the time that each group has waited for the disk. It must be quick.
	OnSync func(d time.Duration)
}

const (
	memTableBytes = 64 << 20
	cacheBytes    = 64 << 20
	ballastBytes  = 16 << 20
	scrubEvery    = 7 * 24 * time.Hour
	scrubRate     = 8 << 20
	exitStatus    = 70 // EX_SOFTWARE of sysexits.h
)

// withDefaults fills in what is zero. It does not know the disk yet: MemTableBytes and the limits of space
// are filled in by Open.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.CacheBytes = cmp.Or(o.CacheBytes, cacheBytes)
	o.ScrubEvery = cmp.Or(o.ScrubEvery, scrubEvery)
	o.ScrubRate = cmp.Or(o.ScrubRate, scrubRate)
	if o.Fatal == nil {
		log := o.Logger
		o.Fatal = func(err error) {
			log.Error("the store has failed, the process ends", "err", err)
			os.Exit(exitStatus)
		}
	}
	return o
}

func (o Options) access() datafolder.Access { return datafolder.Access{Group: o.GroupRead} }

func (o Options) validate() error {
	for _, v := range []struct {
		name  string
		value int64
		least int64
	}{
		{"CacheBytes", o.CacheBytes, 0}, {"MemTableBytes", o.MemTableBytes, 0},
		{"SpaceLow", o.SpaceLow, -1}, {"SpaceFull", o.SpaceFull, -1}, {"Ballast", o.Ballast, -1},
		{"ScrubEvery", int64(o.ScrubEvery), -1}, {"ScrubRate", o.ScrubRate, 0},
	} {
		if v.value < v.least {
			return fmt.Errorf("store options: %s is %d, below %d", v.name, v.value, v.least)
		}
	}
	if o.MemTableBytes > 1<<30 {
		return fmt.Errorf("store options: MemTableBytes is %d, above 1 GiB", o.MemTableBytes)
	}
	if o.SpaceLow > 0 && o.SpaceFull > o.SpaceLow {
		return fmt.Errorf("store options: SpaceFull is %d, above SpaceLow, which is %d", o.SpaceFull, o.SpaceLow)
	}
	return nil
}

// pebbleOptions are chosen for two cores and messages that live shortly.
func (s *Store) pebbleOptions(readOnly bool) *pebble.Options {
	o := &pebble.Options{
		// The newest format notices a damaged log, the default one skips what follows the damage.
		FormatMajorVersion: pebble.FormatNewest,
		FS:                 guardFS{s.fs, s.path(storeName), s.failure},
		ReadOnly:           readOnly,
		Logger:             &pebbleLogger{log: s.opts.Logger, failure: s.failure},
		EventListener:      s.listener(),

		CacheSize:           s.opts.CacheBytes,
		MaxManifestFileSize: manifestMax,
		MemTableSize:        uint64(s.opts.MemTableBytes),
		// Compact early: reads pass through every sublevel of L0, and a short L0 keeps compactions small.
		L0CompactionThreshold: 2,
		L0StopWritesThreshold: 12,
		LBaseMaxBytes:         s.opts.MemTableBytes,
		// A purge gives its space back only once its range deletion is flushed.
		FlushDelayDeleteRange: 10 * time.Second,
		// WALMinSyncInterval stays zero: the sync in progress is the batching window.
		// Value separation stays off: it is experimental.
	}
	o.TargetFileSizes[0] = max(s.opts.MemTableBytes/8, 1<<20)
	o.CompactionConcurrencyRange = func() (lower, upper int) { return 1, 2 }
	if s.opts.FS == nil {
		o.WithFSDefaults() // the disk, watched for slow operations
	}
	return o
}
