package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// recall takes over the estimates of the last controller.
func (c *Controller) recall(ctx context.Context) {
	for i := range c.estimates {
		if c.settings.Service > 0 {
			c.estimates[i].service.Add(c.settings.Service)
		}
	}
	m := c.memo(ctx)
	if m == nil {
		return
	}
	for i, s := range m.Service {
		if i < len(c.estimates) && s > 0 {
			c.estimates[i].service = policy.Service{}
			c.estimates[i].service.Add(seconds(s))
		}
	}
	if m.Boot > 0 {
		c.boot.Add(seconds(m.Boot))
	}
}

// recallCrew takes over the workers that the last controller ordered, where they outlive it.
func (c *Controller) recallCrew(ctx context.Context) {
	if c.driver.Events() != nil {
		return
	}
	m := c.memo(ctx)
	if m == nil {
		return
	}
	c.crew.members = nil
	for _, b := range m.Crew {
		for i := range b.Up + b.Booting {
			c.numbered++
			w := &member{id: c.workerID(), started: b.Started, stays: i < b.Stay}
			if i < b.Up {
				w.ready = b.Started
			}
			c.crew.members = append(c.crew.members, w)
		}
	}
}

// memo is what the first memory that has something remembers.
func (c *Controller) memo(ctx context.Context) *Memo {
	limit, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for _, memory := range c.memory {
		m, err := memory.Load(limit)
		if err != nil {
			c.log.Warn("what the last controller left could not be read", "err", err)
		}
		if m != nil {
			return m
		}
	}
	return nil
}

// rememberCrew saves before a start, where the workers outlive the controller.
func (c *Controller) rememberCrew(ctx context.Context) {
	if c.driver.Events() == nil {
		c.remember(ctx)
	}
}

// remember saves what the next controller should know. Only the leader's word counts.
func (c *Controller) remember(ctx context.Context) {
	if _, leads := c.leader.Lead(); !leads {
		return
	}
	limit, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	m := Memo{Boot: c.bootTime().Seconds()}
	for i := range c.estimates {
		m.Service = append(m.Service, c.estimates[i].service.Estimate().Seconds())
	}
	if c.driver.Events() == nil {
		m.Crew = c.crew.batches()
	}
	for _, memory := range c.memory {
		if err := memory.Save(limit, m); err != nil {
			c.log.Warn("the state of the pool could not be kept for a next controller", "err", err)
		}
	}
}

// batchesMax bounds what is remembered of a crew: workers that are up are alike, so only boots need their times.
const batchesMax = 8

// batches sums the crew up: the workers that are up as one batch, those that boot by the time of their order.
func (c *crew) batches() []Batch {
	var all []Batch
	up := -1 // where the batch of those that are up is
	for _, m := range c.members {
		if m.draining {
			continue
		}
		at := m.started.Round(time.Millisecond)
		i := up
		if m.booting() {
			i = slices.IndexFunc(all, func(b Batch) bool { return b.Booting > 0 && b.Started.Equal(at) })
			if i < 0 && len(all) >= batchesMax {
				i = len(all) - 1
			}
		}
		if i < 0 {
			all = append(all, Batch{Started: at})
			i = len(all) - 1
		}
		if m.booting() {
			all[i].Booting++
		} else {
			up = i
			all[i].Up++
		}
		if m.stays {
			all[i].Stay++
		}
	}
	return all
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// FileMemory keeps the memo of a pool in a state folder.
type FileMemory struct {
	Folder, Pool string
}

func (f FileMemory) path() string { return filepath.Join(f.Folder, f.Pool+".memo.json") }

// memoFile is a memo as it stands in a file.
type memoFile struct {
	Memo
	Checksum string `json:"checksum,omitempty"` // as checksum returns; files of older programs have none
}

// checksum is the CRC-32C of the memo as JSON, in hexadecimal.
func (m Memo) checksum() (string, error) {
	text, err := json.Marshal(m)
	return fmt.Sprintf("%08x", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))), err
}

// Load reads the file; a missing one is nothing.
func (f FileMemory) Load(context.Context) (*Memo, error) {
	text, err := os.ReadFile(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m memoFile
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged and is not used: %w", f.path(), err)
	}
	if sum, err := m.Memo.checksum(); err != nil || m.Checksum != "" && m.Checksum != sum {
		return nil, fmt.Errorf("%s is damaged and is not used: its checksum is %s, not %s", f.path(), sum, m.Checksum)
	}
	return &m.Memo, nil
}

// Save replaces the file as a whole: after a power cut it has its old content or its new one.
func (f FileMemory) Save(_ context.Context, m Memo) error {
	sum, err := m.checksum()
	if err != nil {
		return err
	}
	text, err := json.Marshal(memoFile{m, sum})
	if err != nil {
		return err
	}
	draft, err := os.OpenFile(f.path()+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = draft.Write(text)
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), f.path())
}
