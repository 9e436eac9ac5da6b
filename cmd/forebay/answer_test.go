//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// atTerminal is a command line that runs on a terminal, in a shell.
type atTerminal struct {
	t      *testing.T
	tty    *os.File // the person's side
	cmd    *exec.Cmd
	screen bytes.Buffer
}

// startAtTerminal starts a shell script on a terminal. forebay is this program.
func startAtTerminal(t *testing.T, script string) *atTerminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Symlink(self, filepath.Join(folder, "forebay")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Skipf("no terminal here: %v", err)
	}
	if err := tty.SetDeadline(time.Now().Add(readyTimeout)); err != nil {
		t.Fatal(err)
	}
	a := &atTerminal{t: t, tty: tty, cmd: cmd}
	t.Cleanup(func() { tty.Close(); _ = cmd.Process.Kill() })
	return a
}

// sees reads the screen until it has text.
func (a *atTerminal) sees(text string) {
	a.t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(a.screen.String(), text) {
		n, err := a.tty.Read(buffer)
		a.screen.Write(buffer[:n])
		if err != nil {
			a.t.Fatalf("%v before %q was on the screen: %q", err, text, a.screen.String())
		}
	}
}

func (a *atTerminal) types(text string) {
	a.t.Helper()
	if _, err := io.WriteString(a.tty, text); err != nil {
		a.t.Fatal(err)
	}
}

// ends waits for the shell and returns what was on the screen.
func (a *atTerminal) ends() string {
	a.t.Helper()
	if _, err := io.Copy(&a.screen, a.tty); errors.Is(err, os.ErrDeadlineExceeded) { // its end is another error on Linux
		_ = a.cmd.Process.Kill()
		a.t.Fatalf("it does not end: %q", a.screen.String())
	}
	_ = a.cmd.Wait()
	return a.screen.String()
}

func TestQuestionsTakeAWholeLine(t *testing.T) {
	serveForTest(t)
	for _, line := range []string{"queues create orders", "queues create dead", "queues create source --dead-letter dead", "keys create web", "send orders a"} {
		if code, _, errs := command(line); code != exitOK {
			t.Fatalf("forebay %s: %s", line, errs)
		}
	}
	for _, line := range []string{"queues purge orders", "queues delete orders", "redrive dead", "queues move dead", "keys delete web"} {
		for name, answer := range map[string]string{
			"yes and more":                "yes please\n",
			"no":                          "no\n",
			"nothing":                     "\n",
			"a long line":                 "yes" + strings.Repeat(" please", 400) + "\n",
			"yes without end, and more":   "yes\x04 please\n",
			"more than the question asks": "yes; echo ran\n",
		} {
			t.Run(line+" answered with "+name, func(t *testing.T) {
				a := startAtTerminal(t, "forebay "+line+`; echo "code=$?"; read rest; echo "rest=<$rest>"`)
				a.sees("Type yes to go on: ")
				a.types(answer)
				a.sees("code=1")
				a.types("next\n")
				if screen := a.ends(); !strings.Contains(screen, "rest=<next>") || !strings.Contains(screen, "nothing was done") {
					t.Errorf("the shell should read what is typed next, and nothing else: %q", screen)
				}
			})
		}
		t.Run(line+" ended by Ctrl-C", func(t *testing.T) {
			a := startAtTerminal(t, "trap : INT; forebay "+line+`; echo "code=$?"`)
			a.sees("Type yes to go on: ")
			a.types("\x03")
			if screen := a.ends(); !strings.Contains(screen, "code=130") || !strings.Contains(screen, "nothing was done") {
				t.Errorf("want exit code 130: %q", screen)
			}
		})
	}
	t.Run("yes is yes", func(t *testing.T) {
		a := startAtTerminal(t, `forebay queues purge orders; echo "code=$?"`)
		a.sees("Type yes to go on: ")
		a.types("yes\n")
		if screen := a.ends(); !strings.Contains(screen, "code=0") {
			t.Errorf("want exit code 0: %q", screen)
		}
	})
}

// visible counts the visible messages of a queue.
func visible(t *testing.T, queue string) string {
	t.Helper()
	_, out, errs := command("queues list " + queue)
	if fields := strings.Fields(out); len(fields) > 1 {
		return fields[1]
	}
	t.Fatalf("queues list %s: %q%s", queue, out, errs)
	return ""
}

func TestTypedLinesAreSentAtOnce(t *testing.T) {
	serveForTest(t)
	command("queues create typed")
	a := startAtTerminal(t, `trap : INT; forebay send typed; echo "code=$?"`)
	a.sees("Ctrl-D ends.")
	a.types("one\n")
	waitVisible(t, "typed", "1")
	a.types("two\nthree\nhalf of a line")
	waitVisible(t, "typed", "3")
	a.types("\x03")
	if screen := a.ends(); !strings.Contains(screen, "code=130") || !strings.Contains(screen, "3 messages were sent before that.") {
		t.Errorf("want exit code 130, and how many were sent: %q", screen)
	}
	if n := visible(t, "typed"); n != "3" {
		t.Errorf("%s messages, want 3", n)
	}
}

func TestLinesOfASlowProgramDoNotWaitForOthers(t *testing.T) {
	serveForTest(t)
	command("queues create slow")
	in, lines := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { code <- run(ctx, []string{"send", "slow"}, in, io.Discard, &errs) }()
	if _, err := io.WriteString(lines, "one\n"); err != nil {
		t.Fatal(err)
	}
	waitVisible(t, "slow", "1")
	cancel()
	if got := <-code; got != exitInterrupted || !strings.Contains(errs.String(), "1 message was sent before that.") {
		t.Errorf("exit code %d, want %d: %s", got, exitInterrupted, errs.String())
	}
}

func waitVisible(t *testing.T, queue, want string) {
	t.Helper()
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); runtime.Gosched() {
		if visible(t, queue) == want {
			return
		}
	}
	t.Fatalf("there are %s messages in %s, want %s", visible(t, queue), queue, want)
}

func TestACommandThatReadsATerminalCanBeInterrupted(t *testing.T) {
	serveForTest(t)
	command("queues create orders")
	for line, typed := range map[string]string{"send orders --file -": "typed\n", "verify -": "", "send orders": "typed\n"} {
		t.Run(line, func(t *testing.T) {
			a := startAtTerminal(t, "trap : INT; forebay "+line+`; echo "code=$?"`)
			a.sees("Ctrl-D ends.")
			a.types(typed + "\x03")
			if screen := a.ends(); !strings.Contains(screen, "code=130") {
				t.Errorf("want exit code 130: %q", screen)
			}
		})
	}
}

func TestAnInterruptedReaderFailsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, w := io.Pipe() // never written to
	defer w.Close()
	r := interruptedReader(ctx, in)
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadAll: %v, want that of the context", err)
	}
	text, err := io.ReadAll(interruptedReader(t.Context(), strings.NewReader("all of it")))
	if string(text) != "all of it" || err != nil {
		t.Errorf("ReadAll: %q, %v", text, err)
	}
}
