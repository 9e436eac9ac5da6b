package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// How often a command that takes long says how it stands.
const (
	progressRedraw = time.Second      // on a terminal, always on the same line
	progressLine   = 10 * time.Second // elsewhere, a line each time: enough for the log of a build to show life
)

// progress says on standard error how a command stands, until the returned function is called, which takes away what was
// drawn on a terminal. text is called from another goroutine, with the time since the start. With --quiet nothing is said.
func (a *app) progress(text func(elapsed time.Duration) string) (stop func()) {
	if a.quiet {
		return func() {}
	}
	if terminal(a.errs) {
		return showProgress(a.errs, progressRedraw, "\r\x1b[K", "", "\r\x1b[K", text)
	}
	return showProgress(a.errs, progressLine, "", "\n", "", text)
}

// showProgress writes the text between before and after, again and again, and clear at the end if something was written.
func showProgress(w io.Writer, every time.Duration, before, after, clear string, text func(time.Duration) string) (stop func()) {
	began := time.Now()
	ended := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		look := time.NewTicker(every)
		defer look.Stop()
		shown := false
		for {
			select {
			case <-ended:
				if shown {
					fmt.Fprint(w, clear)
				}
				return
			case <-look.C:
				shown = true
				fmt.Fprint(w, before+text(time.Since(began))+after)
			}
		}
	})
	return sync.OnceFunc(func() { close(ended); showing.Wait() })
}
