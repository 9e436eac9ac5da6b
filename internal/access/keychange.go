package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Every change of the keys is one new file in place of the old one, so it happens whole or not at all. None may leave
// the server without a key that manages keys: see guarded.

// Create makes a key. The error wraps ErrKeyExists when the name is taken, and ErrKeyInvalid when the key cannot be as
// it is asked for.
func (k *Keys) Create(name string, opts KeyOptions) (Key, error) {
	key := newKey(name, opts)
	err := k.change(func(keys []Key) ([]Key, error) {
		if slices.ContainsFunc(keys, func(k Key) bool { return k.Name == name }) {
			return nil, fmt.Errorf("%w: %q", ErrKeyExists, name)
		}
		if len(keys) >= KeysMax {
			return nil, fmt.Errorf("%w: there are %d keys, which is as many as there can be", ErrKeyInvalid, len(keys))
		}
		if !key.Expires.IsZero() && !key.Expires.After(time.Now()) {
			return nil, fmt.Errorf("%w: %s is in the past", ErrKeyInvalid, key.Expires.Format(time.RFC3339))
		}
		return append(keys, key), nil
	})
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// Disable makes a key refused until it is enabled. The error wraps ErrKeyMissing or ErrLastAdmin.
func (k *Keys) Disable(name string) error {
	off := true
	return k.Change(name, KeyChange{Disabled: &off})
}

// Enable makes a disabled key work again. The error wraps ErrKeyMissing.
func (k *Keys) Enable(name string) error {
	off := false
	return k.Change(name, KeyChange{Disabled: &off})
}

// KeyChange says what becomes different about a key. What is nil stays as it is.
type KeyChange struct {
	Disabled *bool
	Grants   *[]queue.Grant // instead of those that it has
	Expires  *time.Time     // zero: never
	Limits   *Limits
}

// Change changes a key, which keeps its id and secret. The error wraps ErrKeyMissing, ErrLastAdmin or ErrKeyInvalid.
func (k *Keys) Change(name string, what KeyChange) error {
	return k.edit(name, func(key *Key) error {
		if what.Disabled != nil {
			key.Disabled = *what.Disabled
		}
		if what.Grants != nil {
			key.Grants = slices.Clone(*what.Grants)
		}
		if what.Expires != nil {
			key.Expires = what.Expires.UTC()
		}
		if what.Limits != nil {
			key.Limits = *what.Limits
		}
		return nil
	})
}

// Rotate gives a key a new id and secret and returns it as it is then. The old pair is accepted for as long as overlap,
// zero for not at all; then those of earlier rotations end as well. What the key may do, and what it has set up, stays.
// The error wraps ErrKeyMissing or ErrKeyInvalid.
func (k *Keys) Rotate(name string, overlap time.Duration) (Key, error) {
	if overlap < 0 || overlap > OverlapMax {
		return Key{}, fmt.Errorf("%w: the old pair can be accepted for at most %v", ErrKeyInvalid, OverlapMax)
	}
	var rotated Key
	err := k.edit(name, func(key *Key) error {
		now := time.Now().UTC()
		previous := slices.DeleteFunc(slices.Clone(key.Previous), func(p Pair) bool { return overlap == 0 || !now.Before(p.Until) })
		if overlap > 0 {
			previous = append(previous, Pair{ID: key.ID, Secret: key.Secret, Until: now.Add(overlap)})
		}
		if len(previous) > previousMax {
			return fmt.Errorf("%w: %d earlier pairs of it are accepted still, rotate it without overlap to end them",
				ErrKeyInvalid, previousMax)
		}
		key.Previous = previous
		key.ID, key.Secret = drawPair()
		rotated = *key
		return nil
	})
	if err != nil {
		return Key{}, err
	}
	return rotated, nil
}

// OverlapMax is the longest that the old pair of a rotated key is accepted.
const OverlapMax = 90 * 24 * time.Hour

// Delete removes a key for good. The error wraps ErrKeyMissing or ErrLastAdmin.
func (k *Keys) Delete(name string) error {
	return k.change(func(keys []Key) ([]Key, error) {
		i, err := indexOf(keys, name)
		if err != nil {
			return nil, err
		}
		return guarded(keys, slices.Delete(slices.Clone(keys), i, i+1), name)
	})
}

// edit changes one key.
func (k *Keys) edit(name string, edit func(*Key) error) error {
	return k.change(func(keys []Key) ([]Key, error) {
		i, err := indexOf(keys, name)
		if err != nil {
			return nil, err
		}
		next := slices.Clone(keys)
		if err := edit(&next[i]); err != nil {
			return nil, err
		}
		return guarded(keys, next, name)
	})
}

// guarded returns the keys after a change, unless it has taken away the last that may manage keys, is not disabled and
// does not expire. It does not stand in the way of other changes when there was none before.
func guarded(before, after []Key, name string) ([]Key, error) {
	lasting := func(k Key) bool { return k.Owner() && !k.Disabled && k.Expires.IsZero() }
	if slices.ContainsFunc(before, lasting) && !slices.ContainsFunc(after, lasting) {
		return nil, fmt.Errorf("the %s key stays as it is: %w", name, ErrLastAdmin)
	}
	return after, nil
}

// change edits the file, and the keys of this process at once.
func (k *Keys) change(edit func([]Key) ([]Key, error)) error {
	k.changes.Lock()
	defer k.changes.Unlock()
	if err := changeKeys(k.path, edit); err != nil {
		return err
	}
	return k.read()
}

func indexOf(keys []Key, name string) (int, error) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("%w: %q", ErrKeyMissing, name)
	}
	return i, nil
}
