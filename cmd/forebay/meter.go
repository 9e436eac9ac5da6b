package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// meter shows how much of the input was sent. Its methods may be called on nil, which shows nothing.
type meter struct {
	began time.Time
	size  int64 // of the input in bytes; -1: unknown
	sent  int
	out   io.Writer
	bar   *progressbar.ProgressBar // nil until it is worth showing
}

// meterAfter is how long a command runs before it shows its progress.
const meterAfter = 500 * time.Millisecond

// meter returns what shows progress: nothing, unless somebody watches and is not typing the input.
func (a *app) meter() *meter {
	if a.quiet || !terminal(a.errs) || terminal(a.in) {
		return nil
	}
	m := &meter{began: time.Now(), size: -1, out: a.errs}
	if f, ok := a.in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			m.size = info.Size()
		}
	}
	return m
}

// add counts bytes that were sent.
func (m *meter) add(n int) {
	if m == nil {
		return
	}
	m.sent += n
	if m.bar == nil {
		if time.Since(m.began) < meterAfter {
			return
		}
		m.bar = progressbar.NewOptions64(m.size,
			progressbar.OptionSetWriter(m.out), progressbar.OptionShowBytes(true), progressbar.OptionSetDescription("sending"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
		n = m.sent
	}
	_ = m.bar.Add(n)
}

// end takes the progress away.
func (m *meter) end() {
	if m != nil && m.bar != nil {
		_ = m.bar.Finish()
	}
}
