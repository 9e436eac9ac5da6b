package gateway

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// accessLookEvery is how often it is looked whether the file of an access log was moved away.
const accessLookEvery = time.Second

// OpenAccessLog returns where an access log goes: "stdout", "stderr", or a file, which is made for its owner alone
// and appended to. A file that is moved or removed, as log rotation does, is made again within a second of the next
// request. Write is called by one goroutine at a time; the caller closes what it gets.
func OpenAccessLog(to string) (io.WriteCloser, error) {
	switch to {
	case "stdout":
		return stream{os.Stdout}, nil
	case "stderr":
		return stream{os.Stderr}, nil
	}
	f := &accessFile{path: to}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("the access log cannot be opened: %w; give stdout, stderr or a file in a folder that exists", err)
	}
	return f, nil
}

// stream is not closed, since it is not the log's alone.
type stream struct{ io.Writer }

// Close implements io.Closer.
func (stream) Close() error { return nil }

type accessFile struct {
	path   string
	file   *os.File // nil after a failure
	looked time.Time
}

func (f *accessFile) open() (err error) {
	f.file, err = os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		f.file = nil
	}
	f.looked = time.Now()
	return err
}

// Write implements io.Writer.
func (f *accessFile) Write(p []byte) (int, error) {
	if f.file != nil && time.Since(f.looked) >= accessLookEvery {
		f.looked = time.Now()
		at, err := os.Stat(f.path)
		own, ownErr := f.file.Stat()
		if err != nil || ownErr != nil || !os.SameFile(at, own) {
			_ = f.file.Close()
			f.file = nil
		}
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	return f.file.Write(p)
}

// Close implements io.Closer.
func (f *accessFile) Close() error {
	if f.file == nil {
		return nil
	}
	return errors.Join(f.file.Sync(), f.file.Close())
}
