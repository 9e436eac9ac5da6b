package top

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// View is how a frame is drawn.
type View struct {
	Width, Height int // of the screen in characters; zero: no limit
	Colour        bool
	Sort          Sort
	Skip          int // queues scrolled past
}

// The styles, as the numbers of ANSI escape sequences.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	yellow = "33"
)

// cell is a text in one place of a table.
type cell struct {
	text  string
	style string // empty: plain
}

// paint wraps a text that is already as wide as it should be.
func (v View) paint(text, style string) string {
	if !v.Colour || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// line is one line of text, cut where the screen ends.
func (v View) line(text, style string) string { return v.paint(fit(text, v.Width), style) }

// fit cuts a text to a width; zero is no limit.
func fit(text string, width int) string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// Tables draws the queues and the pools of a frame, without anything around them. Queues stand in the order that the frame
// has them in.
func (v View) Tables(f Frame) []string {
	var lines []string
	if len(f.Queues) > 0 {
		lines = v.queues(f, f.Queues)
	}
	pools := v.pools(f.Pools)
	if len(lines) > 0 && len(pools) > 0 {
		lines = append(lines, "")
	}
	return append(lines, pools...)
}

// queues draws a table of those of the queues of f that are shown.
func (v View) queues(f Frame, shown []Queue) []string {
	var all []column
	told := slices.ContainsFunc(f.Queues, func(q Queue) bool { return q.Signals != nil })
	for _, c := range columns {
		if told || !c.told {
			all = append(all, c)
		}
	}
	head := make([]cell, len(all))
	rank := make([]int, len(all))
	for i, c := range all {
		head[i], rank[i] = cell{c.title, bold}, c.rank
		if c.name == v.Sort.name() {
			rank[i] = 0 // what is sorted by is what is looked at
		}
	}
	rows := [][]cell{head}
	for _, q := range shown {
		row := make([]cell, len(all))
		for i, c := range all {
			row[i] = cell{c.text(q), ""}
			switch {
			case c.name == "poison" && q.Signals != nil && q.Poison > 0:
				row[i].style = red
			case row[i].text == "0" || row[i].text == "-":
				row[i].style = faint
			}
		}
		rows = append(rows, row)
	}
	return v.table(rows, rank, -1)
}

// poolTitles are the columns of the pools; poolRanks says which go first on a narrow screen.
var (
	poolTitles = []string{"POOL", "DESIRED", "UP", "STARTING", "STOPPING", "OLDEST", "OBJECTIVE", "STATE"}
	poolRanks  = []int{0, 2, 1, 5, 7, 4, 6, 3}
)

func (v View) pools(pools []Pool) []string {
	if len(pools) == 0 {
		return nil
	}
	head := make([]cell, len(poolTitles))
	for i, title := range poolTitles {
		head[i] = cell{title, bold}
	}
	rows := [][]cell{head}
	for _, p := range pools {
		row := []cell{{p.Name, ""}, {strconv.Itoa(p.Desired), ""}, {strconv.Itoa(p.Up), ""}, {strconv.Itoa(p.Starting), ""},
			{strconv.Itoa(p.Stopping), ""}, {span(p.Oldest), ""}, {span(&p.Wait), ""}, {p.State, ""}}
		if p.Oldest != nil && *p.Oldest > p.Wait {
			row[5].style = yellow
		}
		if p.State != "ok" {
			row[7].style = yellow
		}
		rows = append(rows, row)
	}
	return v.table(rows, poolRanks, len(poolRanks)-1)
}

// gap is between columns.
const gap = 2

// table draws rows of which the first is the head: numbers to the right, the first column and that of words to the left.
// Columns of the highest rank are left out until the rest fits; then the first one is cut.
func (v View) table(rows [][]cell, rank []int, words int) []string {
	width := make([]int, len(rank))
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c.text))
		}
	}
	shown := make([]bool, len(rank))
	total := -gap
	for i := range rank {
		shown[i] = true
		total += width[i] + gap
	}
	for v.Width > 0 && total > v.Width {
		last := 0
		for i := range rank {
			if shown[i] && rank[i] > rank[last] {
				last = i
			}
		}
		if last == 0 {
			break
		}
		shown[last] = false
		total -= width[last] + gap
	}
	if over := total - v.Width; v.Width > 0 && over > 0 {
		width[0] = max(width[0]-over, 1)
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = v.row(row, width, shown, words)
	}
	return lines
}

