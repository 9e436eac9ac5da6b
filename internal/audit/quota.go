package audit

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// RefusalsMax is how many refusals a minute of one address get a line of their own.
	RefusalsMax = 20
	// AddressesMax is how many addresses are told apart within a minute; the refusals of all others share one count.
	AddressesMax = 1024
)

// quota bounds the lines that refusals get. The zero value is ready for use.
type quota struct {
	began time.Time // of the minute
	of    map[netip.Addr]*refusals
}

// refusals are those of one address within a minute.
type refusals struct {
	written int
	last    Entry // of those that were only counted
	counted int
}

// admits reports whether a refusal gets a line; else it has been counted.
func (q *quota) admits(e *Entry) bool {
	if q.of == nil {
		q.began, q.of = e.Time, make(map[netip.Addr]*refusals)
	}
	address := e.Address
	if q.of[address] == nil && len(q.of) >= AddressesMax {
		address = netip.Addr{}
	}
	r := q.of[address]
	if r == nil {
		r = new(refusals)
		q.of[address] = r
	}
	if r.written < RefusalsMax {
		r.written++
		return true
	}
	if r.counted > 0 && r.last.Address != e.Address {
		e.Address = netip.Addr{} // counted together with others
	}
	r.last = *e
	r.counted++
	return false
}

// expire ends the minute when it is over, and returns a line for each address of which some were only counted.
func (q *quota) expire(now time.Time) []Entry {
	if q.of == nil || now.Sub(q.began).Abs() < time.Minute {
		return nil
	}
	return q.drain(now)
}

// drain ends the minute.
func (q *quota) drain(now time.Time) []Entry {
	var lines []Entry
	for _, r := range q.of {
		if r.counted > 0 {
			r.last.Time, r.last.Repeated, r.last.RequestID = now, r.counted, ""
			lines = append(lines, r.last)
		}
	}
	q.of = nil
	slices.SortFunc(lines, func(a, b Entry) int { return a.Address.Compare(b.Address) })
	return lines
}
