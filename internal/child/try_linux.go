package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// try starts the command of a job and ends it before its first instruction: a traced process stops once the kernel has
// made it the new program. It finds out what no look at files can, such as a program for another machine, a loader that
// is missing, or a process limit.
func try(job *Job) error {
	program, err := job.find()
	if err != nil {
		return err
	}
	err = startAndStop(program, job)
	if errors.Is(err, unix.ENOEXEC) && job.limited() && isText(program) {
		return nil // the shell that limits its memory takes it for a script
	}
	if err == nil || !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	if startAndStop("/proc/self/exe", &Job{Args: []string{"keeper"}}) != nil {
		return nil // nothing may be traced here: the first message will show
	}
	return err
}

func startAndStop(program string, job *Job) error {
	none, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer none.Close()
	attributes := processAttributes()
	attributes.Ptrace = true
	args := append([]string{program}, job.Args[1:]...)
	process, err := os.StartProcess(program, args, &os.ProcAttr{
		Dir: job.Dir, Env: job.Env, Files: []*os.File{none, none, none}, Sys: attributes,
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", job.Args[0], startReason(err))
	}
	pid := process.Pid
	_ = process.Release()
	endChild(pid) // it is stopped, or about to be
	return nil
}

// isText reports whether a file begins like a text.
func isText(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, headBytesMax)
	n, _ := file.Read(head)
	return !bytes.Contains(head[:n], []byte{0})
}

// checkDataLimit reports whether the memory limit of a job may be set: the limit of this process must not be below it.
func checkDataLimit(bytes int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &limit); err == nil && limit.Max < uint64(bytes) {
		return fmt.Errorf("the memory limit of %d bytes is above the limit of this process, %d (ulimit -H -d)", bytes, limit.Max)
	}
	return nil
}
