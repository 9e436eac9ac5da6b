package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write what the golden file should say from what happens")

func TestStudyAgainstGoldenFile(t *testing.T) {
	c := settings()[0].config()
	study := Study{Policies: []string{"slack", "keda:target=12", "target-tracking:target=12", "nomad:target=12", "age-step", Oracle}, Seeds: 1, Config: c}
	for _, g := range Generators() {
		study.Sources = append(study.Sources, Generated(g, 3*time.Hour, c.Times))
	}
	rows, err := study.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		roundResult(&rows[i].Result)
	}
	got, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "study.json")
	if *rewrite {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), got) {
		t.Errorf("the study has changed; if it should have, run go test -run Golden ./internal/pool/sim -rewrite and read the difference\n got %s", got)
	}
}

// roundResult keeps three digits, which are the same on every processor.
func roundResult(r *Result) {
	for _, v := range []*float64{&r.WorkerHours, &r.WaitP50, &r.WaitP95, &r.WaitP99, &r.WaitMax, &r.Late, &r.Repeated, &r.Score} {
		if *v != 0 {
			unit := math.Pow(10, math.Floor(math.Log10(*v))-2)
			*v = math.Round(math.Round(*v/unit)*unit*1e6) / 1e6
		}
	}
}

func TestNothingIsCheaperThanTheLowerBound(t *testing.T) {
	for _, s := range settings() {
		c := s.config()
		for _, g := range Generators() {
			trace := g.Trace(1, 6*time.Hour, c.Times)
			bound := LowerBound(trace, c)
			for _, text := range []string{"slack", "slack:eager=true", "keda:target=1", "fixed:workers=400"} {
				if r := One(trace, text, c); r.Late == 0 && r.WorkerHours < bound.WorkerHours {
					t.Errorf("%s: %s keeps the objective for %.1f worker-hours, below the bound of %.1f", g.Name, text, r.WorkerHours, bound.WorkerHours)
				}
			}
		}
	}
}

func TestLowerBoundByHand(t *testing.T) {
	// Four messages of ten seconds at once must be done within 10 s + 10 s; in a window of twice the objective that is
	// two workers, each with a boot of five seconds.
	c := exact()
	got := LowerBound(jobs(time.Minute, 0, 0, 0, 0), c)
	if want := hours(40 + 2*5); math.Abs(got.WorkerHours-want) > 1e-9 || got.WaitP95 != 0 {
		t.Errorf("bound %.5f worker-hours, p95 %g, want %.5f and 0", got.WorkerHours, got.WaitP95, want)
	}
}

func TestStudyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := exact()
	study := Study{Sources: []Source{Generated(Generators()[0], time.Hour, c.Times)}, Policies: []string{"slack"}, Seeds: 2, Config: c}
	if _, err := study.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	study.Policies = []string{"slick"}
	if _, err := study.Run(t.Context()); err == nil {
		t.Errorf("an unknown policy is accepted")
	}
}

func TestPlotIsReadable(t *testing.T) {
	c := settings()[0].config()
	c.Sample = time.Minute
	trace := Generators()[2].Trace(1, 3*time.Hour, c.Times)
	lines := []Line{{"slack", One(trace, "slack", c).Timeline}, {"a <b> & c", One(trace, "keda:target=1", c).Timeline}}
	var out bytes.Buffer
	if err := Plot(&out, "on & off", time.Minute, lines); err != nil {
		t.Fatal(err)
	}
	paths, texts := 0, ""
	for d := xml.NewDecoder(&out); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "path" {
				paths++
			}
		case xml.CharData:
			texts += string(e)
		}
	}
	if want := 3 * len(lines); paths != want {
		t.Errorf("%d lines drawn, want %d", paths, want)
	}
	for _, want := range []string{"on & off", "a <b> & c", "visible messages", "workers", "wait of the oldest, s", "objective", "hours"} {
		if !strings.Contains(texts, want) {
			t.Errorf("nothing in the picture says %q", want)
		}
	}
	if err := Plot(io.Discard, "empty", time.Minute, nil); err != nil {
		t.Errorf("a picture without lines: %v", err)
	}
}

func TestAStudySaysHowFarItIs(t *testing.T) {
	var most atomic.Int64
	var calls atomic.Int64
	c := exact()
	study := Study{Seeds: 2, Policies: []string{"slack", Oracle}, Config: c}
	for _, g := range Generators()[:2] {
		study.Sources = append(study.Sources, Generated(g, time.Minute, c.Times))
	}
	study.Progress = func(done, all int) {
		calls.Add(1)
		if all != 8 || done < 1 || done > all {
			t.Errorf("%d of %d, want at most 8 of 8", done, all)
		}
		if done == all {
			most.Store(int64(done))
		}
	}
	if _, err := study.Run(t.Context()); err != nil || most.Load() != 8 || calls.Load() != 8 {
		t.Errorf("%v; %d calls, the last of %d, want 8 of 8", err, calls.Load(), most.Load())
	}
}
