package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reported is a report of Forebay and ElasticMQ.
func reported(t *testing.T) *report {
	t.Helper()
	r := newReport(options{}, works[:2])
	r.enter(speaking[0], "1")
	r.enter(speaking[1], "2")
	return r
}

func TestReportComparesMedians(t *testing.T) {
	r := reported(t)
	for _, n := range []float64{10, 3000, 900} {
		r.add(speaking[0], works[0], measurement{PerSecond: n}, nil)
	}
	r.add(speaking[1], works[0], measurement{PerSecond: 300}, nil)
	r.compare()
	if got, want := r.Rows[2].Times, 3.0; got != want {
		t.Errorf("Forebay's median 900 beside 300: %v times, want %v", got, want)
	}
	if got, want := r.Rows[0].cells()[3], "10 / 900 / 3,000"; got != want {
		t.Errorf("spread %q, want %q", got, want)
	}
}

func TestReportSkipsNothingSilently(t *testing.T) {
	r := reported(t)
	r.add(speaking[0], works[0], measurement{PerSecond: 1}, nil)
	r.add(speaking[0], works[1], measurement{}, errNoBatches)
	r.fail(speaking[1], errors.New("not installed: no such package"))
	r.fail(speaking[1], errors.New("not installed: no such package"))
	var out strings.Builder
	if err := r.show(&out); err != nil {
		t.Fatal(err)
	}
	if got, want := len(r.Rows), 3; got != want {
		t.Errorf("%d rows, want %d:\n%s", got, want, out.String())
	}
	if got, want := r.failures(), 1; got != want {
		t.Errorf("%d failures, want %d: what a protocol does not have is none", got, want)
	}
	if got, want := strings.Count(out.String(), "FAILED: not installed: no such package"), 1; got != want {
		t.Errorf("the reason stands there %d times, want %d:\n%s", got, want, out.String())
	}
}

func TestReportCountsWhatWasNeverMeasured(t *testing.T) {
	r := reported(t)
	if got, want := r.failures(), 4; got != want {
		t.Errorf("%d failures of 4 rows without a run, want %d", got, want)
	}
}

func TestUpdateKeepsThePageAroundTheTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("above\n"+tableBegins+"old\n"+tableEnds+"below\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := reported(t).update(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	if !strings.HasPrefix(page, "above\n") || !strings.HasSuffix(page, "below\n") || strings.Contains(page, "old") || !strings.Contains(page, "| server |") {
		t.Errorf("the page became:\n%s", page)
	}
	if err := os.WriteFile(path, []byte("no place\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := reported(t).update(path); err == nil {
		t.Error("a page without a place for the table was accepted")
	}
}
