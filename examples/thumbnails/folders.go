package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folders are where photos come from and thumbnails go to. They are opened as roots, so that a name in a message cannot
// lead out of them.
type Folders struct {
	photos, results *os.Root
}

// openFolders opens both folders, and makes those that are missing.
func openFolders(photos, results string) (*Folders, error) {
	f := new(Folders)
	var err error
	if f.photos, err = openFolder(photos); err != nil {
		return nil, err
	}
	if f.results, err = openFolder(results); err != nil {
		return nil, errors.Join(err, f.photos.Close())
	}
	return f, nil
}

func openFolder(path string) (*os.Root, error) {
	if path == "" {
		return nil, errors.New("a folder is needed: --photos and --results")
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(path)
}

// Close closes both.
func (f *Folders) Close() error { return errors.Join(f.photos.Close(), f.results.Close()) }

// photo reads a photo.
func (f *Folders) photo(name string) (*image.RGBA, error) {
	file, err := f.photos.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return decode(file)
}

// photoNames are the photos that are there, in order.
func (f *Folders) photoNames() ([]string, error) {
	return names(f.photos, func(name string) bool {
		return slices.Contains([]string{".jpg", ".jpeg", ".png"}, strings.ToLower(filepath.Ext(name)))
	})
}

// begun marks a file that is being written: readers do not see it, and what a killed worker has left is found by it.
const begun = ".begun-"

// save writes a result so that its name appears when all of it is on the disk, and never with less.
func save(folder *os.Root, name string, write func(io.Writer) error) error {
	temporary := begun + rand.Text()
	file, err := folder.Create(temporary)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = folder.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, folder.Remove(temporary))
	}
	return nil
}

// saveJPEG saves a thumbnail.
func saveJPEG(folder *os.Root, name string, p image.Image) error {
	return save(folder, name, func(w io.Writer) error { return jpeg.Encode(w, p, &jpeg.Options{Quality: 85}) })
}

// sweep removes what workers that were killed have begun.
func (f *Folders) sweep() error {
	left, err := names(f.results, func(name string) bool { return strings.HasPrefix(name, begun) })
	for _, name := range left {
		err = errors.Join(err, f.results.Remove(name))
	}
	return err
}

// current reports whether a result is there and no older than its photo. One that is older is removed.
func (f *Folders) current(j Job) (bool, error) {
	result, err := f.results.Stat(j.Result)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	photo, err := f.photos.Stat(j.Photo)
	if err != nil {
		return false, err
	}
	if photo.ModTime().After(result.ModTime()) {
		return false, f.results.Remove(j.Result)
	}
	return true, nil
}

// names are the plain files of a folder that are wanted, in order.
func names(folder *os.Root, wanted func(string) bool) ([]string, error) {
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder.Name(), err)
	}
	var found []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && wanted(entry.Name()) {
			found = append(found, entry.Name())
		}
	}
	return found, nil
}
