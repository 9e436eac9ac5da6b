//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// workSlack is how much later than it has to a message may be handed out again.
const workSlack = time.Second

// handling is a handler at work, as the ledger has it; one that was interrupted is not done.
type handling struct {
	n           int
	start, done time.Time
}

// ledger reads what the handlers have written down, by receipt handle.
func (w *workshop) ledger() map[string]*handling {
	file, err := os.Open(filepath.Join(w.arena, "ledger"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	runs := make(map[string]*handling)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 4 {
			w.t.Errorf("the ledger has the line %q", lines.Text())
			continue
		}
		n, _ := strconv.Atoi(fields[1])
		nanos, _ := strconv.ParseInt(fields[2], 10, 64)
		r := runs[fields[3]]
		if r == nil {
			r = &handling{n: n}
			runs[fields[3]] = r
		}
		if fields[0] == "start" {
			r.start = time.Unix(0, nanos)
		} else {
			r.done = time.Unix(0, nanos)
		}
	}
	return runs
}

// overtime counts, by message id, the handlers that the agents say to have ended at their time limit.
func (w *workshop) overtime() map[string]int {
	ended := make(map[string]int)
	for line := range strings.Lines(w.log.tail(1 << 30)) {
		var entry struct{ Msg, ID, Err string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "a message failed" && strings.Contains(entry.Err, "time limit") {
			ended[entry.ID]++
		}
	}
	return ended
}

// verdict is what the judge has found.
type verdict struct {
	*workshop
	runs     map[string]*handling
	slow     map[string]int  // by message id: time limits that no fate accounts for yet
	back     time.Time       // when both agents had asked the restarted server
	reasons  map[string]int  // why messages were handed out again
	deferred int             // waited for the restarted server
	late     []time.Duration // after the end of the lease, of each time that a message was handed out again
	early    []time.Duration // before it
	after    []time.Duration // after the interruption
}

// judge holds what the server handed out, and what the handlers did, against what was to happen to each message.
func (w *workshop) judge() {
	v := &verdict{workshop: w, runs: w.ledger(), slow: w.overtime(), reasons: make(map[string]int)}
	v.back = w.seen.allAsked(w.up, "first", "third")
	done := make(map[int]bool)
	for handle, r := range v.runs {
		done[r.n] = done[r.n] || !r.done.IsZero()
		if w.seen.attempts[handle] == nil {
			w.t.Errorf("message %d was handled, and the witness has not seen it come", r.n)
		}
	}
	for n, fate := range w.fates {
		v.story(fate, w.seen.stories[strconv.Itoa(n)])
	}
	w.t.Logf("%d messages, %d of them lost; handed out again %d times, %d times without a reason; the reasons: %v",
		len(w.fates), len(w.fates)-len(done), len(v.late), v.reasons[""], v.reasons)
	w.t.Logf("handed out again after the lease's end: %s; of %d the server's absence is not counted, until both agents had asked it again, %v after it was ready",
		spread(v.late), v.deferred, v.back.Sub(w.up).Round(time.Millisecond))
	w.t.Logf("handed out again after the interruption: %s", spread(v.after))
	equal(w.t, "times that a message was handed out again without a reason", v.reasons[""], 0)
	for n := range w.fates {
		if !done[n] {
			w.t.Errorf("message %d is lost", n)
		}
	}
	if len(v.early) == 0 {
		w.t.Fatal("no message was interrupted, so nothing was tested")
	}
	atMost(w.t, "handed out again after the lease's end", slices.Max(v.late), workSlack)
	atMost(w.t, "handed out before the lease's end", slices.Max(v.early), workSlack)
	atMost(w.t, "handed out again after the interruption", slices.Max(v.after), workLease+workSlack)
}

// story goes through the attempts at one message. Where the server has counted more receives than were seen, one of them
// was handed to somebody who had just gone.
func (v *verdict) story(fate string, attempts []*attempt) {
	last := &attempt{}
	for i, next := range attempts {
		if i > 0 && next.id != attempts[0].id {
			v.t.Errorf("message %s was sent again as %s", attempts[0].id, next.id)
		}
		if next.count > last.count+1 {
			unheard := v.unheard(last, next)
			if i > 0 {
				v.reasons[v.reason(&fate, last).word]++
			}
			v.again(&fate, unheard, next)
		} else if i > 0 {
			v.again(&fate, last, next)
		}
		last = next
	}
}

// unheard is the attempt that must have been between two that were seen. It was made no later than the fault that its
// taker did not survive.
func (v *verdict) unheard(last, next *attempt) *attempt {
	for _, fault := range []time.Time{v.killed, v.down} {
		if fault.After(last.at) && fault.Before(next.at) {
			until := fault.Add(workLease)
			return &attempt{id: next.id, agent: "nobody", at: fault, lease: lease{first: fault, last: until}}
		}
	}
	return &attempt{id: next.id, lease: next.lease}
}

// reason is why an attempt at a message was not the last one, and when it was interrupted.
type reason struct {
	word string // empty: there is none
	at   time.Time
}

// reason finds the reason. The fate of a message comes true once.
func (v *verdict) reason(fate *string, a *attempt) reason {
	r := v.runs[a.handle]
	if r == nil {
		r = &handling{start: a.at}
	}
	tooSlow := a.lease.back && v.slow[a.id] > 0
	switch {
	case a.agent == "nobody":
		return reason{"unheard", a.at}
	case a.lease.back && r.done.IsZero() && workFates[*fate]:
		word := *fate
		*fate = ""
		if word == "overtime" {
			v.slow[a.id]--
		}
		return reason{word, r.start}
	case tooSlow: // a busy machine: the agent did end it
		v.slow[a.id]--
		return reason{"slow", r.start}
	case a.agent == "second" && !a.lease.back && a.deleted.IsZero() && a.lease.last.After(v.killed):
		return reason{"agent killed", v.killed}
	case !a.lease.back && (a.deleted.IsZero() || a.deleted.After(v.up)) && a.at.Before(v.down) && v.down.Sub(a.at) < workSlack:
		// a receive does not wait for the disk
		return reason{"forgotten", v.down}
	}
	return reason{}
}

// again judges that a message was handed out again.
func (v *verdict) again(fate *string, last, next *attempt) {
	why := v.reason(fate, last)
	v.reasons[why.word]++
	if why.word == "" {
		v.t.Logf("message %s was handed out again without a reason: %+v and then %+v, run %+v", last.id, *last, *next, v.runs[last.handle])
		return
	}
	due := last.lease.last
	if why.word == "forgotten" {
		due = v.down
	} else {
		v.early = append(v.early, last.lease.first.Sub(next.at))
	}
	late := next.at.Sub(due)
	if away := shared(due, next.at, v.down, v.back); away > 0 {
		v.deferred++
		late -= away
	}
	v.late = append(v.late, late)
	v.after = append(v.after, next.at.Sub(why.at))
	if late > workSlack {
		v.t.Logf("message %s came %v late, for the reason %q: %+v and then %+v", last.id, late, why.word, *last, *next)
	}
}

// shared is how much the time from one moment to another has in common with that from a third to a fourth.
func shared(from, to, from2, to2 time.Time) time.Duration {
	if from2.After(from) {
		from = from2
	}
	if to2.Before(to) {
		to = to2
	}
	return max(0, to.Sub(from))
}

func atMost(t *testing.T, what string, got, most time.Duration) {
	t.Helper()
	if got > most {
		t.Errorf("%s: %v, want at most %v", what, got, most)
	}
}

// spread words the middle and the end of some durations.
func spread(of []time.Duration) string {
	of = slices.Sorted(slices.Values(of))
	if len(of) == 0 {
		return "never"
	}
	at := func(share float64) time.Duration { return of[int(share*float64(len(of)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v", at(0.5), at(0.99), at(1))
}
