package top

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// column is a column of the queues.
type column struct {
	name  string // of --sort and the footer
	key   string // on the keyboard
	title string
	rank  int  // on a narrow screen the highest go first; zero stays
	told  bool // it needs Signals
	// value is what is sorted by; the greatest comes first. It is not asked for the name.
	value func(Queue) float64
	text  func(Queue) string
}

// columns are all columns, in the order in which they stand.
var columns = []column{
	{name: "name", key: "n", title: "QUEUE", text: func(q Queue) string { return q.Name }},
	{name: "visible", key: "v", title: "VISIBLE", rank: 2, value: func(q Queue) float64 { return float64(q.Visible) }, text: func(q Queue) string { return count(q.Visible) }},
	{name: "flight", key: "f", title: "IN FLIGHT", rank: 3, value: func(q Queue) float64 { return float64(q.InFlight) }, text: func(q Queue) string { return count(q.InFlight) }},
	{name: "delayed", key: "d", title: "DELAYED", rank: 8, value: func(q Queue) float64 { return float64(q.Delayed) }, text: func(q Queue) string { return count(q.Delayed) }},
	signal("oldest", "o", "OLDEST", 1, func(s *Signals) float64 { return orNever(s.Oldest) }, func(s *Signals) string { return span(s.Oldest) }),
	signal("poison", "p", "POISON", 7, func(s *Signals) float64 { return float64(s.Poison) }, func(s *Signals) string { return count(s.Poison) }),
	signal("sent", "s", "SENT/S", 4, func(s *Signals) float64 { return s.Sent }, func(s *Signals) string { return rate(s.Sent) }),
	signal("received", "r", "RECEIVED/S", 9, func(s *Signals) float64 { return s.Received }, func(s *Signals) string { return rate(s.Received) }),
	signal("deleted", "x", "DELETED/S", 5, func(s *Signals) float64 { return s.Deleted }, func(s *Signals) string { return rate(s.Deleted) }),
	signal("waited", "w", "WAITED P95", 10, func(s *Signals) float64 { return orNever(s.WaitedP95) }, func(s *Signals) string { return span(s.WaitedP95) }),
	signal("polling", "c", "POLLING", 6, func(s *Signals) float64 { return float64(s.Polling) }, func(s *Signals) string { return count(s.Polling) }),
	signal("holding", "h", "HOLDING", 11, func(s *Signals) float64 { return float64(s.Holding) }, func(s *Signals) string { return count(s.Holding) }),
}

// signal is a column that only Forebay fills. On other servers it sorts as nothing.
func signal(name, key, title string, rank int, value func(*Signals) float64, text func(*Signals) string) column {
	return column{name: name, key: key, title: title, rank: rank, told: true,
		value: func(q Queue) float64 {
			if q.Signals == nil {
				return -1
			}
			return value(q.Signals)
		},
		text: func(q Queue) string {
			if q.Signals == nil {
				return "-"
			}
			return text(q.Signals)
		}}
}

func orNever(s *float64) float64 {
	if s == nil {
		return -1
	}
	return *s
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func rate(r float64) string {
	switch {
	case r < 0.05:
		return "0"
	case r < 100:
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return strconv.FormatFloat(r, 'f', 0, 64)
}

func span(s *float64) string {
	if s == nil {
		return "-"
	}
	d := time.Duration(*s * float64(time.Second))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// Sort is an order of the queues. The zero value is by age of the oldest message, the oldest first.
type Sort struct {
	by       string // name of a column; empty is oldest
	reversed bool
}

// SortNames lists what can be sorted by.
func SortNames() []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// ParseSort reads the name of a column, with "-" in front of it for the other way round.
func ParseSort(text string) (Sort, error) {
	name, reversed := strings.CutPrefix(text, "-")
	if !slices.Contains(SortNames(), name) {
		return Sort{}, fmt.Errorf("%q is not one of %s", text, strings.Join(SortNames(), ", "))
	}
	return Sort{by: name, reversed: reversed}, nil
}

func (s Sort) name() string { return cmp.Or(s.by, "oldest") }

// press is the order after a key: the column of that key, or, when that is sorted by already, the other way round. It
// answers false for a key that is no column's.
func (s Sort) press(key string) (Sort, bool) {
	i := slices.IndexFunc(columns, func(c column) bool { return c.key == key })
	switch {
	case i < 0:
		return s, false
	case columns[i].name == s.name():
		s.reversed = !s.reversed
		return s, true
	}
	return Sort{by: columns[i].name}, true
}

// Apply sorts queues in place. Those that are alike stand by how many messages are visible, then by name.
func (s Sort) Apply(queues []Queue) {
	by := columns[slices.IndexFunc(columns, func(c column) bool { return c.name == s.name() })]
	slices.SortFunc(queues, func(a, b Queue) int {
		order := 0
		if by.value != nil {
			order = cmp.Compare(by.value(b), by.value(a))
			if s.reversed {
				order = -order
			}
			return cmp.Or(order, cmp.Compare(b.Visible, a.Visible), cmp.Compare(a.Name, b.Name))
		}
		if order = cmp.Compare(a.Name, b.Name); s.reversed {
			order = -order
		}
		return order
	})
}
