package access

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// usesFile is the name of the file beside the keys that says when each was used last, and how much of its quota.
	usesFile = "keys-used.json"
	// usesEvery is how long a use may be forgotten by a crash, so that not every request writes a file.
	usesEvery = time.Minute
	// usesFileMax bounds the file, far above what KeysMax keys need.
	usesFileMax = 16 << 20
)

func usesPath(keys string) string { return filepath.Join(filepath.Dir(keys), usesFile) }

// uses are the usages of all keys by name, and the file that keeps them.
type uses struct {
	path  string
	dirty atomic.Bool // something was used since the file was written

	mu     sync.Mutex
	byName map[string]*usage
}

// storedUse is a usage in the file.
type storedUse struct {
	Created  time.Time `json:"created"` // of the key: another key of the same name begins anew
	Last     time.Time `json:"last,omitzero"`
	Day      int64     `json:"day,omitempty"`
	Messages int64     `json:"messages,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
}

// open reads the file. What cannot be read is forgotten: it is no reason not to start.
func (u *uses) open(path string) {
	u.path, u.byName = path, make(map[string]*usage)
	if info, err := os.Stat(path); err != nil || info.Size() > usesFileMax {
		return
	}
	var stored map[string]storedUse
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &stored) != nil {
		return
	}
	for name, s := range stored {
		u.byName[name] = &usage{created: s.Created, last: s.Last, day: s.Day, messages: s.Messages, bytes: s.Bytes}
	}
}

// link gives the keys of a ring their usages, and forgets those of keys that are gone.
func (u *uses) link(ring *keyring) {
	u.mu.Lock()
	defer u.mu.Unlock()
	linked := make(map[string]*usage, len(ring.list))
	for i := range ring.list {
		key := &ring.list[i]
		if key.usage = u.byName[key.Name]; key.usage == nil || !key.usage.created.Equal(key.Created) {
			key.usage = &usage{created: key.Created}
		}
		linked[key.Name] = key.usage
	}
	u.byName = linked
}

// touch notes that the file is behind, and wakes Run when it was not before.
func (u *uses) touch(wake chan struct{}) {
	if u.dirty.Load() || u.dirty.Swap(true) {
		return
	}
	select {
	case wake <- struct{}{}:
	default:
	}
}

// save writes the file, if it is behind.
func (u *uses) save() error {
	if !u.dirty.Swap(false) {
		return nil
	}
	u.mu.Lock()
	stored := make(map[string]storedUse, len(u.byName))
	for name, one := range u.byName {
		one.mu.Lock()
		stored[name] = storedUse{Created: one.created, Last: one.last.UTC().Truncate(time.Second), Day: one.day, Messages: one.messages, Bytes: one.bytes}
		one.mu.Unlock()
	}
	u.mu.Unlock()
	text, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(u.path, append(text, '\n'))
}

// replaceFile writes a file for its owner alone: after a crash it has its old content or its new one.
func replaceFile(path string, text []byte) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, path)
}

// LastUsed returns when a key was used last, zero for never. A server that runs writes it down once a minute.
func (k *Key) LastUsed() time.Time {
	if k.usage == nil {
		return time.Time{}
	}
	k.usage.mu.Lock()
	defer k.usage.mu.Unlock()
	return k.usage.last
}

// SentToday returns how many messages, and bytes of them, a key with a quota has sent in the day of now.
func (k *Key) SentToday(now time.Time) (messages, bytes int64) {
	if k.usage == nil {
		return 0, 0
	}
	k.usage.mu.Lock()
	defer k.usage.mu.Unlock()
	k.usage.turn(now)
	return k.usage.messages, k.usage.bytes
}

// Run does what time brings until ctx ends: it tells OnChange when a key has expired, and writes down once a minute
// when keys were used, if any was. At the end it writes once more.
func (k *Keys) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var saveAt time.Time
	for {
		select {
		case <-timer.C:
		case <-k.changed:
		case <-ctx.Done():
			k.save()
			return
		}
		now := k.watch.now()
		if k.uses.dirty.Load() && saveAt.IsZero() {
			saveAt = now.Add(usesEvery)
		}
		if !saveAt.IsZero() && !now.Before(saveAt) {
			saveAt = time.Time{}
			k.save()
		}
		next := k.expire(now)
		if next.IsZero() || !saveAt.IsZero() && saveAt.Before(next) {
			next = saveAt
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(max(next.Sub(now), 0))
		}
	}
}

func (k *Keys) save() {
	if err := k.uses.save(); err != nil && !errors.Is(err, fs.ErrNotExist) { // the folder went away with its test
		k.logger().Warn("when the keys were used last was not written down", "err", err)
	}
}

// expire tells OnChange when a key or an earlier pair has expired since the last call, and returns when the next will;
// zero: none.
func (k *Keys) expire(now time.Time) (next time.Time) {
	k.changes.Lock()
	defer k.changes.Unlock()
	ended := false
	for _, c := range k.ring.Load().byID {
		for _, at := range [...]time.Time{c.key.Expires, c.until} {
			switch {
			case at.IsZero():
			case !now.Before(at):
				ended = ended || at.After(k.expired)
			case next.IsZero() || at.Before(next):
				next = at
			}
		}
	}
	if ended && k.OnChange != nil {
		k.OnChange()
	}
	k.expired = now
	return next
}
