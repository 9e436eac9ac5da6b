package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// keyBytes is the size of a site's key.
const keyBytes = 32

// siteName is what a site may be called.
var siteName = regexp.MustCompile(`^[a-z0-9]{1,16}$`)

// Keys are what the gateways of one site prove their tokens to each other with. They are read-only and safe for
// concurrent use.
type Keys struct {
	site string   // names the site, and is no secret: part of the names of its reply queues
	all  [][]byte // the first one signs, all of them are believed
}

// NewKeys returns a new site with one key.
func NewKeys() *Keys {
	chance := make([]byte, 4+keyBytes)
	rand.Read(chance) // never fails
	return &Keys{site: hex.EncodeToString(chance[:4]), all: [][]byte{chance[4:]}}
}

// OpenKeys reads the file at path: a line "site NAME", then keys, each a line of 64 hexadecimal digits. Empty lines and
// those that begin with # do not count. The first key signs and all are believed, so a new key is brought in by
// writing it, everywhere, first behind the old one and then before it. A file that is not there is made, with a new
// site and key, for its owner alone.
func OpenKeys(path string) (*Keys, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKeys(path); err != nil {
			return nil, err
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the site's key cannot be read: %w", err)
	}
	k := &Keys{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "site "); ok && k.site == "" {
			k.site = strings.TrimSpace(name)
			continue
		}
		key, err := hex.DecodeString(line)
		if err != nil || len(key) != keyBytes {
			return nil, fmt.Errorf("%s:%d: a key has %d hexadecimal digits", path, number, 2*keyBytes)
		}
		k.all = append(k.all, key)
	}
	if len(k.all) == 0 || !siteName.MatchString(k.site) {
		return nil, fmt.Errorf("%s needs a line \"site NAME\", of 1 to 16 small letters and digits, and a key; remove it to have both made", path)
	}
	return k, nil
}

// createKeys writes a file with one new key. Of two gateways that start at the same moment, one wins.
func createKeys(path string) error {
	k := NewKeys()
	text := "# The key of this site's gateways. Each of them needs a copy of this file; nobody else may read it.\n" +
		"site " + k.site + "\n" + hex.EncodeToString(k.all[0]) + "\n"
	return createOnce(path, text)
}

// createOnce makes a file with its content, whole or not at all, on disk when it returns. A file that is there already
// is left as it is.
func createOnce(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// OpenInstance reads the name of this gateway from the file at path, and makes one when it is not there.
func OpenInstance(path string) (Instance, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var i Instance
		rand.Read(i[:])
		if err = createOnce(path, i.String()+"\n"); err != nil {
			return i, err
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return Instance{}, fmt.Errorf("the name of this gateway cannot be read: %w", err)
	}
	return ParseInstance(strings.TrimSpace(string(text)))
}
