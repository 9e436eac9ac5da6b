package pebblestore

import (
	"math"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// aheadBytes is by how much a commit log is made longer when it is full.
const aheadBytes = 1 << 20

// logFile is a commit log. It is kept longer than what was written to it, by up to aheadBytes of zeros: a sync of a file
// whose length has changed also has to write down the length, which takes one write more on a file system without a
// journal, and on one with a journal waits for that. Pebble reads the zeros as the end, as it does what is behind the end
// of a log that it uses a second time; those have their length already. See docs/decisions/0014.
type logFile struct {
	guardFile
	at     int64 // where the next write goes
	length int64 // of the file; it grows no more once it is math.MaxInt64
}

// newLogFile takes a file that is written from its start.
func newLogFile(f guardFile) *logFile {
	l := &logFile{guardFile: f, length: math.MaxInt64}
	if info, err := f.Stat(); err == nil {
		l.length = info.Size()
	}
	return l
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	if end := l.at + int64(len(p)); end > l.length {
		length, err := lengthen(l.File, l.length, (end/aheadBytes+1)*aheadBytes)
		if err != nil {
			length = math.MaxInt64 // a write will say so, if it matters
		}
		l.length = length
	}
	n, err := l.guardFile.Write(p)
	l.at += int64(n)
	l.length = max(l.length, l.at)
	return n, err
}

// lengthener is a file that knows a way of its own to become longer. Length says what it is afterwards.
type lengthener interface {
	Lengthen(from, to int64) (length int64, err error)
}

// lengthen makes a file longer and returns its length.
func lengthen(f vfs.File, from, to int64) (int64, error) {
	if own, ok := f.(lengthener); ok {
		return own.Lengthen(from, to)
	}
	fd := f.Fd()
	if fd == vfs.InvalidFd {
		return math.MaxInt64, nil
	}
	return to, allocate(fd, from, to-from)
}
