package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	stopGrace  = 15 * time.Second // from the polite signal to the other one
	startLimit = 90 * time.Second // a server must answer within
	probePause = 50 * time.Millisecond
)

// stage is where one server runs once: an empty folder for its data, and its processes.
type stage struct {
	folder    string
	processes []*process
}

// process is one that this program started, with a process group of its own.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	stop syscall.Signal // asks it to end
	done chan struct{}  // closed when it has ended
}

// free returns a loopback address on which nobody listens.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// port returns the port of an address.
func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// launch starts a process whose output goes to a log in the stage's folder, and which dies with this one.
func (s *stage) launch(cmd *exec.Cmd, stop syscall.Signal) (*process, error) {
	name := filepath.Base(cmd.Path)
	p := &process{name: name, cmd: cmd, stop: stop, done: make(chan struct{})}
	p.log = filepath.Join(s.folder, fmt.Sprintf("%s-%d.log", name, len(s.processes)))
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.processes = append(s.processes, p)
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended shows in its log
	}()
	return p, nil
}

// ready waits until probe succeeds, or the process ends.
func (p *process) ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while it started: %s", p.name, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready in %s: %w; %s", p.name, startLimit, err, tail(p.log))
		case <-time.After(probePause):
		}
	}
}

// listening is a probe: something accepts connections.
func listening(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// alive is nil while all processes of the stage run.
func (s *stage) alive() error {
	for _, p := range s.processes {
		select {
		case <-p.done:
			return fmt.Errorf("%s has ended: %s", p.name, tail(p.log))
		default:
		}
	}
	return nil
}

// close ends what was started, the last first, with all that it started itself, and removes the data.
func (s *stage) close() error {
	var errs []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		p := s.processes[i]
		_ = p.cmd.Process.Signal(p.stop) // it may be gone already
		select {
		case <-p.done:
		case <-time.After(stopGrace):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // children that stayed behind
	}
	s.processes = nil
	errs = append(errs, os.RemoveAll(s.folder))
	return errors.Join(errs...)
}

// tail returns what a log says at its end, on one line.
func tail(log string) string {
	text, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text))
}

// lastLines returns the last words of an output, short enough for a cell.
func lastLines(text string) string {
	const lines, runes = 3, 200
	all := strings.Split(strings.TrimSpace(text), "\n")
	short := []rune(strings.Join(strings.Fields(strings.Join(all[max(0, len(all)-lines):], " ")), " "))
	if len(short) > runes {
		short = append([]rune("…"), short[len(short)-runes:]...)
	}
	if len(short) == 0 {
		return "it said nothing"
	}
	return string(short)
}
