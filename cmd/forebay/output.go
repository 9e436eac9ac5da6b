package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// formats are the values of -o.
var formats = []string{"table", "json", "jsonl", "name"}

// listing is what a command found, ready for every format.
type listing struct {
	columns []string
	cut     int // columns of lines with tabs, when a table has more: programs read those, and count them; zero: all
	rows    []row
	single  bool // one thing by nature, not a list that happens to have one row: json shows it without brackets
}

// row is one thing found.
type row struct {
	name  string   // for -o name
	cells []string // for tables, one for each column
	item  any      // for json
}

// print writes the listing in the chosen format, at once. Without one it is a table on a terminal, and otherwise lines
// of cells with tabs between them, which other programs can cut.
func (a *app) print(l listing) error {
	w := bufio.NewWriter(a.out)
	var err error
	switch {
	case a.format == "json":
		err = l.json(w)
	case a.format == "jsonl":
		err = l.jsonLines(w)
	case a.format == "name":
		for _, r := range l.rows {
			fmt.Fprintln(w, r.name)
		}
	case a.format == "" && !terminal(a.out):
		for _, r := range l.rows {
			fmt.Fprintln(w, strings.Join(r.cells[:cmp.Or(l.cut, len(r.cells))], "\t"))
		}
	default:
		err = l.table(w, !a.noHeader)
	}
	return cmp.Or(err, w.Flush())
}

// json writes one thing as itself and a list as an array, however many are in it.
func (l listing) json(w io.Writer) error {
	encoder := encoderOf(w)
	encoder.SetIndent("", "  ")
	if l.single {
		return encoder.Encode(l.rows[0].item)
	}
	items := make([]any, 0, len(l.rows))
	for _, r := range l.rows {
		items = append(items, r.item)
	}
	return encoder.Encode(items)
}

func (l listing) jsonLines(w io.Writer) error {
	encoder := encoderOf(w)
	for _, r := range l.rows {
		if err := encoder.Encode(r.item); err != nil {
			return err
		}
	}
	return nil
}

func encoderOf(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func (l listing) table(w io.Writer, header bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if header {
		fmt.Fprintln(t, strings.Join(l.columns, "\t"))
	}
	for _, r := range l.rows {
		fmt.Fprintln(t, strings.Join(r.cells, "\t"))
	}
	return t.Flush()
}

// text reports whether output is for people: no format was asked for, or tables.
func (a *app) text() bool { return a.format == "" || a.format == "table" }

// terminal reports whether w is one.
func terminal(w any) bool {
	if o, ok := w.(*output); ok {
		w = o.to
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// short is a message id for people: enough of it to tell messages apart.
func short(id string) string {
	if len(id) < 8 {
		return id
	}
	return id[:4] + "…" + id[len(id)-2:]
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}

// ageText is a time span for people, in its two largest units at most.
func ageText(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// plural is "1 message" or "3 messages".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
