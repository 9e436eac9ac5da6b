//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"testing"

	"github.com/spf13/cobra"
)

// raise sends a signal to this process, and waits until it is there: the next test must not get it.
func raise(t *testing.T, s os.Signal) {
	t.Helper()
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, s)
	defer signal.Stop(seen)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-seen
}

// A terminal that is closed says so twice. Only the first counts, and only as a request to stop.
func TestTheEndOfATerminalIsOneRequestToStop(t *testing.T) {
	signals, ignore := stops()
	defer ignore()
	raise(t, hangup)
	if got := <-signals; got != hangup {
		t.Fatalf("got %v first, want %v", got, hangup)
	}
	raise(t, hangup)
	raise(t, terminate)
	if got := <-signals; got != terminate {
		t.Errorf("after a second SIGHUP and a SIGTERM got %v, want %v", got, terminate)
	}
}

func TestTheEndOfATerminalEndsACommandInOrder(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.SetContext(context.Background())
	ctx, stop := interruptible(cmd)
	defer stop()
	raise(t, hangup)
	<-ctx.Done()
	stop()
	raise(t, hangup) // which must not end this process
}
