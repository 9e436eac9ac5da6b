package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/forebay-mq/forebay/internal/child"
	"github.com/forebay-mq/forebay/internal/pool"
)

// ExecOptions are how processes are started.
type ExecOptions struct {
	Command []string // program and arguments, with placeholders: {queue}, {queues}, {pool}, {worker}, {idle}, {commands}
	Folder  string   // to run in; empty: that of this process
	Env     []string // NAME=VALUE, besides the variables of this process
	Without []string // names of variables of this process that workers do not get
	Output  *os.File // what they print; nil: nowhere. A file, so that nobody has to wait for what a worker has left behind
	Log     *slog.Logger
}

// Exec runs workers as processes of this machine, each as the leader of a process group of its own. A worker is asked to
// leave with SIGTERM, to itself alone: what it has started goes on until it has ended, and then is ended too. When the
// controller dies of whatever cause, Linux sends that signal to its workers.
//
// A worker may say how it is through the socket in NOTIFY_SOCKET, in the way of systemd: READY=1 with its first receive,
// STOPPING=1 when it takes no more.
type Exec struct {
	options ExecOptions
	folder  string // of the sockets
	events  chan pool.Event
	spawn   chan func() // to the thread that starts processes
	done    sync.WaitGroup

	mu      sync.Mutex
	running map[string]*spawned
	killing bool // Close has run out of patience
}

// spawned is the process of a worker.
type spawned struct {
	cmd    *exec.Cmd
	socket *notifySocket // nil: none could be made
}

// eventsMax is how many events may wait for the controller.
const eventsMax = 1024

// NewExec checks the command and starts what is needed to start it. Close ends that.
func NewExec(o ExecOptions) (*Exec, error) {
	if err := checkTemplate(o.Command, holdPool, holdQueue, holdQueues, holdWorker, holdIdle, holdOrders); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if _, err := os.Stat(cmp.Or(o.Folder, ".")); err == nil { // a folder may come later: starts are tried again
		if err := child.Check(child.Job{Args: o.Command, Dir: o.Folder}); err != nil {
			return nil, fmt.Errorf("command: %w", err)
		}
	}
	folder, err := os.MkdirTemp("", "forebay-")
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Exec{options: o, folder: folder, events: make(chan pool.Event, eventsMax), spawn: make(chan func()), running: map[string]*spawned{}}
	d.done.Go(d.spawner)
	return d, nil
}

// spawner runs what starts processes on one thread that lives as long as the driver: the signal at the death of a parent
// is that of the thread which started the child.
func (d *Exec) spawner() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for start := range d.spawn {
		start()
	}
}

// Start starts the processes of an order. When one cannot be started, those before it run; the rest of the order counts
// as workers that have ended.
func (d *Exec) Start(_ context.Context, o pool.Order) error {
	var first error
	for i, w := range o.Workers {
		started := make(chan error)
		d.spawn <- func() { started <- d.start(o, w) }
		err := <-started
		if err != nil && i == 0 {
			return err
		}
		if err != nil || first != nil {
			first = errors.Join(first, err)
			d.done.Go(func() { d.tell(w.ID, pool.Ended, "it could not be started") })
		}
	}
	return nil
}

func (d *Exec) start(o pool.Order, w pool.Spec) error {
	words := fill(d.options.Command, o, w)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = d.options.Folder
	if d.options.Output != nil {
		cmd.Stdout, cmd.Stderr = d.options.Output, d.options.Output
	}
	cmd.SysProcAttr = ownGroup()
	p := &spawned{cmd: cmd}
	extra := slices.Clone(d.options.Env)
	if socket, err := listenNotify(filepath.Join(d.folder, w.ID)); err == nil {
		p.socket = socket
		extra = append(extra, "NOTIFY_SOCKET="+socket.path)
	} else {
		d.options.Log.Warn("the worker cannot say that it is ready", "worker", w.ID, "err", err)
	}
	cmd.Env = slices.DeleteFunc(environment(o, w, extra...), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(d.options.Without, name)
	})
	if err := cmd.Start(); err != nil {
		p.socket.close()
		return err
	}
	d.mu.Lock()
	d.running[w.ID] = p
	d.mu.Unlock()
	d.done.Go(func() { d.listen(w.ID, p) })
	d.done.Go(func() { d.wait(w.ID, p) })
	return nil
}

// listen passes on what a worker says of itself, until its socket is closed.
func (d *Exec) listen(id string, p *spawned) {
	for state := range p.socket.states() {
		switch state {
		case "READY=1":
			d.tell(id, pool.Ready, "")
		case "STOPPING=1":
			d.tell(id, pool.Leaving, "")
		}
	}
}

// wait waits for the end of a worker and clears away what it has left behind.
func (d *Exec) wait(id string, p *spawned) {
	err := p.cmd.Wait()
	endGroup(p.cmd.Process.Pid)
	p.socket.close()
	d.mu.Lock()
	delete(d.running, id)
	killed := d.killing
	d.mu.Unlock()
	d.tell(id, pool.Ended, causeOf(err, killed))
}

// causeOf words an end that was none of the worker's own will. One that ends of the signal that asked it to leave has
// done as it was asked.
func causeOf(err error, killed bool) string {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return ""
	case killed:
		return pool.CauseKilled
	case ok:
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return ""
		}
	}
	return err.Error()
}

func (d *Exec) tell(id string, kind pool.EventKind, cause string) {
	d.events <- pool.Event{ID: id, Kind: kind, At: time.Now(), Cause: cause}
}

// Drain asks workers to leave.
func (d *Exec) Drain(_ context.Context, ids []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if p := d.running[id]; p != nil {
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // one that has just ended needs no signal
		}
	}
	return nil
}

// Count tells the processes; it does not know which of them are ready.
func (d *Exec) Count(context.Context) (pool.Count, error) { return pool.Count{}, errors.ErrUnsupported }

// Events tells of single workers. They must be taken until Close has returned.
func (d *Exec) Events() <-chan pool.Event { return d.events }

// Close drains all workers, waits for them, and when ctx ends kills those that are left, with their groups.
func (d *Exec) Close(ctx context.Context) error {
	close(d.spawn)
	d.mu.Lock()
	all := make([]string, 0, len(d.running))
	for id := range d.running {
		all = append(all, id)
	}
	d.mu.Unlock()
	_ = d.Drain(ctx, all)
	stop := context.AfterFunc(ctx, d.kill)
	d.done.Wait()
	stop()
	return os.RemoveAll(d.folder)
}

func (d *Exec) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.killing = true
	for _, p := range d.running {
		endGroup(p.cmd.Process.Pid)
		_ = p.cmd.Process.Kill()
	}
}
