package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// Defaults of Options.
const (
	BytesMaxDefault = 8 << 20
	KeepDefault     = 4
)

// Options say how much a log may take. The zero value is good.
type Options struct {
	BytesMax int64 // of one file; zero: BytesMaxDefault
	Keep     int   // files set aside, beside the one that is written; zero: KeepDefault
}

// File is an open log. It may be used from many goroutines.
type File struct {
	path string
	opts Options

	mu   sync.Mutex
	file *os.File // nil: closed, or its reopening failed
	size int64
}

// Open opens the log at path for appending, and makes it, readable by its owner alone, if it is missing.
func Open(path string, opts Options) (*File, error) {
	if opts.BytesMax <= 0 {
		opts.BytesMax = BytesMaxDefault
	}
	if opts.Keep <= 0 {
		opts.Keep = KeepDefault
	}
	f := &File{path: path, opts: opts}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

// Write appends one line, or several, and never divides them between two files. A log that was moved or removed from
// outside is begun anew, so that programs such as logrotate need no signal.
func (f *File) Write(lines []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready(int64(len(lines))); err != nil {
		return 0, err
	}
	n, err := f.file.Write(lines)
	f.size += int64(n)
	return n, err
}

// Close closes the log. A Write after it begins it again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.close()
}

// ready makes sure that the file at the path is open and has room for n bytes.
func (f *File) ready(n int64) error {
	if f.file != nil && f.moved() {
		if err := f.close(); err != nil {
			return err
		}
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size == 0 || f.size+n <= f.opts.BytesMax {
		return nil
	}
	if err := errors.Join(f.close(), f.setAside()); err != nil {
		return err
	}
	return f.open()
}

// moved reports whether the path is not that of the open file any more.
func (f *File) moved() bool {
	there, err := os.Stat(f.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	open, err := f.file.Stat()
	return err == nil && !os.SameFile(there, open)
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", f.path)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

func (f *File) close() error {
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}

// setAside gives the file the number 1, and the numbered ones the next number; the last one goes.
func (f *File) setAside() error {
	for n := f.opts.Keep - 1; n >= 0; n-- {
		if err := os.Rename(f.numbered(n), f.numbered(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *File) numbered(n int) string {
	if n == 0 {
		return f.path
	}
	return f.path + "." + strconv.Itoa(n)
}
