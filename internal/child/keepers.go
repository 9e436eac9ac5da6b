//go:build unix

package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// ErrKeeper is wrapped by the errors of Run that are not the command's: its keeper could not be started, or died.
var ErrKeeper = errors.New("the process that keeps the command")

// Runner runs commands, each under a keeper. Keepers are started as they are needed and used again. The zero value needs
// Keeper; Run may be called from any goroutine, and not after Close.
type Runner struct {
	// Keeper is the command line of a keeper: a program whose main function calls Keep.
	Keeper []string

	mu   sync.Mutex
	idle []*keeperProcess
	pids map[int]bool // of all keepers
}

// keeperProcess is a keeper as the agent sees it.
type keeperProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// Run runs a job and returns how it ended, once nothing of it is left. When ctx ends the command is ended, politely
// first if the job has patience. The error says why the command was not started, or that its keeper died: then what the
// command did is not known. An error that says that it was not started wraps
// [ErrNotStarted], unless the job itself is to blame: arguments and environment that are too large for the system.
func (r *Runner) Run(ctx context.Context, job Job) (Result, error) {
	return r.run(ctx, order{Job: &job})
}

// Try reports why a job cannot be started, by starting it: on Linux the kernel stops the new process before its first
// instruction, and it is ended there, so that the command does nothing. Where that is not possible, Try sees what [Check]
// sees. The error wraps [ErrNotStarted].
func (r *Runner) Try(ctx context.Context, job Job) error {
	_, err := r.run(ctx, order{Job: &job, Try: true})
	return err
}

func (r *Runner) run(ctx context.Context, what order) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, notStarted(err)
	}
	k, err := r.take()
	if err != nil {
		return Result{}, notStarted(fmt.Errorf("%w: %w", ErrKeeper, err))
	}
	orders := json.NewEncoder(k.in)
	if err := orders.Encode(what); err != nil { // no keeper has read all of it
		r.bury(k)
		return Result{}, notStarted(fmt.Errorf("%w: %w", ErrKeeper, err))
	}
	told := make(chan struct{})
	untold := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = orders.Encode(order{End: true}) // a keeper that is gone shows in its answer
	})
	var answer report
	err = k.out.Decode(&answer)
	if !untold() {
		<-told
	}
	if err != nil {
		r.bury(k)
		return Result{}, fmt.Errorf("%w: it died: %w", ErrKeeper, err)
	}
	r.put(k)
	if answer.Err != "" && answer.Own {
		return Result{}, errors.New(answer.Err)
	}
	if answer.Err != "" {
		return Result{}, notStarted(errors.New(answer.Err))
	}
	return answer.Result, nil
}

func (r *Runner) take() (*keeperProcess, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.idle); n > 0 {
		k := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return k, nil
	}
	if r.pids == nil {
		if err := becomeSubreaper(); err != nil {
			return nil, err
		}
		r.pids = make(map[int]bool)
	}
	k, err := startKeeper(r.Keeper)
	if err == nil {
		r.pids[k.cmd.Process.Pid] = true
	}
	return k, err
}

func (r *Runner) put(k *keeperProcess) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, k)
}

// bury collects a keeper that died, and ends what it has left: processes without a parent are ours now, and all our other
// children are keepers.
func (r *Runner) bury(k *keeperProcess) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(k)
	for found := true; found; {
		found = false
		for _, pid := range children() {
			if !r.pids[pid] {
				found = true
				endChild(pid)
			}
		}
	}
}

// Close ends the keepers, once no Run is under way.
func (r *Runner) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.idle {
		r.end(k)
	}
	r.idle = nil
}

// end lets a keeper end, and waits for it.
func (r *Runner) end(k *keeperProcess) {
	k.in.Close()
	_ = k.cmd.Wait() // how a keeper ends says nothing more
	delete(r.pids, k.cmd.Process.Pid)
}

func startKeeper(args []string) (*keeperProcess, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Args[0] = os.Args[0] // a binary with several names is started under the one it has
	cmd.Stderr = os.Stderr
	keepAway(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &keeperProcess{cmd: cmd, in: in, out: json.NewDecoder(bufio.NewReader(out))}, nil
}
