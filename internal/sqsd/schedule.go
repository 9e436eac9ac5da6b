package sqsd

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Schedule is when a task is due: minute, hour, day of the month, month and day of the week in UTC, as in crontab. A day
// matches when either of its two fields does, if neither of them is "*".
type Schedule struct {
	minute, hour, day, month, weekday uint64 // bit n is set when n matches
	anyDay, anyWeekday                bool
}

var shortNames = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var (
	months   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// ParseSchedule reads five fields of numbers, ranges a-b, steps /n, lists of those with commas, and names of months and
// weekdays; or one of @hourly, @daily, @weekly, @monthly and @yearly.
func ParseSchedule(text string) (Schedule, error) {
	full := text
	if long, ok := shortNames[strings.TrimSpace(text)]; ok {
		full = long
	}
	fields := strings.Fields(full)
	if len(fields) != 5 {
		return Schedule{}, fmt.Errorf("schedule %q has %d fields, want 5: minute hour day month weekday", text, len(fields))
	}
	var s Schedule
	for i, field := range []struct {
		name      string
		to        *uint64
		low, high int
		names     []string
	}{
		{"minute", &s.minute, 0, 59, nil}, {"hour", &s.hour, 0, 23, nil}, {"day", &s.day, 1, 31, nil},
		{"month", &s.month, 1, 12, months}, {"weekday", &s.weekday, 0, 7, weekdays},
	} {
		set, err := parseField(fields[i], field.low, field.high, field.names)
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: %s: %w", text, field.name, err)
		}
		*field.to = set
	}
	s.weekday |= s.weekday >> 7 & 1 // 7 is Sunday too
	s.anyDay, s.anyWeekday = strings.HasPrefix(fields[2], "*"), strings.HasPrefix(fields[4], "*")
	if s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q never comes", text)
	}
	return s, nil
}

func parseField(text string, low, high int, names []string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		first, last := low, high
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			var err error
			if first, err = parseValue(from, low, high, names); err != nil {
				return 0, err
			}
			if last = first; ranged {
				if last, err = parseValue(to, low, high, names); err != nil {
					return 0, err
				}
			} else if stepped {
				last = high
			}
			if first > last {
				return 0, fmt.Errorf("%q ends before it begins", span)
			}
		}
		step := 1
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > high {
				return 0, fmt.Errorf("%q is no step from 1 to %d", stepText, high)
			}
		}
		for n := first; n <= last; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

func parseValue(text string, low, high int, names []string) (int, error) {
	for i, name := range names {
		if strings.EqualFold(text, name) {
			return low + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not between %d and %d", text, low, high)
	}
	return n, nil
}

// Next is the first minute after t that matches, in UTC. It is zero when there is none in the next eight years, as for the
// 30th of February.
func (s Schedule) Next(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Minute).Add(time.Minute)
	for end := t.AddDate(8, 1, 0); t.Before(end); {
		switch {
		case s.month>>int(t.Month())&1 == 0:
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.onDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case s.hour>>t.Hour()&1 == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case s.minute>>t.Minute() == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		default:
			return t.Add(time.Duration(bits.TrailingZeros64(s.minute>>t.Minute())) * time.Minute)
		}
	}
	return time.Time{}
}

func (s Schedule) onDay(t time.Time) bool {
	day, weekday := s.day>>t.Day()&1 == 1, s.weekday>>int(t.Weekday())&1 == 1
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}
