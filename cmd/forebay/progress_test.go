package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/bench"
)

func TestProgressIsShownWhileACommandTakesLong(t *testing.T) {
	text := func(elapsed time.Duration) string { return fmt.Sprintf("%.0fs", elapsed.Seconds()) }
	for _, row := range []struct {
		name  string
		takes time.Duration
		quiet bool
		want  string
	}{
		{"a short command says nothing", 9 * time.Second, false, ""},
		{"a long one says a line every ten seconds", 25 * time.Second, false, "10s\n20s\n"},
		{"with --quiet it says nothing", 25 * time.Second, true, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			var errs bytes.Buffer
			stop := (&app{errs: &errs, quiet: row.quiet}).progress(text)
			time.Sleep(row.takes)
			stop()
			stop()
			if errs.String() != row.want {
				t.Errorf("%s: %q, want %q", row.name, errs.String(), row.want)
			}
		})
	}
}

func TestProgressOnATerminalStaysOnItsLineAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		stop := showProgress(&screen, progressRedraw, "<", ">", "gone", func(time.Duration) string { return "busy" })
		time.Sleep(2*time.Second + time.Millisecond)
		stop()
		if want := "<busy><busy>gone"; screen.String() != want {
			t.Errorf("%q, want %q", screen.String(), want)
		}
	})
}

func TestProgressSaysHowACommandStands(t *testing.T) {
	phase := bench.Verifying
	for _, row := range []struct{ name, got, want string }{
		{"a benchmark that has not begun", benchProgress(time.Second, nil, nil), "  1s"},
		{"a phase without figures", benchProgress(time.Second, &phase, nil), "waiting for the last messages"},
		{"a benchmark under way", benchProgress(3*time.Second, &phase, &bench.Progress{Elapsed: 2 * time.Second, Sent: 10, Waiting: 4}), "sent 10 (5/s)"},
		{"a simulation that has not played a day", simProgress(time.Second, 0, 0), "simulating"},
		{"a simulation under way", simProgress(10*time.Second, 5, 20), "5 of 20 days, about 30s left"},
	} {
		if !strings.Contains(row.got, row.want) {
			t.Errorf("%s: %q, want %q in it", row.name, row.got, row.want)
		}
	}
}
