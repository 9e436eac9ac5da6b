package torture

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// mutantMax is how long a mutant may live.
const mutantMax = 60 * time.Second

// symptom is the first line that tells what is wrong with a mutant.
var symptom = regexp.MustCompile(`(?m)^\s+(\w+: .*|.*the service does not start.*)$`)

// TestMutants builds the service with one mistake at a time and sees whether TestPowerCuts finds it.
func TestMutants(t *testing.T) {
	if os.Getenv("FOREBAY_MUTANTS") == "" {
		t.Skip("set FOREBAY_MUTANTS=1 (or run make mutants): it builds this test once for each mistake")
	}
	for _, m := range []struct{ pkg, name string }{
		{"", "none"},
		{"pebblestore", "acknowledge-before-sync"},
		{"broker", "delete-not-synced"},
		{"broker", "mark-not-written"},
		{"queue", "visibility-off-by-one"},
		{"queue", "dedup-lost"},
		{"queue", "receive-not-written"},
	} {
		t.Run(m.name, func(t *testing.T) {
			binary := buildMutant(t, m.pkg, m.name)
			ctx, cancel := context.WithTimeout(t.Context(), mutantMax)
			defer cancel()
			began := time.Now()
			out, err := exec.CommandContext(ctx, binary, "-test.run=^TestPowerCuts$").CombinedOutput()
			took := time.Since(began).Round(100 * time.Millisecond)
			var exit *exec.ExitError
			switch {
			case m.pkg == "" && err != nil:
				t.Errorf("without a mistake the test fails: %v\n%s", err, out)
			case m.pkg == "":
				t.Logf("without a mistake the test passes, after %v", took)
			case err == nil:
				t.Errorf("the mistake was not noticed")
			case ctx.Err() != nil:
				t.Errorf("the mistake was not noticed within %v", mutantMax)
			case !errors.As(err, &exit) || symptom.Find(out) == nil:
				t.Errorf("the test failed without a reason: %v\n%s", err, out)
			default:
				t.Logf("found after %v: %.150s", took, symptom.FindSubmatch(out)[1])
			}
		})
	}
}

// buildMutant builds this package's test with a mistake in one package of the service.
func buildMutant(t *testing.T, pkg, name string) string {
	binary := filepath.Join(t.TempDir(), "torture.test")
	args := []string{"test", "-c", "-tags=mutants", "-o", binary}
	if pkg != "" {
		args = append(args, "-ldflags=-X=github.com/forebay-mq/forebay/internal/"+pkg+".mutant="+name)
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return binary
}
