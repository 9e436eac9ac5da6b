package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
)

// output is where the data of a command goes. It writes at once, and remembers the first error: later writes fail with it
// too, so code that writes many lines need not check each of them. run asks for the error at the end of every command, and
// what cannot be undone asks before (app.arrived). Its methods are safe for concurrent use.
type output struct {
	to io.Writer

	mu  sync.Mutex
	err error // of the first write that failed
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.to.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	o.err = err
	return n, err
}

// arrived returns nil when all that was written so far has left the process, and is on the disk if it went to a file.
func (o *output) arrived() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, ok := o.to.(*os.File); ok && o.err == nil && regular(f) {
		o.err = f.Sync()
	}
	return o.err
}

// close closes the output when it is a file, since some file systems report a failed write only then. It returns the
// first error of all.
func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, ok := o.to.(*os.File); ok {
		if err := f.Close(); o.err == nil && !errors.Is(err, os.ErrClosed) {
			o.err = err
		}
	}
	return o.err
}

func regular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// unread reports whether output goes nowhere because standard output was closed when the process began. Go opens the null
// device in its place, for reading and writing, and that is all there is to tell it by: some programs open the null
// device in the same way for a child whose output they do not want. So it is asked only where output cannot be had again.
func (o *output) unread() bool {
	f, ok := o.to.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return true
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null) && openForReading(f)
}

// outcome is how the command has ended, nil for well: with its own error, or because its output could not be written. A
// reader that has gone, such as head, ends it as quietly as a command that does not know of it.
func (a *app) outcome(err error) *failure {
	lost := a.out.close()
	switch {
	case err == nil && lost == nil:
		return nil
	case lost == nil || err != nil && !errors.Is(err, lost):
		return asFailure(err)
	case errors.Is(lost, syscall.EPIPE):
		return &failure{code: exitPipe, err: lost}
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{code: exitFailed, what: "the output could not be written: " + cause(lost), err: lost,
		hints: []string{"What the command did is done, but what it printed is lost or incomplete. Make room, or send it elsewhere."}}
}

// cause is an error without the name of the file that it is about: standard output has none that helps.
func cause(err error) string {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	return strings.TrimSpace(err.Error())
}

// seen refuses a command whose output cannot be had again when it is known that nothing will read that.
func (a *app) seen(what, instead string) error {
	if !a.out.unread() {
		return nil
	}
	return &failure{code: exitFailed, what: "standard output is closed, or is the null device opened for reading too: " + what,
		hints: []string{instead}}
}
