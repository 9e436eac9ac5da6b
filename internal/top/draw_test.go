package top

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"
)

func told(name string, visible int64, oldest float64, poison int64) Queue {
	s := &Signals{Poison: poison, Sent: 4.125, Received: 120.4, Deleted: 0.01, WaitedP95: new(1.41), Polling: 2, Holding: 3}
	if oldest > 0 {
		s.Oldest = &oldest
	}
	return Queue{Name: name, Visible: visible, InFlight: 3, Signals: s}
}

func frame() Frame {
	return Frame{Time: time.Date(2026, 11, 21, 14, 3, 5, 0, time.Local), Endpoint: "http://localhost:4566",
		Queues: []Queue{told("photos", 12, 0.25, 0), told("orders", 3, 75, 2), told("idle", 0, 0, 0)},
		Pools:  []Pool{{Name: "orders", Desired: 4, Up: 3, Starting: 1, Oldest: new(75.0), Wait: 30, State: "objective unreachable"}}}
}

// printed is a drawing as it is compared.
func printed(lines []string) string { return strings.Join(lines, "\n") }

func TestAWholeScreen(t *testing.T) {
	got := printed(View{Width: 170, Height: 20}.Screen(frame(), ""))
	want := strings.TrimPrefix(`
forebay top  http://localhost:4566  14:03:05  by oldest, greatest first
QUEUE   VISIBLE  IN FLIGHT  DELAYED  OLDEST  POISON  SENT/S  RECEIVED/S  DELETED/S  WAITED P95  POLLING  HOLDING
orders        3          3        0   1m15s       2     4.1         120          0        1.4s        2        3
photos       12          3        0   250ms       0     4.1         120          0        1.4s        2        3
idle          0          3        0       -       0     4.1         120          0        1.4s        2        3

POOL    DESIRED  UP  STARTING  STOPPING  OLDEST  OBJECTIVE  STATE
orders        4   3         1         0   1m15s        30s  objective unreachable

`, "\n") + View{}.keys()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the screen (-want +got)\n%s", diff)
	}
}

func TestOtherServersHaveFewerColumns(t *testing.T) {
	f := Frame{Queues: []Queue{{Name: "orders", Visible: 3}}}
	want := "QUEUE   VISIBLE  IN FLIGHT  DELAYED\norders        3          0        0"
	if diff := cmp.Diff(want, printed(View{}.Tables(f))); diff != "" {
		t.Errorf("the table (-want +got)\n%s", diff)
	}
}

func TestANarrowScreenLosesTheLeastColumnsAndNeverTheOneSortedBy(t *testing.T) {
	for _, tt := range []struct {
		sort  string
		width int
		head  string
	}{
		{"oldest", 40, "QUEUE   VISIBLE  IN FLIGHT  OLDEST"},
		{"holding", 40, "QUEUE   VISIBLE  OLDEST  HOLDING"},
		{"oldest", 20, "QUEUE   OLDEST"},
		{"oldest", 12, "QUE…  OLDEST"},
	} {
		order, err := ParseSort(tt.sort)
		if err != nil {
			t.Fatal(err)
		}
		lines := View{Width: tt.width, Sort: order}.queues(frame(), frame().Queues)
		if lines[0] != tt.head {
			t.Errorf("%d wide by %s: %q, want %q", tt.width, tt.sort, lines[0], tt.head)
		}
	}
}

func TestNothingIsDrawnBeyondTheScreen(t *testing.T) {
	f := frame()
	for i := range 50 {
		f.Queues = append(f.Queues, told(fmt.Sprintf("a-queue-with-a-long-name-%d", i), 1, 1, 0))
	}
	f.Remarks = []string{"pools: no controller of pools runs at http://127.0.0.1:4580"}
	for width := 1; width <= 160; width++ {
		for height := 1; height <= 40; height++ {
			lines := View{Width: width, Height: height}.Screen(f, "the server is lost")
			if len(lines) > height {
				t.Fatalf("%d×%d: %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > width {
					t.Fatalf("%d×%d: a line of %d characters: %q", width, height, n, line)
				}
			}
		}
	}
}

func TestWithoutColourThereIsNoEscape(t *testing.T) {
	f := frame()
	if got := printed(View{Width: 100, Height: 30}.Screen(f, "lost")); strings.Contains(got, "\x1b") {
		t.Errorf("there are escapes in %q", got)
	}
	if got := printed(View{Width: 150, Height: 30, Colour: true}.Screen(f, "lost")); !strings.Contains(got, "\x1b[31mlost") {
		t.Errorf("what is lost is not red in %q", got)
	}
}

func order(queues []Queue) string {
	var names []string
	for _, q := range queues {
		names = append(names, q.Name)
	}
	return strings.Join(names, " ")
}

func TestSorting(t *testing.T) {
	for _, tt := range []struct{ by, want string }{
		{"oldest", "orders photos idle"},
		{"-oldest", "idle photos orders"},
		{"visible", "photos orders idle"},
		{"name", "idle orders photos"},
		{"-name", "photos orders idle"},
		{"sent", "photos orders idle"}, // alike: by visible
	} {
		s, err := ParseSort(tt.by)
		if err != nil {
			t.Fatal(err)
		}
		queues := frame().Queues
		if s.Apply(queues); order(queues) != tt.want {
			t.Errorf("by %s: %s, want %s", tt.by, order(queues), tt.want)
		}
	}
	if _, err := ParseSort("age"); err == nil {
		t.Error("an unknown column is accepted")
	}
}

func TestKeysOfColumnsAreNotUsedTwice(t *testing.T) {
	seen := []string{"q", "j", "k"}
	for _, c := range columns {
		if slices.Contains(seen, c.key) {
			t.Errorf("%s of column %s is used twice", c.key, c.name)
		}
		seen = append(seen, c.key)
	}
}

func TestALostServerIsSaidAndTheLastFigureStays(t *testing.T) {
	m := newModel(context.Background(), Options{Every: time.Second, Endpoint: "http://localhost:4566"})
	send := func(msg tea.Msg) string {
		_, _ = m.Update(msg)
		return m.View().Content
	}
	send(tea.WindowSizeMsg{Width: 160, Height: 30})
	if got := send(looked{err: errors.New("no server answers")}); !strings.Contains(got, "the server is lost: no server answers") {
		t.Errorf("before the first frame: %s", got)
	}
	if got := send(looked{frame: frame()}); strings.Contains(got, "lost") || !strings.Contains(got, "photos") {
		t.Errorf("when the server is there: %s", got)
	}
	got := send(looked{err: errors.New("no server answers")})
	if !strings.Contains(got, "what is below is from 14:03:05") || !strings.Contains(got, "photos") {
		t.Errorf("when it is lost again: %s", got)
	}
	got = send(tea.KeyPressMsg{Code: 'v', Text: "v"})
	if strings.Index(got, "photos") > strings.Index(got, "orders") {
		t.Errorf("after v not by visible: %s", got)
	}
	send(tea.KeyPressMsg{Code: tea.KeyDown})
	if got = send(tea.KeyPressMsg{Code: 'j', Text: "j"}); !strings.Contains(got, "… 3 to 3 of 3") {
		t.Errorf("scrolled by two: %s", got)
	}
	if _, cmd := m.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd == nil || cmd() != tea.Quit() {
		t.Error("q does not quit")
	}
}
