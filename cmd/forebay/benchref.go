package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/bench"
)

// noopTime bounds heads and pauses at the no-op handler.
const noopTime = time.Minute

// benchRun runs the load, with --reference between measurements of what the machine can do.
func (a *app) benchRun(ctx context.Context, b *benching) (*bench.Result, error) {
	if !b.reference {
		return bench.Run(ctx, b.opts)
	}
	folder := b.scratch
	if folder == "" {
		var err error
		if folder, err = a.target.folder(); err != nil {
			return nil, err
		}
		if _, err := os.Stat(folder); err != nil {
			folder = ""
			a.remark("There is no data folder on this machine, so the disk is not measured; --scratch names a folder.")
		}
	}
	ref := bench.ReferenceOptions{Folder: folder}
	stop, err := startNoop(ctx, &ref, max(b.opts.Batch, 1))
	if err != nil {
		return nil, fmt.Errorf("start the no-op handler: %w", err)
	}
	defer stop()
	return bench.Compare(ctx, b.opts, ref)
}

// startNoop starts the no-op handler in a process of its own, as the server has one too.
func startNoop(ctx context.Context, ref *bench.ReferenceOptions, batch int) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "noop", strconv.Itoa(batch))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		in.Close()
		_ = cmd.Wait() // it was told to end, and nothing depends on how
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, err
	}
	ref.Noop, ref.NoopPID = "http://"+strings.TrimSpace(line), cmd.Process.Pid
	return stop, nil
}

// benchNoopCommand is the process that startNoop starts.
func (a *app) benchNoopCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "noop N",
		Short:  "Answer sends of N messages and forget them, until standard input ends",
		Hidden: true,
		Args:   exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 || n > batchEntries {
				return usage("%q is no size of a batch", args[0])
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.out, listener.Addr()); err != nil {
				return err
			}
			// What a bare net/http costs is measured, on this machine alone.
			server := &http.Server{Handler: bench.NoopHandler(n), ReadHeaderTimeout: noopTime, IdleTimeout: noopTime}
			go func() {
				_, _ = io.Copy(io.Discard, a.in) // its end is all that matters
				server.Close()
			}()
			if err := server.Serve(listener); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
	}
}
