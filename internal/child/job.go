package child

import (
	"errors"
	"time"
)

// ErrNotStarted is wrapped by errors that say that a command was not started at all, so that it has done nothing.
var ErrNotStarted = errors.New("the command was not started")

// notStarted marks an error that says why a command was not started. Its text is that of err.
func notStarted(err error) error { return &startError{err} }

// startError is an error that is also ErrNotStarted.
type startError struct{ error }

// Is reports whether target is ErrNotStarted.
func (e *startError) Is(target error) bool { return target == ErrNotStarted }

// Unwrap returns the reason.
func (e *startError) Unwrap() error { return e.error }

// ExitNotRun is the exit code by which shells, env and their like say that they could not run a program; the next
// higher one says that they have not found it.
const ExitNotRun = 126

// Job is a command to run.
type Job struct {
	Args  []string // the program, by path or by name in PATH, and its arguments
	Env   []string // its whole environment, NAME=VALUE
	Dir   string   // where it runs; empty is where the caller does
	Stdin []byte   // what it can read from standard input

	// OutputMax bounds how many bytes of standard output and standard error together are kept: the first half of it and
	// the last. The rest is read and thrown away. Zero keeps nothing.
	OutputMax int

	// MemoryMax bounds the memory of the command, in bytes; zero is no bound. In a cgroup it counts for all its processes
	// together, else for the data of each.
	MemoryMax int64

	// Cgroup is a cgroup v2 folder, of [Delegated], in which the keeper may make a group for the command; empty is none.
	Cgroup string

	// StoppedMax is how long the command may be stopped, as by SIGSTOP, before it counts as hung and is ended. Zero is for
	// ever.
	StoppedMax time.Duration

	// Patience is how long the command is given between SIGTERM and SIGKILL when its context ends. Zero is no time.
	Patience time.Duration
}

// limited reports whether the command is started through a shell that limits its memory.
func (j *Job) limited() bool { return j.MemoryMax > 0 && j.Cgroup == "" }

// Result is how a command ended.
type Result struct {
	Code    int    // exit code; -1 when a signal ended it
	Signal  int    // that signal, or 0
	Output  []byte // what is kept of its output
	Dropped int64  // bytes of output that are not
	Left    int    // processes of it that were still there when it had ended, and were ended
	Hung    bool   // it was stopped for too long, and ended for that
	Starved bool   // the kernel ended a process of it for want of memory; known in a cgroup alone
}

// order is what the keeper is told, as JSON on its standard input.
type order struct {
	Job  *Job `json:",omitempty"` // run this; only when nothing runs
	Try  bool `json:",omitempty"` // start the job, and end it before it has done anything
	End  bool `json:",omitempty"` // end what runs: SIGTERM, Job.Patience, SIGKILL
	Kill bool `json:",omitempty"` // end what runs: SIGKILL
}

// report is what the keeper answers to a job, once nothing of it is left.
type report struct {
	Result Result
	Err    string `json:",omitempty"` // why the command could not be started
	Own    bool   `json:",omitempty"` // and the job itself is to blame, as with too large an environment
}
