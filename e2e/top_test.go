package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen is a pseudo-terminal with a program on it.
type screen struct {
	t      *testing.T
	tty    *os.File
	output lockedBuffer
	ended  chan error
	wide   bool
}

// onScreen runs the binary against p in a pseudo-terminal.
func onScreen(t *testing.T, p *process, environ []string, args ...string) *screen {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(environment(), "FOREBAY_DATA="+p.folder, "FOREBAY_ENDPOINT=http://"+p.address, "TERM=xterm-256color", "COLORTERM="), environ...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		t.Skipf("there is no pseudo-terminal here: %v", err)
	}
	s := &screen{t: t, tty: tty, ended: make(chan error, 1)}
	var reading sync.WaitGroup
	reading.Go(func() {
		part := make([]byte, 32<<10)
		for {
			n, err := tty.Read(part)
			_, _ = s.output.Write(part[:n])
			if err != nil { // the other end is closed
				return
			}
		}
	})
	go func() { s.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = tty.Close()
		reading.Wait()
		if t.Failed() {
			t.Logf("the screen's last output: %q", s.output.tail(4000))
		}
	})
	return s
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// escapes are the sequences that move, colour and clear.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78M]`)

// shows waits until a whole screen matches. Only what has changed is drawn otherwise, so the screen is given another width,
// after which everything is drawn again.
func (s *screen) shows(what, pattern string) {
	s.t.Helper()
	want := regexp.MustCompile("(?s)" + pattern)
	waitFor(s.t, what, func() bool {
		if s.wide = !s.wide; s.wide {
			s.resize(140, 24)
		} else {
			s.resize(120, 24)
		}
		drawn := len(s.output.tail(1 << 30))
		text := ""
		for range 50 { // two sizes in a row may be seen as one that has not changed: then there is nothing to wait for
			if text = s.output.tail(1 << 30)[drawn:]; strings.Contains(text, "q quit") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return want.MatchString(escapes.ReplaceAllString(text, " "))
	})
}

func (s *screen) resize(width, height uint16) {
	s.t.Helper()
	if err := pty.Setsize(s.tty, &pty.Winsize{Rows: height, Cols: width}); err != nil {
		s.t.Fatal(err)
	}
}

// quits presses q and waits for a clean end.
func (s *screen) quits() {
	s.t.Helper()
	s.press("q")
	waitFor(s.t, "q ends it", func() bool {
		select {
		case err := <-s.ended:
			if err != nil {
				s.t.Errorf("it ended with %v", err)
			}
			return true
		default:
			return false
		}
	})
}

func TestTopIsDrivenInATerminal(t *testing.T) {
	p := start(t)
	for queue, messages := range map[string][]string{"early": {"1"}, "many": {"1", "2", "3"}} {
		p.forebay("queues", "create", queue)
		p.forebay(append([]string{"send", queue}, messages...)...)
		if queue == "early" {
			p.forebay("receive", "early") // in flight: nothing of it waits
		}
	}
	s := onScreen(t, p, nil, "top", "--every", "200ms", "--sort", "name")
	s.shows("the queues, by name", `by name, least first.*QUEUE.*OLDEST.*early.*many`)
	s.press("v")
	s.shows("the queues, the fullest first", `by visible, greatest first.*many.*early`)
	s.press("v")
	s.shows("the queues, the emptiest first", `by visible, least first.*early.*many`)

	p.kill()
	s.shows("the server is lost", `the server is lost: no server answers at .*; what is below is from .*many`)
	p.start()
	p.forebay("queues", "create", "late")
	s.shows("the server is back", `by visible, least first\s+QUEUE.*late`)
	s.quits()
}

func TestTopWithoutColoursAndWithAPool(t *testing.T) {
	p := start(t)
	p.forebay("queues", "create", "work")
	control := exec.Command(binary, "pool", "run", "--queue", "work", "--min", "1", "--listen", "127.0.0.1:0", "--state", p.folder, "--", "sleep", "1000")
	control.Env = append(environment(), "FOREBAY_DATA="+p.folder, "FOREBAY_ENDPOINT=http://"+p.address)
	control.Stdout, control.Stderr = &p.output, &p.output
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Process.Signal(syscall.SIGTERM); _ = control.Wait() })
	waitFor(t, "the controller decides", func() bool {
		_, err := os.Stat(p.folder + "/work.decisions.jsonl")
		return err == nil
	})
	s := onScreen(t, p, []string{"NO_COLOR=1"}, "top", "--every", "200ms", "--state", p.folder)
	s.shows("the pool", `QUEUE.*work.*POOL.*DESIRED.*work\s+1`)
	s.quits()
	if styled := regexp.MustCompile(`\x1b\[[0-9;]+m`).FindString(s.output.tail(1 << 30)); styled != "" {
		t.Errorf("with NO_COLOR there is still %q", styled)
	}
}
