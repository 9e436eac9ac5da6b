package pebblestore

import "time"

// Metrics is what the store tells about itself. Counters start at zero with Open.
type Metrics struct {
	Commits          uint64        // batches ever committed to this store and durable
	Changes          uint64        // changes in them
	WALBytes         int64         // of logs on disk
	DiskBytes        int64         // of all files of the database
	FreeBytes        int64         // of the disk; -1 when unknown
	MemTableBytes    int64         // of memory
	CacheBytes       int64         // of memory
	WaitingBytes     int64         // of batches whose Commit is not done
	Compactions      int64         // counter
	Flushes          int64         // counter
	WriteStalls      int64         // counter: commits had to wait for flushes or compactions
	SlowDisk         int64         // counter: syncs of 100 ms or more, and looks at operations stuck for 5 s
	BackgroundErrors int64         // counter: flushes or compactions that failed and were tried again
	WitnessLate      bool          // the witness outside the data folder cannot be written
	Recovery         time.Duration // how long Open took
}

// Metrics returns the present figures; after Close only what needs no database.
func (s *Store) Metrics() Metrics {
	reached := s.witness.durable()
	m := Metrics{
		Commits:          reached.commits,
		Changes:          reached.changes,
		FreeBytes:        s.space.free.Load(),
		WaitingBytes:     s.commits.waitingBytes(),
		WriteStalls:      s.counts.writeStalls.Load(),
		SlowDisk:         s.counts.slowDisk.Load(),
		BackgroundErrors: s.counts.backgroundErrors.Load(),
		WitnessLate:      s.outside.behind(),
		Recovery:         s.recovery,
	}
	if s.use() != nil {
		return m
	}
	defer s.release()
	p := s.db.Metrics()
	m.WALBytes = int64(p.WAL.PhysicalSize)
	m.DiskBytes = int64(p.DiskSpaceUsage())
	m.MemTableBytes = int64(p.MemTable.Size)
	m.CacheBytes = p.BlockCache.Size
	m.Compactions = p.Compact.Count
	m.Flushes = p.Flush.Count
	return m
}
