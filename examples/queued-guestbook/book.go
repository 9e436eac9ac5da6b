package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// entriesMax is how many entries the book keeps. The oldest make room.
const entriesMax = 500

// entry is what a visitor wrote.
type entry struct {
	Number  int       `json:"number"` // 1 is the first
	Name    string    `json:"name"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	Request string    `json:"request,omitempty"` // id of the request that brought it
}

// book is the entries, in memory and in a file.
type book struct {
	file string

	mu      sync.Mutex
	entries []entry // oldest first
}

// openBook reads the file. One that is not there yet is an empty book.
func openBook(file string) (*book, error) {
	b := &book{file: file}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &b.entries); err != nil {
		return nil, fmt.Errorf("%s is not a guestbook: %w", file, err)
	}
	return b, nil
}

// read returns the entries, oldest first. The caller must not change them.
func (b *book) read() []entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries
}

// write adds an entry, gives it its number, and returns once it is on disk. A queue delivers at least once, so a request
// may come again when its answer was lost: the entry that it brought is found, and none is added.
func (b *book) write(e entry) (entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.entries, func(was entry) bool { return was.Request == e.Request }); i >= 0 {
		return b.entries[i], nil
	}
	e.Number = 1
	if n := len(b.entries); n > 0 {
		e.Number = b.entries[n-1].Number + 1
	}
	all := append(slices.Clone(b.entries[max(0, len(b.entries)-entriesMax+1):]), e)
	if err := save(b.file, all); err != nil {
		return entry{}, err
	}
	b.entries = all
	return e, nil
}

// save replaces the file so that a power cut leaves the old one or the new one, and nothing between.
func save(file string, all []entry) (err error) {
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(file)
	f, err := os.CreateTemp(folder, filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes a new name in a folder durable.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
