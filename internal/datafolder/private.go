package datafolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Access says who but the owner may read a folder. The zero value is: the owner alone.
type Access struct {
	// Group lets the group of the folder read what is in it, and write nothing.
	Group bool
}

// Folder is the mode of a folder.
func (a Access) Folder() os.FileMode {
	if a.Group {
		return 0o750
	}
	return 0o700
}

// File is the mode of a file.
func (a Access) File() os.FileMode {
	if a.Group {
		return 0o640
	}
	return 0o600
}

// Tighten takes from others what access does not give them, in the folder dir: from the files and folders in it of which own is
// true, by their path from dir with slashes, and from dir itself if own(".") is true. It adds nothing but what access gives to
// the group, follows no link, and leaves what is not own as it is.
//
// What could not be tightened is in an error that is ErrOpen and says what to do; the rest is tightened all the same. Systems
// whose files have no such modes are left alone.
func Tighten(dir string, access Access, own func(path string) bool) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	t := tightening{access: access}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != dir:
			return nil // gone since
		case err != nil:
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if own(filepath.ToSlash(name)) {
			t.tighten(path, entry.Type())
		} else if entry.IsDir() && path != dir {
			return filepath.SkipDir
		}
		return nil
	})
	return errors.Join(err, t.err())
}

// tightening collects what could not be done.
type tightening struct {
	access Access
	open   []string // what others can still read
}

// tighten changes the mode of one file or folder, if it must be.
func (t *tightening) tighten(path string, kind fs.FileMode) {
	want := t.access.File()
	switch {
	case kind.IsDir():
		want = t.access.Folder()
	case !kind.IsRegular():
		return
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != kind {
		return // gone, or replaced, since
	}
	have := info.Mode()
	now := have&^(0o077&^want) | want&0o070
	if now == have {
		return
	}
	// A group that has less than it could have harms nobody.
	if err := os.Chmod(path, now); err != nil && !errors.Is(err, fs.ErrNotExist) && have.Perm()&0o077&^want != 0 {
		t.open = append(t.open, fmt.Sprintf("%s (mode %04o)", path, have.Perm()))
	}
}

// ErrOpen is why Tighten fails when others can still read something.
var ErrOpen = errors.New("others can read it")

func (t *tightening) err() error {
	if len(t.open) == 0 {
		return nil
	}
	const named = 3
	list := strings.Join(t.open[:min(named, len(t.open))], ", ")
	if more := len(t.open) - named; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("%w, and this process may not change that: %s", ErrOpen, list)
}
