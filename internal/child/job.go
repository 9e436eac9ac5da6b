package child

import "time"

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
	End  bool `json:",omitempty"` // end what runs: SIGTERM, Job.Patience, SIGKILL
	Kill bool `json:",omitempty"` // end what runs: SIGKILL
}

// report is what the keeper answers to a job, once nothing of it is left.
type report struct {
	Result Result
	Err    string `json:",omitempty"` // why the command could not be started
}
