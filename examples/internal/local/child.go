package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// endPatience is how long a process may take to end when it is asked to: longer than the grace of a worker.
const endPatience = 45 * time.Second

// child is a process that lives until end is called.
type child struct {
	cmd    *exec.Cmd
	name   string
	last   tail
	urls   chan string   // of its first line with one
	exited chan struct{} // closed when it has ended
	err    error         // how it ended; read after exited
}

// startChild starts a process. Its log goes to log too, unless that is nil.
func startChild(program string, args []string, log io.Writer) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), name: "forebay " + args[0],
		urls: make(chan string, 1), exited: make(chan struct{})}
	c.cmd.Stderr = &c.last
	if log != nil {
		c.cmd.Stderr = io.MultiWriter(&c.last, log)
	}
	c.cmd.SysProcAttr = apart()
	c.cmd.WaitDelay = time.Second // for the end of its log, if something that it has started still holds it
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() { // it ends with the process
		runtime.LockOSThread() // whose end is tied to that of the thread which started it, see apart
		defer close(c.exited)
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.read(out)
			c.err = c.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return c, nil
}

// read reads what the process prints, until it ends.
func (c *child) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		for word := range strings.FieldsSeq(lines.Text()) {
			if strings.HasPrefix(word, "http://") {
				select {
				case c.urls <- word:
				default: // it is not the first
				}
			}
		}
	}
	_, _ = io.Copy(io.Discard, out) // a line that was too long: the process must not wait for a reader
}

// url waits for the first URL that the process prints.
func (c *child) url(ctx context.Context) (string, error) {
	select {
	case url := <-c.urls:
		return url, nil
	case <-c.exited:
		return "", fmt.Errorf("%s ended before it was ready: %v\n%s", c.name, c.err, c.last.String())
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// end asks the process to end, and waits for that.
func (c *child) end() error {
	if c.cmd.Process.Signal(syscall.SIGTERM) != nil {
		_ = c.cmd.Process.Kill() // a system without that signal, or it has ended already
	}
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	select {
	case <-c.exited:
	case <-patience.C:
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
	if c.err != nil {
		return fmt.Errorf("%s: %w\n%s", c.name, c.err, c.last.String())
	}
	return nil
}

// tailBytes is how much of a log is kept.
const tailBytes = 4 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write takes everything.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(p), nil
}

// String is the end of it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
