package access

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

const (
	// RootName is the name of the key that owns the server's account.
	RootName = "root"
	// KeysMax is how many keys a server has at most.
	KeysMax = 10_000
	// KeyNameLenMax is how many characters a key's name has at most.
	KeyNameLenMax = 64
)

// What can be wrong with a change of the keys, besides the file.
var (
	ErrKeyMissing = errors.New("no such key")
	ErrKeyExists  = errors.New("there is such a key already")
	ErrKeyRoot    = errors.New("the root key can be neither disabled nor deleted")
)

// Key is an access key and what it may do.
type Key struct {
	Name     string        // unique; 1 to KeyNameLenMax of letters, digits and - _ . @
	ID       string        // the access key id, 20 characters
	Secret   Secret        // the secret access key, 40 characters
	Account  string        // 12 digits; empty: the server's own
	Grants   []queue.Grant // what it may do with the queues of its account; none: only what queue policies allow
	Disabled bool          // it exists, and is refused as if it did not
	Created  time.Time

	policy *queue.Policy // what Grants amount to
}

// Root reports whether the key owns the server's account.
func (k *Key) Root() bool { return k.Name == RootName }

// KeyOptions say what a new key may do. The zero value is a key of the server's own account without grants.
type KeyOptions struct {
	Account string // 12 digits; empty: the server's own
	Grants  []queue.Grant
}

// Keys are the keys in a file. They may be used from many goroutines and by several processes: a change made by
// one is seen by the others within a second or two, at the next lookup.
type Keys struct {
	// Logger is told when a changed file cannot be used. Nil: slog.Default(). Set it before use.
	Logger *slog.Logger

	path    string
	watch   watch
	ring    atomic.Pointer[keyring]
	changes sync.Mutex // held while the file is changed or read anew
	seen    []os.FileInfo
}

// keyring is the content of the file, checked. It is immutable.
type keyring struct {
	list []Key // in the order of creation
	byID map[string]*Key
}

// OpenKeys reads the keys file, whose folder and content it makes when there is none: then created is true and
// there is one key, root. A file that others can read is refused, and so is one of a newer format.
func OpenKeys(path string) (keys *Keys, created bool, err error) {
	k := &Keys{path: path, watch: watch{paths: []string{path}, now: time.Now}}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, false, err
		}
		err := changeKeys(path, func(keys []Key) ([]Key, error) {
			created = len(keys) == 0
			if created {
				keys = append(keys, newKey(RootName, KeyOptions{}))
			}
			return keys, nil
		})
		if err != nil {
			return nil, false, err
		}
	}
	if err := k.load(); err != nil {
		return nil, false, err
	}
	return k, created, nil
}

// load reads the file. On an error the keys stay as they are.
func (k *Keys) load() error {
	k.changes.Lock()
	defer k.changes.Unlock()
	return k.read()
}

// read is load for a caller that holds changes.
func (k *Keys) read() error {
	seen, err := k.watch.stamp()
	if err != nil {
		return err
	}
	if sameFiles(seen, k.seen) {
		return nil
	}
	k.seen = seen // also when it is wrong, so that it is complained about once
	ring, err := readKeys(k.path)
	if err != nil {
		return err
	}
	k.ring.Store(ring)
	return nil
}

// current returns the keys, read anew if the file has changed and a second has passed since the last look.
func (k *Keys) current() *keyring {
	if k.watch.due() {
		if err := k.load(); err != nil {
			logger := k.Logger
			if logger == nil {
				logger = slog.Default()
			}
			logger.Error("the changed keys file cannot be used, the keys stay as they were", "file", k.path, "err", err)
		}
	}
	return k.ring.Load()
}

// lookup finds the key with an access key id. Disabled keys are not found.
func (k *Keys) lookup(id string) (*Key, bool) {
	key := k.current().byID[id]
	return key, key != nil && !key.Disabled
}

// List returns all keys in the order of their creation. The caller must not change their grants.
func (k *Keys) List() []Key { return slices.Clone(k.current().list) }

// Root returns the key that owns the server's account.
func (k *Keys) Root() Key { return *k.current().named(RootName) }

