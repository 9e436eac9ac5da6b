package pool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Decision is what was decided once, with all that it was decided from. It is what `forebay pool why` shows.
type Decision struct {
	At       time.Time `json:"time"`
	Occasion string    `json:"occasion"` // time or send
	Why      string    `json:"why"`

	Inputs Inputs `json:"inputs"`

	Start   int     `json:"start"`
	Stop    int     `json:"stop"`
	Keep    int     `json:"keep"`         // workers that do not leave by themselves
	Idle    float64 `json:"idle_seconds"` // after which the others do; zero: never
	Desired int     `json:"desired"`      // workers after this decision

	// Unreachable says what keeps the pool from its objective, with the number that would do; empty when nothing does.
	Unreachable string `json:"unreachable,omitempty"`
	Needed      int    `json:"needed,omitempty"` // that number

	Outcome string     `json:"outcome,omitempty"` // what went wrong, or held it back
	Repeats int        `json:"repeats,omitempty"` // decisions like this one that followed it directly, up to Until
	Until   *time.Time `json:"until,omitempty"`
}

// Inputs are what a decision was made from. Times are in seconds.
type Inputs struct {
	Visible  int     `json:"visible"`
	InFlight int     `json:"in_flight"`
	Oldest   float64 `json:"oldest_seconds"`
	Future   int     `json:"future"` // messages that are known to become visible
	Rate     float64 `json:"rate"`   // messages sent in a second
	Service  float64 `json:"service_seconds"`
	Boot     float64 `json:"boot_seconds"`
	Workers  tally   `json:"workers"`
	Wait     float64 `json:"wait_seconds"`
	Min      int     `json:"min"`
	Max      int     `json:"max"`
	Limit    int     `json:"limit"` // of max and the budget
	Slots    int     `json:"slots"`
}

// alike says whether d only says again what before said: nothing was done, and for the same reason.
func (d *Decision) alike(before *Decision) bool {
	return d.Start == 0 && d.Stop == 0 && before.Start == 0 && before.Stop == 0 && d.Why == before.Why &&
		d.Outcome == before.Outcome && d.Desired == before.Desired
}

// decisionsMax is how many decisions are kept in memory, and journalMax how many bytes of them in a file before it
// becomes the older one of two.
const (
	decisionsMax = 1000
	journalMax   = 8 << 20
)

// journal keeps the last decisions of a pool, in memory and in a file.
type journal struct {
	path string // empty: in memory alone
	last []Decision
	file *os.File
	size int64
}

// journalPath is the file of a pool in a state folder; older is the one before it.
func journalPath(folder, pool string, older bool) string {
	name := pool + ".decisions.jsonl"
	if older {
		name += ".1"
	}
	return filepath.Join(folder, name)
}

func openJournal(folder, pool string) (*journal, error) {
	j := &journal{}
	if folder == "" {
		return j, nil
	}
	last, err := ReadDecisions(folder, pool, decisionsMax)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	j.last, j.path = last, journalPath(folder, pool, false)
	return j, j.open()
}

func (j *journal) open() error {
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the decisions of the pool cannot be kept: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.size = f, info.Size()
	return nil
}

// add keeps a decision. One that repeats the last is only counted.
func (j *journal) add(d Decision) error {
	if n := len(j.last); n > 0 && d.alike(&j.last[n-1]) {
		j.last[n-1].Repeats++
		j.last[n-1].Until = &d.At
		return nil
	}
	if len(j.last) >= decisionsMax {
		j.last = append(j.last[:0], j.last[1:]...)
	}
	j.last = append(j.last, d)
	if j.file == nil {
		return nil
	}
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if j.size >= journalMax {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	n, err := j.file.Write(append(line, '\n'))
	j.size += int64(n)
	return err
}

func (j *journal) rotate() error {
	if err := errors.Join(j.file.Close(), os.Rename(j.path, j.path+".1")); err != nil {
		return err
	}
	return j.open()
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// ReadDecisions reads the last decisions of a pool from a state folder, oldest first, at most so many. The error is
// fs.ErrNotExist when there are none. A line that was cut off by the end of a controller is left out.
func ReadDecisions(folder, pool string, most int) ([]Decision, error) {
	var all []Decision
	missing := 0
	for _, older := range []bool{true, false} {
		text, err := os.ReadFile(journalPath(folder, pool, older))
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			var d Decision
			if json.Unmarshal(line, &d) == nil {
				all = append(all, d)
			}
		}
	}
	if missing == 2 {
		return nil, fmt.Errorf("no decisions of pool %s in %s: %w", pool, folder, fs.ErrNotExist)
	}
	return all[max(0, len(all)-most):], nil
}
