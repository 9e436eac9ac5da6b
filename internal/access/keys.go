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
	// RootName is the name of the key that the first start makes. It is an admin.
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
	ErrLastAdmin  = errors.New("it is the last that may manage keys and does not expire")
	ErrKeyInvalid = errors.New("a key cannot be like that") // wrapped by what says why
)

// Key is an access key and what it may do.
type Key struct {
	Name     string        // unique; 1 to KeyNameLenMax of letters, digits and - _ . @
	ID       string        // the access key id, 20 characters
	Secret   Secret        // the secret access key, 40 characters
	Account  string        // 12 digits; empty: the server's own
	Admin    bool          // owns the server's account, as root does, and may manage keys; takes no account and no grants
	Grants   []queue.Grant // what it may do with the queues of its account; none: only what queue policies allow
	Disabled bool          // it exists, and is refused as if it did not
	Created  time.Time
	Expires  time.Time // it is refused from then on; zero: never
	Limits   Limits
	Previous []Pair // what it was before it was rotated, as long as that is still accepted

	policy *queue.Policy // what Grants amount to
	usage  *usage        // what it has done; shared by all versions of the key
}

// Pair is an access key id and its secret that a rotation has replaced, accepted until a moment.
type Pair struct {
	ID     string
	Secret Secret
	Until  time.Time
}

// previousMax bounds the pairs that a key has besides its newest.
const previousMax = 4

// Root reports whether it is the key that the first start makes.
func (k *Key) Root() bool { return k.Name == RootName }

// Owner reports whether the key owns the server's account: root, or an admin.
func (k *Key) Owner() bool { return k.Root() || k.Admin }

// active reports whether the key is accepted at a moment.
func (k *Key) active(now time.Time) bool {
	return !k.Disabled && (k.Expires.IsZero() || now.Before(k.Expires))
}

// KeyOptions say what a new key may do. The zero value is a key of the server's own account without grants.
type KeyOptions struct {
	Account string // 12 digits; empty: the server's own
	Admin   bool   // it may do everything, and manage keys
	Grants  []queue.Grant
	Expires time.Time // zero: never
	Limits  Limits
}

// Keys are the keys in a file. They may be used from many goroutines and by several processes: a key that another
// process has made is known at once, any other change of the file is seen within a second or two, at the next lookup.
type Keys struct {
	// Logger is told when a changed file cannot be used. Nil: slog.Default(). Set it before use.
	Logger *slog.Logger
	// OnChange is called after the keys have changed, or one has expired, before the change returns and before anybody
	// is authenticated with the new keys. Calls do not overlap. It must not change keys. Set it before use; nil: nobody
	// is told.
	OnChange func()

	path    string
	watch   watch
	ring    atomic.Pointer[keyring]
	changes sync.Mutex // held while the file is changed or read anew
	seen    []os.FileInfo
	uses    uses
	changed chan struct{} // has room for one: Run must look when it has to do something next
	expired time.Time     // OnChange knows of what has expired until then; guarded by changes
}

// keyring is the content of the file, checked. It is immutable.
type keyring struct {
	list []Key // in the order of creation
	byID map[string]credential
}

// credential is what an access key id stands for.
type credential struct {
	key    *Key
	secret Secret
	until  time.Time // zero: as long as the key is active
}

// OpenKeys reads the keys file, whose folder and content it makes when there is none: then created is true and
// there is one key, root. A file that others can read is refused, and so is one of a newer format.
func OpenKeys(path string) (keys *Keys, created bool, err error) {
	k := &Keys{path: path, watch: watch{paths: []string{path}, now: time.Now}, changed: make(chan struct{}, 1)}
	k.uses.open(usesPath(path))
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
	k.uses.link(ring)
	k.ring.Store(ring)
	k.tell()
	return nil
}

// tell says that the keys are others than before. The caller holds changes.
func (k *Keys) tell() {
	select {
	case k.changed <- struct{}{}:
	default: // Run knows already
	}
	if k.OnChange != nil {
		k.OnChange()
	}
}

// current returns the keys, read anew if the file has changed and a second has passed since the last look.
func (k *Keys) current() *keyring {
	if k.watch.due() {
		if err := k.load(); err != nil {
			k.logger().Error("the changed keys file cannot be used, the keys stay as they were", "file", k.path, "err", err)
		}
	}
	return k.ring.Load()
}

func (k *Keys) logger() *slog.Logger {
	if k.Logger == nil {
		return slog.Default()
	}
	return k.Logger
}

