//go:build clockstep

package broker

import (
	"os"
	"strings"
	"time"
)

// clockStep reads from the file named by FOREBAY_CLOCK_STEP how far the wall clock has stepped, such as -90s. A
// missing or half-written file is no step.
func clockStep() time.Duration {
	text, err := os.ReadFile(os.Getenv("FOREBAY_CLOCK_STEP"))
	if err != nil {
		return 0
	}
	step, _ := time.ParseDuration(strings.TrimSpace(string(text)))
	return step
}
