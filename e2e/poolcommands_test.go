package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAPoolIsPausedAndToldSettings runs `forebay work` in a pool, and tells its workers things through their queues.
func TestAPoolIsPausedAndToldSettings(t *testing.T) {
	p := start(t)
	p.forebay("queues", "create", "work")
	folder := t.TempDir()
	control := exec.Command(binary, "pool", "run", "--queue", "work", "--min", "2", "--max", "2", "--wait", "1s", "--listen", "127.0.0.1:0", "--state", folder, "--",
		binary, "work", "--queue", "{queue}", "--idle", "{idle}", "--commands", "{commands}", "--", "sh", "-c", "cat >>"+filepath.Join(folder, "done"))
	control.Env = append(environment(), "FOREBAY_DATA="+p.folder, "FOREBAY_ENDPOINT=http://"+p.address)
	var said lockedBuffer
	control.Stdout, control.Stderr = &said, &said
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- control.Wait() }()
	t.Cleanup(func() {
		_ = control.Process.Kill()
		if t.Failed() {
			t.Logf("the controller's last words:\n%s", said.tail(4000))
		}
	})
	pools := func(args ...string) string {
		return p.forebay(append([]string{"pools", "--state", folder}, args...)...)
	}
	done := func() string { text, _ := os.ReadFile(filepath.Join(folder, "done")); return string(text) }
	polling := func(n int) func() bool {
		return func() bool {
			var q struct{ Consumers struct{ Polling int } }
			_, page := p.get("/forebay/v1/queues/work")
			return json.Unmarshal([]byte(page), &q) == nil && q.Consumers.Polling == n
		}
	}
	workers := func() int { return strings.Count(p.forebay("queues", "list", "forebay-worker-work-"), "\n") }

	waitFor(t, "two workers poll", polling(2))
	equal(t, "command queues", workers(), 2)
	if got := pools("pause", "work"); !strings.Contains(got, "state\tpaused") {
		t.Errorf("pause printed\n%s", got)
	}
	waitFor(t, "nobody polls", polling(0))
	p.forebay("send", "work", "x", "y")
	if got := pools("show", "work", "-o", "json"); !strings.Contains(got, `"paused": true`) || !strings.Contains(got, `"desired": 2`) {
		t.Errorf("the paused pool says of itself\n%s", got)
	}
	if got := pools("set", "work", "concurrency=3", "grace=7s"); !strings.Contains(got, "slots 3") {
		t.Errorf("set printed\n%s", got)
	}
	waitFor(t, "both workers have new settings", func() bool { return strings.Count(said.tail(1<<20), "new settings") == 2 })
	equal(t, "done while paused", done(), "")
	pools("resume", "work")
	waitFor(t, "the work is done", func() bool { return len(done()) == 2 })
	waitFor(t, "two workers poll again", polling(2))

	if err := control.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the controller ends", func() bool {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the controller ended with %v", err)
			}
			return true
		default:
			return false
		}
	})
	equal(t, "command queues at the end", workers(), 0)
}