// lookup finds what an access key id stands for now. Those of keys that are disabled or have expired are not found.
func (k *Keys) lookup(id string) (credential, bool) {
	found, known := k.current().byID[id]
	if !known {
		// Another process may have made it a moment ago. What is wrong with the file, the regular look tells.
		if k.load() == nil {
			found, known = k.ring.Load().byID[id]
		}
	}
	now := k.watch.now()
	return found, known && found.key.active(now) && (found.until.IsZero() || now.Before(found.until))
}

// List returns all keys in the order of their creation. The caller must not change their grants.
func (k *Keys) List() []Key { return slices.Clone(k.current().list) }

// Root returns the key that the first start has made, the zero Key when it was deleted.
func (k *Keys) Root() Key {
	if root := k.current().named(RootName); root != nil {
		return *root
	}
	return Key{}
}

// ActiveAdmin returns a key that may manage keys and is accepted now: root if it is one, else the oldest.
func (k *Keys) ActiveAdmin() (key Key, ok bool) {
	ring, now := k.current(), k.watch.now()
	if root := ring.named(RootName); root != nil && root.active(now) {
		return *root, true
	}
	for i := range ring.list {
		if one := &ring.list[i]; one.Owner() && one.active(now) {
			return *one, true
		}
	}
	return Key{}, false
}

// newKey draws a key pair. The letters and digits of rand.Text need no quoting anywhere.
func newKey(name string, opts KeyOptions) Key {
	key := Key{
		Name:    name,
		Account: opts.Account,
		Admin:   opts.Admin && name != RootName,
		Grants:  slices.Clone(opts.Grants),
		Created: time.Now().UTC().Truncate(time.Second),
		Expires: opts.Expires.UTC(),
		Limits:  opts.Limits,
	}
	key.ID, key.Secret = drawPair()
	return key
}

func drawPair() (id string, secret Secret) {
	return "FB" + rand.Text()[:18], Secret((rand.Text() + rand.Text())[:40])
}

// newKeyring checks the keys and makes them findable.
func newKeyring(keys []Key) (*keyring, error) {
	ring := &keyring{list: keys, byID: make(map[string]credential, len(keys))}
	names := make(map[string]bool, len(keys))
	owned := false
	for i := range keys {
		key := &keys[i]
		if err := key.check(); err != nil {
			return nil, fmt.Errorf("key %q: %w: %w", key.Name, ErrKeyInvalid, err)
		}
		if names[key.Name] {
			return nil, fmt.Errorf("key %q: the name is there twice", key.Name)
		}
		names[key.Name] = true
		owned = owned || key.Owner()
		if err := ring.add(key); err != nil {
			return nil, err
		}
	}
	if !owned {
		return nil, fmt.Errorf("there is no key that may manage keys: none is named %q, and none is an admin", RootName)
	}
	return ring, nil
}

// add makes a key findable by its ids.
func (r *keyring) add(key *Key) error {
	pairs := append([]Pair{{ID: key.ID, Secret: key.Secret}}, key.Previous...)
	for _, p := range pairs {
		if _, twice := r.byID[p.ID]; twice {
			return fmt.Errorf("key %q: the access key id %s is there twice", key.Name, p.ID)
		}
		r.byID[p.ID] = credential{key: key, secret: p.Secret, until: p.Until}
	}
	return nil
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
	if len(k.Previous) > previousMax {
		return fmt.Errorf("a key has at most %d earlier ids", previousMax)
	}
	for _, p := range append([]Pair{{ID: k.ID, Secret: k.Secret}}, k.Previous...) {
		if len(p.ID) < 16 || len(p.ID) > 128 || strings.Trim(p.ID, alphabet) != "" {
			return errors.New("an access key id has 16 to 128 letters and digits")
		}
		if len(p.Secret) < 16 || len(p.Secret) > 128 {
			return errors.New("a secret has 16 to 128 characters")
		}
	}
	if k.Account != "" && (len(k.Account) != 12 || strings.Trim(k.Account, "0123456789") != "") {
		return errors.New("an account has 12 digits")
	}
	if k.Owner() && (k.Account != "" || len(k.Grants) > 0) {
		return errors.New("an admin owns the server's account: it takes no other account and no grants")
	}
	if err := k.Limits.check(); err != nil {
		return err
	}
	policy, err := queue.GrantPolicy(k.Grants)
	k.policy = policy
	return err
}
