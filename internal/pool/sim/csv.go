package sim

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The columns of a trace file.
const (
	columnAt      = "at"      // when the message becomes visible: seconds, or a time as in RFC 3339
	columnService = "service" // seconds of work; drawn where it is missing
	columnLead    = "lead"    // seconds for which it was known before
)

// messagesMax bounds a trace file.
const messagesMax = 50_000_000

// ReadCSV reads a trace with a header line; of the columns only "at" is needed. Rows may come in any order; the
// first message begins the trace, which ends with the last. Errors name the line.
func ReadCSV(in io.Reader, name string, times Times, seed uint64) (Trace, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err != nil {
		return Trace{}, fmt.Errorf("%s: no header line with a column %q", name, columnAt)
	}
	columns, err := columnsOf(header)
	if err != nil {
		return Trace{}, fmt.Errorf("%s: %w", name, err)
	}
	rows := rowReader{columns: columns, draw: newLognormal(times.Service, times.ServiceCV)}
	chance := source(seed, "service")
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Trace{}, fmt.Errorf("%s: %w", name, err) // it names the line
		}
		if err := rows.add(record, rows.draw.draw(chance)); err != nil {
			line, _ := r.FieldPos(0)
			return Trace{}, fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
	if len(rows.messages) == 0 {
		return Trace{}, fmt.Errorf("%s: no messages", name)
	}
	return rows.trace(name), nil
}

// columnsOf finds the columns that we know.
func columnsOf(header []string) (map[string]int, error) {
	columns := map[string]int{}
	for i, h := range header {
		h = strings.ToLower(strings.TrimSpace(h))
		if _, twice := columns[h]; twice {
			return nil, fmt.Errorf("two columns %q", h)
		}
		if h == columnAt || h == columnService || h == columnLead {
			columns[h] = i
		}
	}
	if _, ok := columns[columnAt]; !ok {
		return nil, fmt.Errorf("no column %q; known are %s, %s and %s", columnAt, columnAt, columnService, columnLead)
	}
	return columns, nil
}

// rowReader gathers the messages of a file.
type rowReader struct {
	columns  map[string]int
	draw     lognormal
	messages []Message
	dated    bool // times instead of seconds
}

// field answers a field, empty when there is no such column.
func (r *rowReader) field(record []string, column string) string {
	i, ok := r.columns[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(record[i])
}

func (r *rowReader) add(record []string, drawn time.Duration) error {
	m := Message{Service: drawn}
	at, dated, err := readAt(r.field(record, columnAt))
	if err != nil {
		return err
	}
	if len(r.messages) > 0 && dated != r.dated {
		return fmt.Errorf("%s: seconds and dates in one file", columnAt)
	}
	if len(r.messages) == messagesMax {
		return fmt.Errorf("more than %d messages", messagesMax)
	}
	m.At, r.dated = at, dated
	for column, to := range map[string]*time.Duration{columnService: &m.Service, columnLead: &m.Lead} {
		text := r.field(record, column)
		if text == "" {
			continue
		}
		if *to, err = readSeconds(text); err != nil || *to < 0 {
			return fmt.Errorf("%s: %q is not a number of seconds", column, text)
		}
	}
	r.messages = append(r.messages, m)
	return nil
}

// secondsMax keeps sums of times within what a duration can hold.
const secondsMax = 100 * 365 * 24 * 3600

func readSeconds(text string) (time.Duration, error) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || math.Abs(s) > secondsMax {
		return 0, strconv.ErrSyntax
	}
	return seconds(s), nil
}

func readAt(text string) (at time.Duration, dated bool, err error) {
	if d, err := readSeconds(text); err == nil {
		return d, false, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1980 || t.Year() > 2060 {
		return 0, false, fmt.Errorf("%s: %q is neither a number of seconds nor a time such as 2026-11-20T15:04:05Z", columnAt, text)
	}
	return t.Sub(epoch), true, nil
}

// trace puts the messages in order and begins with the first.
func (r *rowReader) trace(name string) Trace {
	slices.SortStableFunc(r.messages, func(a, b Message) int { return cmp.Compare(a.At, b.At) })
	first := r.messages[0].At
	for i := range r.messages {
		r.messages[i].At -= first
	}
	last := r.messages[len(r.messages)-1]
	return Trace{Name: name, Length: max(last.At+last.Service, time.Minute), Messages: r.messages}
}
