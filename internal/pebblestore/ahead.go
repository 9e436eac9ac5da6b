package pebblestore

import (
	"math"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// aheadBytes is by how much a commit log is made longer at a time.
	aheadBytes = 1 << 20
	// aheadRest is how much room a log has left when it is made longer, beside the writes that use that up.
	aheadRest = aheadBytes / 2
)

// logFile is a commit log. It is kept longer than what was written to it, by zeros that are on the disk before a record is
// written over them. So a sync writes what is in the file and nothing about it: it needs no journal, waits for none, and
// cannot be told that all is well by one that was given up. Pebble reads the zeros as the end, as it does what is behind the
// end of a log that it uses a second time; those have their length already. See docs/decisions/0014.
//
// It is used by one goroutine at a time. Another one, while growing is not nil, writes zeros behind length, where nothing else
// is written.
type logFile struct {
	guardFile
	at      int64      // where the next write goes
	length  int64      // of what may be written to; the file grows no more once it is math.MaxInt64
	growing chan int64 // receives the next length, from the goroutine that makes the file longer
}

// zeros is what a log is made longer by.
var zeros [aheadBytes]byte

// newLogFile takes a file that is written from its start.
func newLogFile(f guardFile) *logFile {
	l := &logFile{guardFile: f, length: math.MaxInt64}
	_, own := f.File.(lengthener)
	if !own && f.Fd() == vfs.InvalidFd {
		return l // in memory: there is no disk to be ahead of
	}
	if info, err := f.Stat(); err == nil {
		l.length = info.Size()
	}
	return l
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	end := l.at + int64(len(p))
	if end > l.length {
		l.grown()
	}
	if end > l.length {
		l.grow(end)
		l.grown()
	}
	n, err := l.guardFile.Write(p)
	l.at += int64(n)
	l.length = max(l.length, l.at) // zeros never go over a record
	if _, own := l.File.(lengthener); !own && l.length-l.at < aheadRest {
		l.grow(l.length)
	}
	return n, err
}

// Close implements io.Closer.
func (l *logFile) Close() error {
	l.grown()
	return l.guardFile.Close()
}

// grow begins to make the file longer than end, if that has not begun.
func (l *logFile) grow(end int64) {
	if l.growing != nil {
		return
	}
	growing := make(chan int64, 1)
	go func(from, to int64) { growing <- l.lengthen(from, to) }(l.length, (end/aheadBytes+1)*aheadBytes)
	l.growing = growing
}

// grown waits for what grow has begun.
func (l *logFile) grown() {
	if l.growing != nil {
		l.length = <-l.growing
		l.growing = nil
	}
}

// lengthen writes zeros and syncs them, and returns the length of the file, or math.MaxInt64 when it grows no more. A failed
// sync is the failure of the store, as it is after a commit: it may have been about one.
func (l *logFile) lengthen(from, to int64) int64 {
	if own, ok := l.File.(lengthener); ok {
		length, err := own.Lengthen(from, to)
		if err != nil {
			return math.MaxInt64
		}
		return length
	}
	for from < to {
		n, err := l.WriteAt(zeros[:min(to-from, aheadBytes)], from)
		if err != nil {
			return math.MaxInt64 // a write will say so, if it matters
		}
		from += int64(n)
	}
	_ = l.SyncData() // does not return when it fails
	return to
}

// lengthener is a file that knows a way of its own to become longer. Length says what it is afterwards.
type lengthener interface {
	Lengthen(from, to int64) (length int64, err error)
}
