package gateway

import (
	"os/exec"
	"regexp"
	"testing"
)

func TestScriptIsSmall(t *testing.T) {
	if n := len(script); n > 4096 || n < 1000 {
		t.Errorf("forebay.js has %d bytes, want 1000 to 4096", n)
	}
}

// TestScriptUnderNode runs the tests of forebay.js, which are written in its own language.
func TestScriptUnderNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs Node.js 20 or later on the path")
	}
	if err := exec.Command(node, "--test", "--version").Run(); err != nil {
		t.Skip("needs Node.js 20 or later; this one has no --test")
	}
	out, err := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "testdata/forebay.test.mjs").CombinedOutput()
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^# pass [1-9]`).Match(out) {
		t.Errorf("no test was run:\n%s", out)
	}
}
