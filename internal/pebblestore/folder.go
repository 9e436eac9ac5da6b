package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The files of a data folder that belong to the store. Other parts keep theirs beside them.
//
//	FORMAT          says that this is a data folder, and of which version
//	LOCK, pid       one process at a time, and which (lock.go)
//	store/          the Pebble database
//	witness         how far the database has come, to notice a loss (witness.go)
//	witness.outside where another witness is, outside the folder (outside.go)
//	MANIFEST.copy   Pebble's list of its files at the last clean shutdown, for repairs
//	ballast         space to give away when the disk is full (space.go)
//	scrubbed        when every block was last read (verify.go)
const (
	formatName   = "FORMAT"
	lockName     = "LOCK"
	pidName      = "pid"
	storeName    = "store"
	witnessName  = "witness"
	outsideName  = "witness.outside"
	manifestName = "MANIFEST.copy"
	ballastName  = "ballast"
	scrubbedName = "scrubbed"
)

// formatVersion is the version of the folder and of the keys in it. Raise it when older programs would
// misunderstand what is written, and keep reading all earlier ones.
const formatVersion = 1

const formatText = "forebay data folder, version "

// openFolder checks that dir is a data folder or can become one, and locks it. A new one is not usable
// before its FORMAT is on disk, so the folder of an interrupted first start is still recognised.
func openFolder(fs vfs.FS, dir string, opts *Options) (*folderLock, error) {
	readOnly := opts.ReadOnly
	names, err := fs.List(dir)
	if errors.Is(err, os.ErrNotExist) && !readOnly {
		if err := makeDir(fs, dir); err != nil {
			return nil, fmt.Errorf("make data folder: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	formatted := slices.Contains(names, formatName)
	if !formatted {
		if readOnly {
			return nil, fmt.Errorf("%s is not a Forebay data folder: it has no file %s", dir, formatName)
		}
		for _, name := range names {
			if !mayPrecede(name) {
				return nil, fmt.Errorf("%s is not a Forebay data folder: it holds %q and no file %s; "+
					"give an empty folder, or one that does not exist yet", dir, name, formatName)
			}
		}
	} else if err := checkFormat(fs, dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(fs, dir, opts.Logger)
	if err != nil {
		return nil, err
	}
	if !readOnly && lock.holder != nil {
		tighten(dir, opts.access(), opts.Logger)
	}
	if !formatted {
		if err := writeFormat(fs, dir); err != nil {
			return nil, errors.Join(fmt.Errorf("make data folder: %w", err), lock.Close())
		}
	}
	return lock, nil
}

// mayPrecede reports whether a file may be in a folder before the store has ever been opened there.
func mayPrecede(name string) bool {
	return slices.Contains([]string{lockName, pidName, formatName + ".new", "lost+found"}, name) ||
		strings.HasPrefix(name, ".") || // of a file manager or a version control system
		strings.HasPrefix(name, "keys") || strings.HasPrefix(name, "tls") // of the server's other parts
}

// makeDir makes dir for its owner alone.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(dir))
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeFormat(fs vfs.FS, dir string) error {
	text := formatText + strconv.Itoa(formatVersion) + "\n"
	return writeFile(fs, fs.PathJoin(dir, formatName), []byte(text))
}

func checkFormat(fs vfs.FS, dir string) error {
	text, err := readFile(fs, fs.PathJoin(dir, formatName))
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(string(text)), formatText)
	version, err := strconv.Atoi(number)
	if !ok || err != nil || version < 1 {
		return fmt.Errorf("%s is not a Forebay data folder: its file %s says %.60q", dir, formatName, text)
	}
	if version > formatVersion {
		return fmt.Errorf("data folder %s was made by a newer Forebay: it has version %d, this program knows up to %d",
			dir, version, formatVersion)
	}
	return nil
}

// writeFile replaces a small file as a whole and syncs it.
func writeFile(fs vfs.FS, name string, data []byte) error {
	f, err := fs.Create(name+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(name))
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}
