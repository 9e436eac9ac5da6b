//go:build unix

package child

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// interpretersMax is how many interpreters may stand before each other, as on Linux.
const interpretersMax = 4

// headBytesMax is how much of a program is read to find its interpreter, as on Linux.
const headBytesMax = 256

// Check reports why a job could not be started, as far as that can be seen without trying: no such program, a folder, no
// permission, an interpreter that is missing, also behind env, a folder to run in that is not there, a memory limit that
// may not be set. It costs some microseconds. The error wraps [ErrNotStarted].
func Check(job Job) error {
	if _, err := job.find(); err != nil {
		return notStarted(err)
	}
	return nil
}

// find returns the path of the job's program, once all that it needs to be started was seen.
func (j *Job) find() (string, error) {
	if len(j.Args) == 0 {
		return "", errors.New("no command")
	}
	if err := j.checkFolder(); err != nil {
		return "", err
	}
	program, err := j.lookUp(j.Args[0])
	if err != nil {
		return "", err // it names the program
	}
	if err := j.checkInterpreter(program, interpretersMax); err != nil {
		return "", fmt.Errorf("start %s: %w", j.Args[0], err)
	}
	if j.limited() {
		if err := checkDataLimit(j.MemoryMax); err != nil {
			return "", err
		}
	}
	return program, nil
}

// checkFolder checks the folder that the command is to run in.
func (j *Job) checkFolder() error {
	if j.Dir == "" {
		return nil
	}
	about, err := os.Stat(j.Dir)
	if err != nil {
		return fmt.Errorf("the folder to run in: %w", err)
	}
	if !about.IsDir() {
		return fmt.Errorf("the folder to run in: %s is no folder", j.Dir)
	}
	if err := unix.Access(j.Dir, unix.X_OK); err != nil {
		return fmt.Errorf("the folder to run in: %s: %w", j.Dir, err)
	}
	return nil
}

// lookUp finds a program as a shell would: by its path, seen from the folder that the command runs in, or by its name in
// PATH.
func (j *Job) lookUp(name string) (string, error) {
	if !strings.Contains(name, "/") {
		return exec.LookPath(name)
	}
	path := name
	if !filepath.IsAbs(path) && j.Dir != "" {
		path = filepath.Join(j.Dir, path)
	}
	about, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if about.IsDir() {
		return "", &os.PathError{Op: "exec", Path: name, Err: errors.New("is a folder")}
	}
	if err := unix.Access(path, unix.X_OK); err != nil || about.Mode()&0o111 == 0 {
		return "", &os.PathError{Op: "exec", Path: name, Err: fmt.Errorf("it may not be executed (mode %s): %w", about.Mode().Perm(), cmp.Or(err, error(unix.EACCES)))}
	}
	return name, nil
}

// checkInterpreter checks that the interpreter which a script names is there, and that of a script which is one.
func (j *Job) checkInterpreter(program string, more int) error {
	path := program
	if !filepath.IsAbs(path) && strings.Contains(path, "/") {
		path = filepath.Join(j.Dir, path)
	}
	words, err := interpreter(path)
	if err != nil || len(words) == 0 || more == 0 {
		return nil // a program that may be executed but not read, or no script
	}
	if !strings.Contains(words[0], "/") {
		words[0] = "./" + words[0] // the kernel does not search PATH
	}
	if _, err := j.lookUp(words[0]); err != nil {
		hint := ""
		if strings.HasSuffix(words[0], "\r") {
			hint = "; its lines end as on Windows"
		}
		return fmt.Errorf("its interpreter %q is not there: %w%s", words[0], err, hint)
	}
	if filepath.Base(words[0]) == "env" {
		if name := envProgram(words[1:]); name != "" {
			if _, err := j.lookUp(name); err != nil {
				return fmt.Errorf("its interpreter %q is not there: %w", name, err)
			}
		}
	}
	return j.checkInterpreter(words[0], more-1)
}

// interpreter returns the words of a script's first line after #!, none if it is no script.
func interpreter(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, headBytesMax)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	if !ok {
		return nil, nil
	}
	return strings.FieldsFunc(string(rest), func(r rune) bool { return r == ' ' || r == '\t' }), nil
}

// envProgram is the program that env would start, empty if that cannot be said.
func envProgram(words []string) string {
	for _, word := range words {
		switch {
		case word == "-S" || word == "-i" || word == "-" || strings.Contains(word, "="):
		case strings.HasPrefix(word, "-"):
			return ""
		default:
			return word
		}
	}
	return ""
}

// startReason is what an error of the system says beyond the name of the program, with what it means.
func startReason(err error) error {
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%w: it is no program for this machine, and no script, which begins with #! and an interpreter", unix.ENOEXEC)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w: the loader or interpreter that it needs is not there", unix.ENOENT)
	}
	if system, ok := errors.AsType[unix.Errno](err); ok {
		return system
	}
	return err
}