func (v View) row(row []cell, width []int, shown []bool, words int) string {
	var b strings.Builder
	used := 0
	for i, c := range row {
		if !shown[i] {
			continue
		}
		text := fit(c.text, width[i])
		space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
		if i > 0 {
			used += gap
			b.WriteString(strings.Repeat(" ", gap))
		}
		if used += width[i]; v.Width > 0 && used > v.Width {
			break // not even the columns that stay fit
		}
		if i == 0 || i == words {
			b.WriteString(v.paint(text, c.style) + space)
		} else {
			b.WriteString(space + v.paint(text, c.style))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Screen draws a whole screen: a line about itself, what is wrong, the queues, the pools and the keys. On a low screen the
// keys go first, then the pools; queues that do not fit are counted.
func (v View) Screen(f Frame, trouble string) []string {
	v.Sort.Apply(f.Queues)
	arrow := "greatest first"
	if v.Sort.name() == "name" != v.Sort.reversed {
		arrow = "least first"
	}
	at := "not seen yet"
	if !f.Time.IsZero() {
		at = f.Time.Local().Format("15:04:05")
	}
	top := []string{v.line(fmt.Sprintf("forebay top  %s  %s  by %s, %s", f.Endpoint, at, v.Sort.name(), arrow), bold)}
	if trouble != "" {
		top = append(top, v.line(trouble, red))
	}
	for _, remark := range f.Remarks {
		top = append(top, v.line(remark, yellow))
	}
	var bottom []string
	if pools := v.pools(f.Pools); len(pools) > 0 {
		bottom = append([]string{""}, pools...)
	}
	keys := []string{"", v.line(v.keys(), faint)}
	if f.Time.IsZero() {
		return v.crop(append(top, keys...))
	}
	const least = 4 // lines of the queues: the head, two queues, and how many more there are
	room := v.Height - len(top) - least
	if v.Height > 0 {
		if room < len(keys)+len(bottom) {
			keys = nil
		}
		if keep := max(room-len(keys), 0); len(bottom) > keep {
			bottom = bottom[:keep]
		}
	}
	return v.crop(append(append(append(top, v.scrolled(f, v.Height-len(top)-len(bottom)-len(keys))...), bottom...), keys...))
}

// scrolled draws the queues that fit into so many lines, from where the view is scrolled to.
func (v View) scrolled(f Frame, height int) []string {
	shown := f.Queues
	if len(shown) == 0 {
		return []string{"no queues"}
	}
	skip := min(v.Skip, len(shown)-1)
	shown = shown[skip:]
	if v.Height > 0 && len(shown)+1 > height {
		shown = shown[:min(max(height-2, 1), len(shown))]
	}
	lines := v.queues(f, shown)
	if hidden := len(f.Queues) - len(shown); hidden > 0 {
		lines = append(lines, v.line(fmt.Sprintf("… %d to %d of %d", skip+1, skip+len(shown), len(f.Queues)), faint))
	}
	return lines
}

// keys says what can be pressed; on a narrow screen the columns have to be guessed.
func (v View) keys() string {
	long, short := "q quit  ↑↓ scroll  sort", "q quit  ↑↓ scroll  sort"
	for _, c := range columns {
		long += "  " + c.key + " " + c.name
		short += " " + c.key
	}
	if v.Width > 0 && utf8.RuneCountInString(long) > v.Width {
		return short
	}
	return long
}

func (v View) crop(lines []string) []string {
	if v.Height > 0 && len(lines) > v.Height {
		return lines[:v.Height]
	}
	return lines
}
