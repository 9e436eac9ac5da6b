//go:build !unix

package child

import (
	"context"
	"errors"
	"io"
	"os/exec"
)

// Delegated finds nothing: cgroups are of Linux alone.
func Delegated() (folder string, memory bool, err error) { return "", false, nil }

// Keep fails: commands as handlers need the process groups of Unix.
func Keep(io.Reader, io.Writer) error {
	return errors.New("commands cannot be run on this system; --http can be used")
}

// ErrKeeper is wrapped by the errors of Run that are not the command's.
var ErrKeeper = errors.New("commands cannot be run on this system")

// Runner cannot run commands on this system.
type Runner struct{ Keeper []string }

// Run fails.
func (r *Runner) Run(context.Context, Job) (Result, error) { return Result{}, notStarted(ErrKeeper) }

// Try fails.
func (r *Runner) Try(context.Context, Job) error { return notStarted(ErrKeeper) }

// Check reports whether the program of a job is there.
func Check(job Job) error {
	if len(job.Args) == 0 {
		return notStarted(errors.New("no command"))
	}
	if _, err := exec.LookPath(job.Args[0]); err != nil {
		return notStarted(err)
	}
	return nil
}

// Close does nothing.
func (r *Runner) Close() {}
