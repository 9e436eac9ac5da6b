package pebblestore

import (
	"cmp"
	"fmt"
)

// disk is what a store is opened on.
type disk struct {
	free, total int64 // bytes; zero is unknown
	fresh       bool  // there is no store yet
}

const (
	diskMin     = 16 << 20 // bytes of the smallest disk that a store is made on
	memTableMin = 1 << 20
)

// fitDisk fills in what depends on the size of the disk and was not given, and refuses a disk on which nothing could be sent.
//
//	memtable  1/32 of the disk, from 1 MiB to 64 MiB
//	low       four memtables, or 2 % of a large disk up to 1 GiB: sends are refused, the queues drain
//	full      two memtables: nothing more is taken
//	ballast   1/16 of the disk, up to 16 MiB
//
// Two memtables may be in memory, and what is in them must still find room as tables: that is full. To drain, a log is written
// and tables are compacted: low leaves another two memtables for that. What is given is kept as it is.
func fitDisk(d disk, opts *Options) error {
	table, low := opts.MemTableBytes, opts.SpaceLow
	spaceLimits(d.total, opts)
	switch {
	case d.total == 0 || low != 0:
		return nil
	case d.total < diskMin && d.fresh:
		return fmt.Errorf("the disk has %s, and a store needs one of at least %s; choose another folder by --data",
			bytesText(d.total), bytesText(diskMin))
	case opts.SpaceLow >= d.total && table > 0:
		return fmt.Errorf("memory.table is %s, and four times that must stay free on the disk, which has %s; leave memory.table out, "+
			"which takes %s here, or set at most %s", bytesText(table), bytesText(d.total), bytesText(memTable(d.total)), bytesText(d.total/8))
	case d.fresh && d.free < opts.SpaceLow:
		return fmt.Errorf("the disk has %s free of %s, and sends are refused below %s: a new store could take nothing; make room, "+
			"or choose another folder by --data", bytesText(d.free), bytesText(d.total), bytesText(opts.SpaceLow))
	}
	return nil
}

// memTable is the size of a memtable on a disk of total bytes; zero is unknown.
func memTable(total int64) int64 {
	if total <= 0 {
		return memTableBytes
	}
	return min(memTableBytes, max(total/32, memTableMin))
}

// spaceLimits fills in the options that are zero, for a disk of total bytes; zero is unknown.
func spaceLimits(total int64, opts *Options) {
	opts.MemTableBytes = cmp.Or(opts.MemTableBytes, memTable(total))
	opts.SpaceLow = cmp.Or(opts.SpaceLow, max(4*opts.MemTableBytes, min(total/50, 1<<30)))
	if opts.SpaceFull == 0 {
		opts.SpaceFull = 2 * opts.MemTableBytes
		if opts.SpaceLow > 0 {
			opts.SpaceFull = min(opts.SpaceFull, opts.SpaceLow)
		}
	}
	if opts.Ballast == 0 {
		opts.Ballast = ballastBytes
		if total > 0 {
			opts.Ballast = min(ballastBytes, total/16)
		}
	}
}

// SpaceNeeded returns below how many free bytes a store with the default options refuses sends, on a disk of total bytes.
func SpaceNeeded(total int64) int64 {
	var opts Options
	spaceLimits(total, &opts)
	return opts.SpaceLow
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
