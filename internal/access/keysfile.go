package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

const (
	// keysFormat is the version of the keys file. A reader refuses what is newer than itself.
	keysFormat = 1
	// keysFileMax bounds the file, far above what KeysMax keys need.
	keysFileMax = 64 << 20
	// leftOver is how old an unfinished change must be to belong to a process that has died.
	leftOver = time.Minute
)

// keysFile is the file as JSON. It is the only place where secrets are written.
type keysFile struct {
	Format   int         `json:"format"`
	Keys     []storedKey `json:"keys"`
	Checksum string      `json:"checksum,omitempty"` // as checksum returns; files of older programs have none
}

// checksum is the CRC-32C of what the file says, in hexadecimal. One changed bit could otherwise give a key the
// rights to another queue, or another secret, without a word.
func (f keysFile) checksum() (string, error) {
	f.Checksum = ""
	text, err := json.Marshal(f)
	return fmt.Sprintf("%08x", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))), err
}

// check compares the checksum with what the file says.
func (f keysFile) check() error {
	sum, err := f.checksum()
	if err == nil && f.Checksum != "" && f.Checksum != sum {
		err = fmt.Errorf("it is damaged: its checksum is %s, not %s; restore it from a backup, "+
			"or, if you have changed it yourself, take the member \"checksum\" out", sum, f.Checksum)
	}
	return err
}

type storedKey struct {
	Name     string        `json:"name"`
	ID       string        `json:"id"`
	Secret   string        `json:"secret"`
	Account  string        `json:"account,omitempty"`
	Admin    bool          `json:"admin,omitempty"`
	Grants   []queue.Grant `json:"grants,omitempty"`
	Disabled bool          `json:"disabled,omitempty"`
	Created  time.Time     `json:"created"`
	Expires  time.Time     `json:"expires,omitzero"`
	Limits   Limits        `json:"limits,omitzero"`
	Previous []storedPair  `json:"previous,omitempty"`
}

type storedPair struct {
	ID     string    `json:"id"`
	Secret string    `json:"secret"`
	Until  time.Time `json:"until"`
}

func (s *storedKey) key() Key {
	k := Key{
		Name: s.Name, ID: s.ID, Secret: Secret(s.Secret), Account: s.Account, Admin: s.Admin, Grants: s.Grants,
		Disabled: s.Disabled, Created: s.Created, Expires: s.Expires, Limits: s.Limits,
	}
	for _, p := range s.Previous {
		k.Previous = append(k.Previous, Pair{ID: p.ID, Secret: Secret(p.Secret), Until: p.Until})
	}
	return k
}

func stored(k *Key) storedKey {
	s := storedKey{
		Name: k.Name, ID: k.ID, Secret: k.Secret.Reveal(), Account: k.Account, Admin: k.Admin, Grants: k.Grants,
		Disabled: k.Disabled, Created: k.Created, Expires: k.Expires, Limits: k.Limits,
	}
	for _, p := range k.Previous {
		s.Previous = append(s.Previous, storedPair{ID: p.ID, Secret: p.Secret.Reveal(), Until: p.Until})
	}
	return s
}

// readKeys reads and checks the keys file.
func readKeys(path string) (*keyring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s holds secrets and can be read by others (mode %04o); fix it with: chmod 600 %s", path, mode, path)
	}
	if info.Size() > keysFileMax {
		return nil, fmt.Errorf("%s has %d bytes, which is too much for a keys file", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := decodeKeys(text)
	if err == nil && file.Format == keysFormat {
		err = file.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a keys file: %w", path, err)
	}
	if file.Format != keysFormat {
		return nil, fmt.Errorf("%s has format %d, this program reads format %d", path, file.Format, keysFormat)
	}
	keys := make([]Key, len(file.Keys))
	for i := range file.Keys {
		keys[i] = file.Keys[i].key()
	}
	ring, err := newKeyring(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

// decodeKeys reads the JSON. Members that it does not know are an error: a misspelt "disabled" must not pass.
// What was read may be a secret, so it is kept out of the errors.
func decodeKeys(text []byte) (keysFile, error) {
	var file keysFile
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(&file)
	if err == nil && dec.InputOffset() != int64(len(bytes.TrimRight(text, " \r\n\t"))) {
		err = errors.New("something follows the JSON")
	}
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return file, nil
	case errors.As(err, &kind):
		return keysFile{}, fmt.Errorf("%s has the wrong type", kind.Field)
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return keysFile{}, err
	}
	return keysFile{}, fmt.Errorf("not the expected JSON, near byte %d", dec.InputOffset())
}

// changeKeys reads the keys (none when there is no file yet), lets change edit them, and replaces the file.
// The new file is written beside the old one under a name that must not exist yet, which keeps two processes
// from changing the keys at once; then it takes the old one's place. After a crash there is one or the other.
func changeKeys(path string, change func([]Key) ([]Key, error)) error {
	draft := path + ".new"
	f, err := openDraft(draft)
	if err != nil {
		return err
	}
	err = func() error {
		var keys []Key
		ring, err := readKeys(path)
		switch {
		case err == nil:
			keys = ring.list
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if keys, err = change(keys); err != nil {
			return err
		}
		return writeKeys(f, keys)
	}()
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		_ = os.Remove(draft)
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// openDraft makes the file that is to replace the keys file.
func openDraft(draft string) (*os.File, error) {
	if info, err := os.Stat(draft); err == nil && time.Since(info.ModTime()) > leftOver {
		_ = os.Remove(draft)
	}
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("the keys are being changed by another process, try again (if there is none: remove %s)", draft)
	}
	return f, err
}

func writeKeys(f *os.File, keys []Key) error {
	if _, err := newKeyring(keys); err != nil {
		return err
	}
	file := keysFile{Format: keysFormat, Keys: make([]storedKey, len(keys))}
	for i := range keys {
		file.Keys[i] = stored(&keys[i])
	}
	var err error
	if file.Checksum, err = file.checksum(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// syncFolder makes a rename durable. Windows has no such call and does not need it.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
