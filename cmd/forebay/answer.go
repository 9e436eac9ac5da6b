package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/signal"
	"strings"
)

// confirm asks before something is destroyed. Where nobody can answer, --yes must have been given. Ctrl-C ends the
// question like every other signal that ends a command, although the command itself may have taken signals over.
func (a *app) confirm(question, repeat string) error {
	if a.yes {
		return nil
	}
	if !terminal(a.in) || !terminal(a.errs) {
		return &failure{code: exitUsage, what: question + " Nobody is here to answer", hints: []string{"Say so beforehand:  " + repeat + " --yes"}}
	}
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	fmt.Fprintf(a.errs, "%s Type yes to go on: ", question)
	answer, err := readAnswer(ctx, a.in)
	if err != nil {
		fmt.Fprintln(a.errs) // the line of the question was not ended
	}
	if ctx.Err() != nil {
		return &failure{code: exitInterrupted, what: "interrupted: nothing was done", err: ctx.Err()}
	}
	if err != nil && err != io.EOF {
		return fail("the answer could not be read, so nothing was done: %v", err)
	}
	if answer != "yes" {
		return &failure{code: exitFailed, what: "nothing was done: the answer was not yes", hints: []string{"Without the question:  " + repeat + " --yes"}}
	}
	return nil
}

// readAnswer reads one line, whole, so that no part of it is left for the shell to run, and returns it without the
// space around it. It returns the error of ctx as soon as that ends; the read goes on then until the process ends.
func readAnswer(ctx context.Context, in io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err == io.EOF && line != "" {
			err = nil
		}
		read <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case got := <-read:
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// interruptedReader returns a reader of in that fails with the error of ctx as soon as ctx ends, also while a read waits
// for a terminal or a pipe. It may have read more of in than was read from it, so in is good for nothing else.
func interruptedReader(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err) // nil is the end of the input
	}()
	return r
}
