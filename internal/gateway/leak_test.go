package gateway

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// apartVariable is set in a process that runs one test of those that leave goroutines behind.
const apartVariable = "FOREBAY_GATEWAY_TEST_APART"

// TestMain fails the package when a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv(apartVariable) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// apart runs a test in a process of its own, since a database that has failed is not closed and leaves goroutines
// behind. It reports whether this is that process; in the other one the test is over.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apartVariable) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$", fmt.Sprintf("-damage.points=%d", *damagePoints))
	cmd.Env = append(os.Environ(), apartVariable+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	return false
}
