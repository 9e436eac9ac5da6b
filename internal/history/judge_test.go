package history

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// story is a history in lines of JSON, without their braces, and the kinds of violations in it.
type story struct {
	name  string
	lines string
	want  []Kind
}

// judged is the verdict on a story. Times are written as seconds in it.
func judged(t *testing.T, lines string) Verdict {
	t.Helper()
	j := NewJudge()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		var e Event
		text := "{" + strings.TrimSpace(line) + "}"
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		e.Call, e.Return = e.Call*1e9, e.Return*1e9
		if err := j.Add(e); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return j.Verdict(context.Background())
}

func tellAll(t *testing.T, stories []story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			v := judged(t, s.lines)
			got := make([]Kind, 0, len(v.Violations))
			for _, violation := range v.Violations {
				got = append(got, violation.Kind)
			}
			got = slices.Compact(got)
			slices.SortFunc(s.want, func(a, b Kind) int { return cmp.Compare(a, b) })
			if diff := gocmp.Diff(s.want, got); diff != "" && len(s.want)+len(got) > 0 {
				t.Errorf("violations (-want +got):\n%s\n%v", diff, v.Violations)
			}
			if v.Undecided > 0 {
				t.Errorf("%d messages are undecided, want none", v.Undecided)
			}
		})
	}
}

const sentA = `"op":"send","queue":"q","key":"a","id":"1","digest":"x","call":1,"return":2
`

func TestLossesAreFound(t *testing.T) {
	tellAll(t, []story{
		{"sent, received, deleted, drained", sentA + `"op":"receive","queue":"q","key":"a","id":"1","digest":"x","receipt":"r","visibility":10,"call":3,"return":4
			"op":"delete","queue":"q","key":"a","receipt":"r","call":5,"return":6
			"op":"drained","queue":"q","call":20,"return":40`, nil},
		{"never received, and nobody looked", sentA, nil},
		{"never received from a queue that was found empty", sentA + `"op":"drained","queue":"q","call":20,"return":40`, []Kind{Lost, Impossible}},
		{"received once, kept, and gone", sentA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":10,"call":3,"return":4
			"op":"drained","queue":"q","call":20,"return":40`, []Kind{Lost, Impossible}},
		{"a delete without an answer may have worked", sentA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":10,"call":3,"return":4
			"op":"delete","queue":"q","key":"a","receipt":"r","call":5,"return":6,"result":"unknown"
			"op":"drained","queue":"q","call":20,"return":40`, nil},
		{"a send without an answer may be gone", `"op":"send","queue":"q","key":"a","call":1,"return":2,"result":"unknown"
			"op":"drained","queue":"q","call":20,"return":40`, nil},
		{"a send without an answer may come", `"op":"send","queue":"q","key":"a","call":1,"return":2,"result":"unknown"
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":10,"call":30,"return":31`, nil},
		{"a purge takes what was sent before", sentA + `"op":"purge","queue":"q","call":3,"return":4
			"op":"drained","queue":"q","call":20,"return":40`, nil},
		{"retention takes what is old", `"op":"queue","queue":"q","retention":30
			` + sentA + `"op":"drained","queue":"q","call":20,"return":40`, nil},
		{"lost on the way to the dead letters", `"op":"queue","queue":"q","deadLetters":"d","maxReceives":1
			` + sentA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":5,"call":3,"return":4
			"op":"drained","queue":"q","call":20,"return":40
			"op":"drained","queue":"d","call":50,"return":60`, []Kind{Lost, Impossible}},
	})
}

func TestForeignMessagesAreFound(t *testing.T) {
	tellAll(t, []story{
		{"nobody sent it", `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":5,"call":3,"return":4`, []Kind{Invented}},
		{"its send was refused", `"op":"send","queue":"q","key":"a","call":1,"return":2,"result":"failed"
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":5,"call":3,"return":4`, []Kind{Invented}},
		{"it came before it was sent", `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":5,"call":1,"return":2
			"op":"send","queue":"q","key":"a","id":"1","call":3,"return":4`, []Kind{Invented, Impossible}},
		{"its body is another", sentA + `"op":"receive","queue":"q","key":"a","id":"1","digest":"y","receipt":"r","visibility":5,"call":3,"return":4`, []Kind{Altered}},
		{"one attempt became two messages", sentA + `"op":"receive","queue":"q","key":"a","id":"2","receipt":"r","visibility":5,"call":3,"return":4`, []Kind{Doubled}},
		{"two attempts may become two messages", `"op":"send","queue":"q","key":"a","call":1,"return":2,"result":"unknown"
			"op":"send","queue":"q","key":"a","id":"2","call":3,"return":4
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":5,"call":5,"return":6
			"op":"receive","queue":"q","key":"a","id":"2","receipt":"s","visibility":5,"call":5,"return":6`, nil},
	})
}

const takenA = sentA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":10,"call":3,"return":4
`

func TestVisibilityIsJudged(t *testing.T) {
	tellAll(t, []story{
		{"again within the timeout", takenA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":8,"return":9`, []Kind{Early, Impossible}},
		{"again after the timeout", takenA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":8,"return":13`, nil},
		{"again after it was given back", takenA + `"op":"change","queue":"q","key":"a","receipt":"r","call":5,"return":6
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":5,"return":6`, nil},
		{"again although its timeout was prolonged", takenA + `"op":"change","queue":"q","key":"a","receipt":"r","visibility":60,"call":5,"return":6
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":20,"return":21`, []Kind{Impossible}},
		{"again after somebody gave it back with an older receipt", takenA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":20,"return":21
			"op":"change","queue":"q","key":"a","receipt":"r","call":22,"return":23
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"t","visibility":10,"call":24,"return":25`, nil},
		{"again after a crash", takenA + `"op":"crash","call":6,"return":7
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":8,"return":9`, nil},
		{"a little early after a step of the clock", takenA + `"op":"clock","step":-3600,"call":5
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":8,"return":12`, nil},
		{"much too early after a step of the clock", takenA + `"op":"clock","step":3600,"call":5
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":8,"return":11`, []Kind{Early, Impossible}},
		{"two at once", sentA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":10,"call":3,"return":5
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":3,"return":5`, []Kind{Early, Impossible}},
		{"before its delay was over", `"op":"send","queue":"q","key":"a","id":"1","delay":10,"call":1,"return":2
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"r","visibility":10,"call":3,"return":5`, []Kind{Early}},
	})
}

