//go:build unix

package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Keep is the main function of a keeper: it runs one job after the other, as it reads them from in, and returns when in
// ends and nothing that it has started is left. It handles the signals of the process, and collects all its children, so
// nothing else may run in it.
func Keep(in io.Reader, out io.Writer) error {
	// What ends the agent politely, from a terminal or a service manager that signals all processes, is not for the keeper:
	// it ends with its input. The signals are caught and not ignored, since what is ignored stays so in the command.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	runtime.LockOSThread() // the command ends when the thread that has started it does
	if err := becomeSubreaper(); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	orders := make(chan order)
	go func() {
		defer close(orders)
		decoder := json.NewDecoder(in)
		for {
			var o order
			if err := decoder.Decode(&o); err != nil {
				return
			}
			orders <- o
		}
	}()
	encoder := json.NewEncoder(out)
	for o := range orders {
		if o.Job == nil {
			continue // it came too late: what it was about has ended
		}
		var answer report
		var err error
		if o.Try {
			err = try(o.Job)
		} else {
			answer.Result, err = keep(o.Job, orders)
		}
		if err != nil {
			answer.Err, answer.Own = err.Error(), errors.Is(err, syscall.E2BIG)
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// keeper is a job that runs.
type keeper struct {
	job    *Job
	pid    int
	group  *cgroup
	output *output
	events chan event
	result Result
}

// event is what the kernel tells of a child.
type event struct {
	pid    int
	status syscall.WaitStatus
}

// keep runs a job to its end, and the end of all that it has started. orders may shorten that.
func keep(job *Job, orders <-chan order) (Result, error) {
	k := &keeper{job: job, output: newOutput(job.OutputMax), events: make(chan event)}
	drained, err := k.start()
	if err != nil {
		return Result{}, err
	}
	go reap(k.events)
	k.watch(orders)
	k.finish()
	drained.Wait()
	k.result.Output, k.result.Dropped = k.output.kept()
	return k.result, nil
}

// start starts the command. The group waits for the goroutines that feed and drain it, which end with its processes.
func (k *keeper) start() (*sync.WaitGroup, error) {
	args, err := k.job.args()
	if err != nil {
		return nil, err
	}
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inRead.Close()
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		inWrite.Close()
		return nil, err
	}
	defer outWrite.Close()
	attributes := processAttributes()
	if k.job.Cgroup != "" {
		if k.group, err = makeCgroup(k.job.Cgroup, k.job.MemoryMax); err != nil {
			inWrite.Close()
			outRead.Close()
			return nil, err
		}
		k.group.enter(attributes)
	}
	process, err := os.StartProcess(args[0], args, &os.ProcAttr{
		Dir: k.job.Dir, Env: k.job.Env, Files: []*os.File{inRead, outWrite, outWrite}, Sys: attributes,
	})
	if err != nil {
		inWrite.Close()
		outRead.Close()
		k.group.remove()
		return nil, fmt.Errorf("start %s: %w", k.job.Args[0], startReason(err))
	}
	k.pid = process.Pid
	_ = process.Release() // it is collected by reap
	var drained sync.WaitGroup
	drained.Go(func() {
		_, _ = inWrite.Write(k.job.Stdin) // it need not read it all
		inWrite.Close()
	})
	drained.Go(func() {
		_, _ = io.Copy(k.output, outRead)
		outRead.Close()
	})
	return &drained, nil
}

// args finds the program, and puts what limits memory before it where no cgroup does.
func (j *Job) args() ([]string, error) {
	program, err := j.find()
	if err != nil {
		return nil, err
	}
	args := append([]string{program}, j.Args[1:]...)
	if j.limited() {
		// Only a process can limit itself before it becomes another program, and the shell is one that is everywhere. Data
		// and not address space, which many runtimes reserve by the gigabyte and never use.
		limit := fmt.Sprintf(`ulimit -d %d || exit %d; exec "$0" "$@"`, j.MemoryMax/1024, ExitNotRun)
		args = append([]string{"/bin/sh", "-c", limit}, args...)
	}
	return args, nil
}

// reap tells of every child that ends or stops, until there is none.
func reap(events chan<- event) {
	defer close(events)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WUNTRACED|waitContinued, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return // ECHILD: nobody is left
		}
		events <- event{pid, status}
	}
}

// watch waits until the command has ended, and ends it when that is due.
func (k *keeper) watch(orders <-chan order) {
	var hung, patience <-chan time.Time
	for {
		select {
		case e, ok := <-k.events:
			switch {
			case !ok:
				return // not even the command: somebody else has collected it
			case e.pid != k.pid:
			case e.status.Stopped() && k.job.StoppedMax > 0:
				hung = time.After(k.job.StoppedMax)
			case e.status.Continued():
				hung = nil
			case e.status.Exited() || e.status.Signaled():
				k.ended(e.status)
				return
			}
		case o, ok := <-orders:
			if ok && o.End && k.job.Patience > 0 {
				k.signal(syscall.SIGTERM)
				k.signal(syscall.SIGCONT) // a stopped process hears nothing else
				patience = time.After(k.job.Patience)
				continue
			}
			k.kill()
			if !ok {
				orders = nil // the agent is gone
			}
		case <-patience:
			k.kill()
		case <-hung:
			k.result.Hung = true
			k.kill()
		}
	}
}

func (k *keeper) ended(status syscall.WaitStatus) {
	k.result.Code = status.ExitStatus() // -1 for a signal
	if status.Signaled() {
		k.result.Signal = int(status.Signal())
	}
}

// signal reaches the command's process group, or the command alone before it has one.
func (k *keeper) signal(s syscall.Signal) {
	if syscall.Kill(-k.pid, s) != nil {
		_ = syscall.Kill(k.pid, s)
	}
}

// kill ends the command with its group, and, where there is one, its cgroup. Those that are in neither follow when the
// command has ended.
func (k *keeper) kill() {
	k.signal(syscall.SIGKILL)
	k.group.kill()
}

// finish ends all that the command has left, and collects it. Each that ends makes its own children ours, so it goes on
// until there are none.
func (k *keeper) finish() {
	_ = syscall.Kill(-k.pid, syscall.SIGKILL)
	k.group.kill()
	for {
		for _, pid := range children() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		e, ok := <-k.events
		if !ok {
			break
		}
		if e.status.Exited() || e.status.Signaled() {
			k.result.Left++
		}
	}
	k.result.Starved = k.group.starved()
	k.group.remove()
}

// keepAway keeps signals of the terminal from a keeper: it has a process group of its own.
func keepAway(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endChild ends and collects a child.
func endChild(pid int) {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}
