//go:build linux

package child

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatCannotBeStarted is each way in which a command cannot begin, seen before a message is spent on it.
func TestWhatCannotBeStarted(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	trace := filepath.Join(folder, "trace")
	foreign := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xf7\x00\x01" + strings.Repeat("\x00", 43))
	for _, row := range []struct {
		name string
		job  Job
		want string // in the error; empty: it can be started
		seen bool   // by Check too
	}{
		{"a program in PATH", Job{Args: []string{"true"}}, "", true},
		{"a script", Job{Args: []string{file("good", "#!/bin/sh\necho ran >"+trace+"\n", 0o755)}}, "", true},
		{"a script through env", Job{Args: []string{file("env", "#!/usr/bin/env sh\n", 0o755)}}, "", true},
		{"a script through env with options", Job{Args: []string{file("envs", "#!/usr/bin/env -S A=b sh -e\n", 0o755)}}, "", true},
		{"a script in another folder", Job{Args: []string{"./good"}, Dir: folder}, "", true},
		{"a program that is not there", Job{Args: []string{"./misspelt"}}, "no such file", true},
		{"a name that is not in PATH", Job{Args: []string{"misspelt-program"}}, "not found in $PATH", true},
		{"a folder", Job{Args: []string{folder}}, "is a folder", true},
		{"a file that may not be executed", Job{Args: []string{file("mode", "#!/bin/sh\n", 0o644)}}, "may not be executed", true},
		{"an interpreter that is missing", Job{Args: []string{file("interp", "#!/no/such/python\n", 0o755)}}, `interpreter "/no/such/python" is not there`, true},
		{"one that env does not find", Job{Args: []string{file("noenv", "#!/usr/bin/env no-such-python\n", 0o755)}}, `interpreter "no-such-python" is not there`, true},
		{"an interpreter that is a script without one", Job{Args: []string{file("deep", "#!"+file("inner", "#!/no/such\n", 0o755)+"\n", 0o755)}}, `"/no/such" is not there`, true},
		{"line ends of Windows", Job{Args: []string{file("dos", "#!/bin/sh\r\nexit 0\r\n", 0o755)}}, "as on Windows", true},
		{"a text without an interpreter", Job{Args: []string{file("text", "exit 0\n", 0o755)}}, "no program for this machine", false},
		{"a program of another machine", Job{Args: []string{file("elf", string(foreign), 0o755)}}, "exec format error", false},
		{"an empty file", Job{Args: []string{file("empty", "", 0o755)}}, "exec format error", false},
		{"a folder to run in that is missing", Job{Args: []string{"true"}, Dir: folder + "/none"}, "the folder to run in", true},
		{"the same with a memory limit", Job{Args: []string{"./misspelt"}, MemoryMax: 1 << 30}, "no such file", true},
		{"a text with a memory limit, which a shell sets", Job{Args: []string{folder + "/text"}, MemoryMax: 1 << 30}, "", false},
		{"a program of another machine with one", Job{Args: []string{folder + "/elf"}, MemoryMax: 1 << 30}, "exec format error", false},
		{"no command", Job{}, "no command", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.job.Env = os.Environ()
			r := runner(t)
			for name, err := range map[string]error{"Check": Check(row.job), "Try": r.Try(t.Context(), row.job)} {
				if name == "Check" && !row.seen {
					continue
				}
				if row.want == "" && err != nil {
					t.Errorf("%s: %v, want no error", name, err)
				}
				if row.want != "" && (!errors.Is(err, ErrNotStarted) || !strings.Contains(err.Error(), row.want)) {
					t.Errorf("%s: %v, want one of a command that was not started, with %q", name, err, row.want)
				}
			}
			if _, err := os.Stat(trace); err == nil {
				t.Fatal("to try a command has run it")
			}
			if result, err := r.Run(t.Context(), row.job); row.want != "" && !row.job.limited() && !errors.Is(err, ErrNotStarted) {
				t.Errorf("Run: %v, %+v, want that it was not started", err, result)
			}
			_ = os.Remove(trace)
		})
	}
}

func TestAKeeperThatCannotBeStartedIsNoFailureOfTheCommand(t *testing.T) {
	r := &Runner{Keeper: []string{"/no/such/keeper"}}
	if _, err := r.Run(t.Context(), shell("true")); !errors.Is(err, ErrNotStarted) || !errors.Is(err, ErrKeeper) {
		t.Errorf("the error is %v, want that the command was not started, since its keeper was not", err)
	}
}

func TestAKeeperThatDiesLeavesOpenWhatTheCommandDid(t *testing.T) {
	r := runner(t)
	_, err := r.Run(t.Context(), shell("kill -9 $PPID; sleep 60"))
	if !errors.Is(err, ErrKeeper) || errors.Is(err, ErrNotStarted) {
		t.Errorf("the error is %v, want that the keeper died, and not that the command was not started", err)
	}
}
