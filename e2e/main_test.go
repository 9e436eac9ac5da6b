package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	endpoint        = flag.String("endpoint", "", "tour the server at this URL, with the environment's credentials, instead of one of our own")
	killRounds      = flag.Int("kill.rounds", 3, "how often the server is killed under load")
	loadMessages    = flag.Int("load.messages", 20_000, "how many messages the counted load sends")
	workMessages    = flag.Int("work.messages", 300, "how many messages go through forebay work")
	floodTime       = flag.Duration("flood.time", 4*time.Second, "how long strangers flood the server; from a minute on its speed and memory are judged")
	floodBinary     = flag.String("flood.binary", "", "the program that is flooded, instead of this one")
	gatewayMeasure  = flag.Bool("gateway.measure", false, "measure what the way through the gateway costs")
	gatewayRequests = flag.Int("gateway.requests", 300, "how many requests go through the gateway while everything is killed")
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	if waits := os.Getenv(workerWaits); waits != "" { // this process is a worker of a pool under test
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := poolWorker(ctx, waits); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if at := os.Getenv(strangersAt); at != "" {
		os.Exit(runStrangers(at))
	}
	flag.Parse()
	if os.Getenv(backendVariable) != "" {
		os.Exit(runBackend())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *endpoint != "" {
		return m.Run()
	}
	folder, err := os.MkdirTemp("", "forebay-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	// Servers of the tests are none of the user's, nor are the user's contexts for tests.
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME"} { // not XDG_CACHE_HOME: go build keeps its cache there
		if err := os.Setenv(name, filepath.Join(folder, name)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	binary = filepath.Join(folder, "forebay")
	if err := build(binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build builds the program, with flags of `go build`.
func build(path string, flags ...string) error {
	args := slices.Concat([]string{"build", "-o", path}, flags, []string{"../cmd/forebay"})
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
