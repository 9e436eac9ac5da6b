package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// State is what a gateway has in its state folder.
type State struct {
	Keys     *Keys
	Instance Instance
	Replies  string // the folder for Options.Folder
}

// The files of a state folder. The store's are beside them, in repliesName and its witness.
const (
	siteKeyName  = "site.key"
	instanceName = "instance"
	repliesName  = "replies"
)

// OpenState reads the key of the site and the name of the gateway, and makes those that are not there: in a new
// folder, or with acceptLoss. Beside a reply store that is there already, a missing one is an error, since with
// another key the tokens that clients have would be refused, and under another name their replies would go to a queue
// that no gateway reads. An empty keyFile is site.key in the folder.
func OpenState(folder, keyFile string, acceptLoss bool) (s State, err error) {
	s.Replies = filepath.Join(folder, repliesName)
	if keyFile == "" {
		keyFile = filepath.Join(folder, siteKeyName)
	}
	instanceFile := filepath.Join(folder, instanceName)
	if there, err := anyOf(s.Replies, s.Replies+".witness"); err != nil || there && !acceptLoss {
		err = errors.Join(err, needFile(keyFile, "the key of the site"),
			needFile(instanceFile, "the name of the gateway"))
		if err != nil {
			return s, err
		}
	}
	if s.Keys, err = openKeys(keyFile); err != nil {
		return s, err
	}
	s.Instance, err = openInstance(instanceFile)
	return s, err
}

// anyOf reports whether one of the files is there.
func anyOf(paths ...string) (bool, error) {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}

// needFile is an error for a file that is not there, and should be.
func needFile(path, what string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s, %s, is missing beside the replies of a gateway; %s, or make a new one by "+
			"--accept-loss, after which what clients wait for cannot be fetched", path, what, restoreAdvice)
	}
	return err
}

// restoreAdvice says what to do about a file that is missing or damaged.
const restoreAdvice = "restore it from a backup (the key also from another gateway of the site)"

// openKeys reads the file at path: a line "site NAME", then keys, each a line of 64 hexadecimal digits. Empty lines and
// those that begin with # do not count. The first key signs and all are believed, so a new key is brought in by
// writing it, everywhere, first behind the old one and then before it. A file that is not there is made, with a new
// site and key, for its owner alone; one that was written by hand gets its checksums.
func openKeys(path string) (*Keys, error) {
	f, err := openSealed(path, func() string {
		k := NewKeys()
		return "# The key of this site's gateways. Each of them needs a copy of this file; nobody else may read it.\n" +
			"site " + k.site + "\n" + hex.EncodeToString(k.all[0]) + "\n"
	})
	if err != nil {
		return nil, fmt.Errorf("the site's key: %w", err)
	}
	k := &Keys{}
	for _, line := range f.lines {
		if name, ok := strings.CutPrefix(line.text, "site "); ok && k.site == "" {
			k.site = strings.TrimSpace(name)
			continue
		}
		key, err := hex.DecodeString(line.text)
		if err != nil || len(key) != keyBytes {
			return nil, fmt.Errorf("%s:%d: a key has %d hexadecimal digits; %s",
				path, line.number, 2*keyBytes, restoreAdvice)
		}
		k.all = append(k.all, key)
	}
	if len(k.all) == 0 || !siteName.MatchString(k.site) {
		return nil, fmt.Errorf("%s needs a line \"site NAME\", of 1 to 16 small letters and digits, and a key; %s",
			path, restoreAdvice)
	}
	f.seal()
	return k, nil
}

// openInstance reads the name of this gateway from the file at path, and makes one when it is not there.
func openInstance(path string) (Instance, error) {
	f, err := openSealed(path, func() string {
		var i Instance
		rand.Read(i[:]) // never fails
		return i.String() + "\n"
	})
	if err != nil {
		return Instance{}, fmt.Errorf("the name of this gateway: %w", err)
	}
	if len(f.lines) != 1 {
		return Instance{}, fmt.Errorf("%s has %d names of a gateway, want one; %s", path, len(f.lines), restoreAdvice)
	}
	i, err := ParseInstance(f.lines[0].text)
	if err != nil {
		return i, fmt.Errorf("%s: %w; %s", path, err, restoreAdvice)
	}
	f.seal()
	return i, nil
}
