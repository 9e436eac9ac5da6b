package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// epoch is when the histories of these tests begin; at(n) is n seconds later.
var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// send plays a send and its answer.
func send(l *Log, key, group, id, sequence string) {
	l.Attempt(key, group)
	l.Acked(key, id, sequence)
}

// play is a history and the violations in it.
type play struct {
	name string
	play func(l *Log)
	want []Kind
}

func TestAStandardQueueIsJudged(t *testing.T) {
	judge(t, []play{
		{"nothing happened", func(*Log) {}, nil},
		{"sent, received, deleted", func(l *Log) {
			send(l, "a", "", "1", "")
			l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
			l.Deleted("a", at(2))
		}, nil},
		{"received twice before it was deleted", func(l *Log) {
			send(l, "a", "", "1", "")
			l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
			l.Received(Delivery{Key: "a", ID: "1", Called: at(9)})
			l.Deleted("a", at(10))
		}, nil},
		{"a send without an answer may appear", func(l *Log) {
			l.Attempt("a", "")
			l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
		}, nil},
		{"a send without an answer may be gone", func(l *Log) { l.Attempt("a", "") }, nil},
		{"a poll that began before the delete was answered proves nothing", func(l *Log) {
			send(l, "a", "", "1", "")
			l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
			l.Deleted("a", at(5))
			l.Received(Delivery{Key: "a", ID: "1", Called: at(4)})
		}, nil},
		{"an acknowledged message never came", func(l *Log) { send(l, "a", "", "1", "") }, []Kind{Lost}},
		{"a message came that nobody sent", func(l *Log) {
			l.Received(Delivery{Key: "ghost", ID: "1", Called: at(1)})
		}, []Kind{Invented}},
		{"a deleted message came back", func(l *Log) {
			send(l, "a", "", "1", "")
			l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
			l.Deleted("a", at(2))
			l.Received(Delivery{Key: "a", ID: "1", Called: at(3)})
		}, []Kind{Revived}},
		{"one send became two messages", func(l *Log) {
			send(l, "a", "", "1", "")
			l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
			l.Received(Delivery{Key: "a", ID: "2", Called: at(1)})
		}, []Kind{Doubled}},
	})
}

func TestAFIFOQueueIsJudged(t *testing.T) {
	judge(t, []play{
		{"a retried FIFO send keeps its number", func(l *Log) {
			send(l, "a", "g", "1", "10")
			send(l, "b", "g", "2", "11")
			l.Acked("a", "1", "10")
			l.Received(Delivery{Key: "a", ID: "1", Sequence: "10", Called: at(1)})
			l.Received(Delivery{Key: "b", ID: "2", Sequence: "11", Called: at(1)})
		}, nil},
		{"a retried FIFO send got a new number", func(l *Log) {
			send(l, "a", "g", "1", "10")
			l.Acked("a", "1", "12")
			l.Received(Delivery{Key: "a", ID: "1", Sequence: "10", Called: at(1)})
		}, []Kind{Doubled}},
		{"a group is delivered out of order", func(l *Log) {
			send(l, "a", "g", "1", "9")
			send(l, "b", "g", "2", "10")
			l.Received(Delivery{Key: "b", ID: "2", Sequence: "10", Called: at(1)})
			l.Received(Delivery{Key: "a", ID: "1", Sequence: "9", Called: at(1)})
		}, []Kind{Unordered}},
		{"two groups do not wait for each other", func(l *Log) {
			send(l, "a", "g", "1", "9")
			send(l, "b", "h", "2", "10")
			l.Received(Delivery{Key: "b", ID: "2", Sequence: "10", Called: at(1)})
			l.Received(Delivery{Key: "a", ID: "1", Sequence: "9", Called: at(1)})
		}, nil},
		{"sequence numbers went back after a restart", func(l *Log) {
			send(l, "a", "g", "1", "100")
			l.Received(Delivery{Key: "a", ID: "1", Sequence: "100", Called: at(1)})
			l.Deleted("a", at(2))
			send(l, "b", "g", "2", "99")
			l.Received(Delivery{Key: "b", ID: "2", Sequence: "99", Called: at(3)})
		}, []Kind{Unordered, Unordered}},
	})
}

func judge(t *testing.T, plays []play) {
	for _, test := range plays {
		t.Run(test.name, func(t *testing.T) {
			var l Log
			test.play(&l)
			var got []Kind
			for _, v := range l.Report().Violations {
				got = append(got, v.Kind)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s\n%v", diff, l.Report().Violations)
			}
		})
	}
}

func TestAReportCounts(t *testing.T) {
	var l Log
	for _, key := range []string{"a", "b", "c"} {
		l.Attempt(key, "")
	}
	l.Acked("a", "1", "")
	l.Acked("b", "2", "")
	l.Received(Delivery{Key: "a", ID: "1", Called: at(1)})
	l.Received(Delivery{Key: "b", ID: "2", Called: at(1)})
	l.Received(Delivery{Key: "b", ID: "2", Called: at(5)})
	l.Deleted("a", at(2))
	l.Deleted("a", at(3))
	l.Deleted("c", at(3))
	if got := l.Outstanding(); got != 1 {
		t.Errorf("Outstanding() = %d, want 1", got)
	}
	want := Report{Attempted: 3, Acked: 2, Received: 2, Redelivered: 1, Deleted: 2}
	if diff := cmp.Diff(want, l.Report()); diff != "" {
		t.Errorf("Report() (-want +got):\n%s", diff)
	}
}