// Create makes a key. The error wraps ErrKeyExists when the name is taken.
func (k *Keys) Create(name string, opts KeyOptions) (Key, error) {
	key := newKey(name, opts)
	err := k.change(func(keys []Key) ([]Key, error) {
		if slices.ContainsFunc(keys, func(k Key) bool { return k.Name == name }) {
			return nil, fmt.Errorf("%w: %q", ErrKeyExists, name)
		}
		if len(keys) >= KeysMax {
			return nil, fmt.Errorf("there are %d keys, which is as many as there can be", len(keys))
		}
		return append(keys, key), nil
	})
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// Disable makes a key refused until it is enabled. The error wraps ErrKeyMissing or ErrKeyRoot.
func (k *Keys) Disable(name string) error { return k.setDisabled(name, true) }

// Enable makes a disabled key work again. The error wraps ErrKeyMissing.
func (k *Keys) Enable(name string) error { return k.setDisabled(name, false) }

func (k *Keys) setDisabled(name string, disabled bool) error {
	return k.change(func(keys []Key) ([]Key, error) {
		i, err := indexOf(keys, name)
		if err != nil {
			return nil, err
		}
		if disabled && keys[i].Root() {
			return nil, ErrKeyRoot
		}
		keys[i].Disabled = disabled
		return keys, nil
	})
}

// Delete removes a key for good. The error wraps ErrKeyMissing or ErrKeyRoot.
func (k *Keys) Delete(name string) error {
	return k.change(func(keys []Key) ([]Key, error) {
		i, err := indexOf(keys, name)
		if err != nil {
			return nil, err
		}
		if keys[i].Root() {
			return nil, ErrKeyRoot
		}
		return slices.Delete(keys, i, i+1), nil
	})
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

// newKey draws a key pair. The letters and digits of rand.Text need no quoting anywhere.
func newKey(name string, opts KeyOptions) Key {
	return Key{
		Name:    name,
		ID:      "FB" + rand.Text()[:18],
		Secret:  Secret((rand.Text() + rand.Text())[:40]),
		Account: opts.Account,
		Grants:  slices.Clone(opts.Grants),
		Created: time.Now().UTC().Truncate(time.Second),
	}
}

// newKeyring checks the keys and makes them findable.
func newKeyring(keys []Key) (*keyring, error) {
	ring := &keyring{list: keys, byID: make(map[string]*Key, len(keys))}
	names := make(map[string]bool, len(keys))
	for i := range keys {
		key := &keys[i]
		if err := key.check(); err != nil {
			return nil, fmt.Errorf("key %q: %w", key.Name, err)
		}
		if names[key.Name] || ring.byID[key.ID] != nil {
			return nil, fmt.Errorf("key %q: the name or id is there twice", key.Name)
		}
		names[key.Name] = true
		ring.byID[key.ID] = key
	}
	if !names[RootName] {
		return nil, fmt.Errorf("there is no key named %q", RootName)
	}
	return ring, nil
}

func (r *keyring) named(name string) *Key {
	for i := range r.list {
		if r.list[i].Name == name {
			return &r.list[i]
		}
	}
	return nil
}

// check holds a key to its description and compiles its grants.
func (k *Key) check() error {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if k.Name == "" || len(k.Name) > KeyNameLenMax || strings.Trim(k.Name, alphabet+"-_.@") != "" {
		return fmt.Errorf("a name has 1 to %d letters, digits and - _ . @", KeyNameLenMax)
	}
	if len(k.ID) < 16 || len(k.ID) > 128 || strings.Trim(k.ID, alphabet) != "" {
		return errors.New("an access key id has 16 to 128 letters and digits")
	}
	if len(k.Secret) < 16 || len(k.Secret) > 128 {
		return errors.New("a secret has 16 to 128 characters")
	}
	if k.Account != "" && (len(k.Account) != 12 || strings.Trim(k.Account, "0123456789") != "") {
		return errors.New("an account has 12 digits")
	}
	if k.Root() && (k.Disabled || k.Account != "" || len(k.Grants) > 0) {
		return errors.New("the root key owns the server's account and needs no grants; it cannot be disabled")
	}
	policy, err := queue.GrantPolicy(k.Grants)
	k.policy = policy
	return err
}