func TestDeletesAreJudged(t *testing.T) {
	const deletedA = takenA + `"op":"delete","queue":"q","key":"a","receipt":"r","call":5,"return":6
	`
	tellAll(t, []story{
		{"back after its delete", deletedA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":20,"return":21`, []Kind{Revived, Impossible}},
		{"back after a crash", deletedA + `"op":"crash","call":7,"return":8
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":20,"return":21`, []Kind{Revived, Impossible}},
		{"received by a call from before the delete was answered", takenA + `"op":"delete","queue":"q","key":"a","receipt":"r","call":14,"return":16
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":15,"return":17`, nil},
		{"a delete with an old receipt binds nobody", takenA + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":10,"call":20,"return":21
			"op":"delete","queue":"q","key":"a","receipt":"r","call":22,"return":23
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"t","visibility":10,"call":40,"return":41`, nil},
	})
}

func TestOrderIsJudged(t *testing.T) {
	const fifo = `"op":"queue","queue":"q","fifo":true
		"op":"send","queue":"q","key":"a","id":"1","group":"g","dedup":"a","sequence":"9","call":1,"return":2
		"op":"send","queue":"q","key":"b","id":"2","group":"g","dedup":"b","sequence":"10","call":3,"return":4
	`
	tellAll(t, []story{
		{"in order", fifo + `"op":"receive","queue":"q","key":"a","id":"1","sequence":"9","receipt":"r","visibility":10,"call":5,"return":6
			"op":"receive","queue":"q","key":"b","id":"2","sequence":"10","place":1,"receipt":"s","visibility":10,"call":5,"return":6`, nil},
		{"out of order in a reply", fifo + `"op":"receive","queue":"q","key":"a","id":"1","sequence":"9","place":1,"receipt":"r","visibility":10,"call":5,"return":6
			"op":"receive","queue":"q","key":"b","id":"2","sequence":"10","receipt":"s","visibility":10,"call":5,"return":6`, []Kind{Unordered}},
		{"the second first", fifo + `"op":"receive","queue":"q","key":"b","id":"2","sequence":"10","receipt":"s","visibility":10,"call":5,"return":6
			"op":"receive","queue":"q","key":"a","id":"1","sequence":"9","receipt":"r","visibility":10,"call":7,"return":8`, []Kind{Unordered}},
		{"the second while the first is in flight", fifo + `"op":"receive","queue":"q","key":"a","id":"1","sequence":"9","receipt":"r","visibility":10,"call":5,"return":6
			"op":"receive","queue":"q","key":"b","id":"2","sequence":"10","receipt":"s","visibility":10,"call":7,"return":8`, []Kind{Overtaken}},
		{"the second after the first was deleted", fifo + `"op":"receive","queue":"q","key":"a","id":"1","sequence":"9","receipt":"r","visibility":10,"call":5,"return":6
			"op":"delete","queue":"q","key":"a","receipt":"r","call":7,"return":9
			"op":"receive","queue":"q","key":"b","id":"2","sequence":"10","receipt":"s","visibility":10,"call":7,"return":8`, nil},
		{"numbers went back", fifo + `"op":"send","queue":"q","key":"c","id":"3","group":"g","dedup":"c","sequence":"8","call":5,"return":6`, []Kind{Unordered}},
		{"a repeated send kept its number", fifo + `"op":"send","queue":"q","key":"a","id":"1","group":"g","dedup":"a","sequence":"9","call":5,"return":6`, nil},
		{"a repeated send got another", fifo + `"op":"send","queue":"q","key":"a","id":"3","group":"g","dedup":"a","sequence":"11","call":5,"return":6`, []Kind{Doubled}},
		{"a send repeated after the window is a new message", fifo + `"op":"send","queue":"q","key":"a","id":"3","group":"g","dedup":"a","sequence":"11","call":500,"return":501`, nil},
		{"another key with the same deduplication id is the same message", fifo + `"op":"send","queue":"q","key":"c","id":"1","group":"g","dedup":"a","sequence":"9","call":5,"return":6
			"op":"receive","queue":"q","key":"a","id":"1","sequence":"9","receipt":"r","visibility":10,"call":5,"return":6
			"op":"delete","queue":"q","key":"a","receipt":"r","call":7,"return":9
			"op":"receive","queue":"q","key":"b","id":"2","sequence":"10","receipt":"s","visibility":10,"call":10,"return":11
			"op":"delete","queue":"q","key":"b","receipt":"s","call":12,"return":13
			"op":"drained","queue":"q","call":20,"return":40`, nil},
	})
}

func TestQueuesAreJudged(t *testing.T) {
	const dead = `"op":"queue","queue":"q","deadLetters":"d","maxReceives":2
	` + takenA
	tellAll(t, []story{
		{"the counters fit", sentA + `"op":"counts","queue":"q","visible":1,"scanned":1,"call":5,"return":6`, nil},
		{"one too few", sentA + `"op":"counts","queue":"q","call":5,"return":6`, []Kind{Miscounted}},
		{"one too many", sentA + `"op":"counts","queue":"q","visible":1,"delayed":1,"call":5,"return":6`, []Kind{Miscounted}},
		{"not what a look found", `"op":"counts","queue":"q","scanned":1,"call":5,"return":6`, []Kind{Miscounted}},
		{"below zero", takenA + `"op":"counts","queue":"q","inFlight":2,"visible":-1,"call":5,"return":6`, []Kind{Miscounted}},
		{"moved in time", dead + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":1,"call":20,"return":21
			"op":"receive","queue":"d","key":"a","id":"1","receipt":"t","visibility":10,"call":30,"return":31`, nil},
		{"moved too soon", dead + `"op":"receive","queue":"d","key":"a","id":"1","receipt":"t","visibility":10,"call":30,"return":31`, []Kind{Misplaced}},
		{"moved after a receive that nobody saw", dead + `"op":"receive","queue":"q","result":"unknown","call":20,"return":21
			"op":"receive","queue":"d","key":"a","id":"1","receipt":"t","visibility":10,"call":50,"return":51`, nil},
		{"not moved", dead + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":1,"call":20,"return":21
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"t","visibility":1,"call":30,"return":31`, []Kind{Misplaced}},
		{"in both queues", dead + `"op":"receive","queue":"q","key":"a","id":"1","receipt":"s","visibility":1,"call":20,"return":21
			"op":"receive","queue":"d","key":"a","id":"1","receipt":"t","visibility":1,"call":30,"return":31
			"op":"receive","queue":"q","key":"a","id":"1","receipt":"u","visibility":1,"call":40,"return":41`, []Kind{Misplaced}},
		{"no answer in time after all was well", `"op":"healed","call":1
			"op":"send","queue":"q","key":"a","result":"unknown","call":12,"return":13`, []Kind{Stuck}},
		{"no answer, but soon disturbed again", `"op":"healed","call":1
			"op":"disturb","call":12
			"op":"send","queue":"q","key":"a","result":"unknown","call":12,"return":13`, nil},
	})
}

func TestReadNamesTheLineThatIsWrong(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"no JSON", "{\"op\":\"healed\"}\nhello\n", "line 2: "},
		{"an unknown operation", `{"op":"sing"}`, `line 1: op "sing" is not known`},
		{"no queue", `{"op":"send","key":"a","call":1,"return":2}`, "line 1: send needs a queue"},
		{"no key", `{"op":"send","queue":"q","call":1,"return":2}`, "line 1: send needs a key"},
		{"no times", `{"op":"send","queue":"q","key":"a"}`, "line 1: send needs call and return, above 0"},
		{"times that run backwards", `{"op":"send","queue":"q","key":"a","call":2,"return":1}`, "line 1: return is 1, before its call, 2"},
		{"an unknown result", `{"op":"send","queue":"q","key":"a","call":1,"return":2,"result":"maybe"}`, `line 1: result "maybe"`},
		{"a timeout below zero", `{"op":"receive","queue":"q","key":"a","call":1,"return":2,"visibility":-1}`, "line 1: -1 is no number of seconds"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := Read(strings.NewReader(row.text), NewJudge().Add)
			if err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("Read(%q): got error %v, want %q…", row.text, err, row.want)
			}
		})
	}
}

func TestWhatIsRecordedCanBeRead(t *testing.T) {
	var file strings.Builder
	r := NewRecorder(&file)
	now := r.Now()
	want := []Event{
		{Op: OpSend, Queue: "q", Key: "a", ID: "1", Call: now, Return: r.Now(), Delay: 1.5},
		{Op: OpReceive, Queue: "q", Call: now, Return: r.Now(), Result: Unknown},
	}
	r.Add(want...)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var got []Event
	err := Read(strings.NewReader(file.String()), func(e Event) error { got = append(got, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}
