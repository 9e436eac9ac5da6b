package sim

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGeneratorsSendWhatTheySay(t *testing.T) {
	times := Times{Service: 5 * time.Second, ServiceCV: 1.5}
	for name, want := range map[string]struct{ perDay, within float64 }{
		"steady":  {4 * 86400, 0.02},
		"diurnal": {2.2*86400 + 4*14*600, 0.03},
		"mmpp":    {(16*5 + 0.15*25) * 60 * 48, 0.15},
		"batch":   {1440 * 36, 0.15}, // the mean of a session is about 36
		"nightly": {4*6000 + 0.2*86400, 0.02},
		"sparse":  {480, 0.1},
	} {
		g := generator(t, name)
		const seeds = 10
		messages, work := 0.0, time.Duration(0)
		for seed := range uint64(seeds) {
			trace := g.Trace(seed, 24*time.Hour, times)
			messages += float64(len(trace.Messages)) / seeds
			work += trace.Work() / seeds
			for i, m := range trace.Messages {
				if m.At < 0 || m.At >= trace.Length || m.Service <= 0 || i > 0 && m.At < trace.Messages[i-1].At {
					t.Fatalf("%s: message %d at %s takes %s: out of order or of the day", name, i, m.At, m.Service)
				}
			}
		}
		if math.Abs(messages/want.perDay-1) > want.within {
			t.Errorf("%s: %.0f messages a day, want %.0f", name, messages, want.perDay)
		}
		if each := work.Seconds() / messages; math.Abs(each/5-1) > 0.1 {
			t.Errorf("%s: %.2f s a message, want 5", name, each)
		}
	}
}

func TestThinnedTracesKeepTheirShare(t *testing.T) {
	trace := generator(t, "steady").Trace(1, 3*time.Hour, Times{Service: time.Second})
	thin := trace.Thinned(0.25, 1)
	if got := float64(len(thin.Messages)) / float64(len(trace.Messages)); math.Abs(got-0.25) > 0.01 {
		t.Errorf("%.3f of the messages are left, want 0.25", got)
	}
	if got := trace.Thinned(1, 1); len(got.Messages) != len(trace.Messages) {
		t.Errorf("a share of 1 leaves %d of %d", len(got.Messages), len(trace.Messages))
	}
}

func generator(t *testing.T, name string) Generator {
	t.Helper()
	for _, g := range Generators() {
		if g.Name == name {
			return g
		}
	}
	t.Fatalf("no generator %q", name)
	return Generator{}
}

func TestTracesAreReadFromCSV(t *testing.T) {
	times := Times{Service: 5 * time.Second} // without variation
	for _, test := range []struct {
		name, text string
		want       []Message
		length     time.Duration
	}{
		{"only times", "at\n10\n12.5\n", []Message{{0, 5 * time.Second, 0}, {2500 * time.Millisecond, 5 * time.Second, 0}}, time.Minute},
		{"all columns in any order, others ignored", "service,user,at,lead\n3,ann,100,60\n,bob,160,\n",
			[]Message{{0, 3 * time.Second, time.Minute}, {time.Minute, 5 * time.Second, 0}}, 65 * time.Second},
		{"rows in any order", "at,service\n90,1\n0,2\n", []Message{{0, 2 * time.Second, 0}, {90 * time.Second, time.Second, 0}}, 91 * time.Second},
		{"dates", "at,service\n2026-01-01T00:00:00Z,1\n2026-01-01T02:00:00+01:00,1\n",
			[]Message{{0, time.Second, 0}, {time.Hour, time.Second, 0}}, time.Hour + time.Second},
	} {
		got, err := ReadCSV(strings.NewReader(test.text), "trace.csv", times, 1)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		want := Trace{Name: "trace.csv", Length: test.length, Messages: test.want}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestWrongCSVNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "trace.csv: no header line",
		"when\n1\n":                   `trace.csv: no column "at"; known are at, service and lead`,
		"at,at\n1,1\n":                `two columns "at"`,
		"at\n":                        "trace.csv: no messages",
		"at\n1\nsoon\n":               `trace.csv:3: at: "soon" is neither a number of seconds nor a time`,
		"at\nNaN\n":                   `trace.csv:2: at: "NaN"`,
		"at\n1e300\n":                 `trace.csv:2: at: "1e300"`,
		"at,service\n1,-3\n":          `trace.csv:2: service: "-3" is not a number of seconds`,
		"at,lead\n1,x\n":              `trace.csv:2: lead: "x" is not`,
		"at\n1\n2026-01-01T00:00:00Z": "trace.csv:3: at: seconds and dates in one file",
		"at,service\n1\n":             "line 2: wrong number of fields",
		"at\n\"1\n":                   "trace.csv: ",
	} {
		if _, err := ReadCSV(strings.NewReader(text), "trace.csv", Times{Service: time.Second}, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %s", text, err, want)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("at,service,lead\n1,2,3\n")
	f.Add("at\n2026-01-01T00:00:00Z\n")
	f.Add("at\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		trace, err := ReadCSV(strings.NewReader(text), "trace.csv", Times{Service: time.Second, ServiceCV: 1}, 1)
		if err != nil {
			return
		}
		for i, m := range trace.Messages {
			if m.At < 0 || m.Service < 0 || m.Lead < 0 || i > 0 && m.At < trace.Messages[i-1].At {
				t.Errorf("message %d is %+v", i, m)
			}
		}
	})
}
