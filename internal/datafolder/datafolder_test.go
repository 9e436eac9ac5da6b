package datafolder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFolderIsHeldOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs flock(2)")
	}
	base := t.TempDir()
	dir := filepath.Join(base, "data")
	check(t, os.Mkdir(dir, 0o700))
	h, err := Hold(dir)
	check(t, err)
	check(t, os.Symlink(dir, filepath.Join(base, "link")))
	check(t, os.Rename(dir, filepath.Join(base, "moved")))
	check(t, os.Symlink("moved", dir))
	for _, name := range []string{"moved", "link", "data"} {
		if _, err := Hold(filepath.Join(base, name)); !errors.Is(err, ErrInUse) {
			t.Errorf("hold %s: got %v, want ErrInUse", name, err)
		}
	}
	check(t, h.Close())
	again, err := Hold(dir)
	check(t, err)
	check(t, again.Close())
}

func TestHoldNoticesAChange(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files that are open cannot be taken away")
	}
	for _, row := range []struct {
		name    string
		harm    func(dir string) error
		want    string // part of the error; empty: none
		missing bool
	}{
		{"nothing", func(string) error { return nil }, "", false},
		{"a watched file is written to", func(dir string) error { return os.WriteFile(dir+"/LOCK", []byte("x"), 0o600) }, "", false},
		{"another file comes", func(dir string) error { return os.WriteFile(dir+"/other", nil, 0o600) }, "", false},
		{"a watched file is deleted", func(dir string) error { return os.Remove(dir + "/LOCK") }, "LOCK was moved or deleted", true},
		{"a watched file is deleted and made again", func(dir string) error {
			return errors.Join(os.Remove(dir+"/LOCK"), os.WriteFile(dir+"/LOCK", nil, 0o600))
		}, "LOCK was replaced", false},
		{"the folder is moved", func(dir string) error { return os.Rename(dir, dir+"2") }, "data was moved or deleted", true},
		{"the folder is moved and made again", func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"2"), os.Mkdir(dir, 0o700))
		}, "data was replaced", false},
		{"the folder is moved and back", func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"2"), os.Rename(dir+"2", dir))
		}, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			check(t, os.Mkdir(dir, 0o700))
			check(t, os.WriteFile(filepath.Join(dir, "LOCK"), nil, 0o600))
			h, err := Hold(dir)
			check(t, err)
			defer h.Close()
			check(t, h.Watch("LOCK"))
			check(t, row.harm(dir))
			err = h.Check()
			if row.want == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if row.want != "" && (!errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), row.want) || errors.Is(err, fs.ErrNotExist) != row.missing) {
				t.Errorf("got %v, want ErrChanged with %q", err, row.want)
			}
		})
	}
}

func TestTighten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes")
	}
	for _, row := range []struct {
		name         string
		access       Access
		before, want os.FileMode // of files; folders get the bits to enter where they may be read
		dir, wantDir os.FileMode
	}{
		{"a file that all may read", Access{}, 0o644, 0o600, 0o755, 0o700},
		{"a file that all may write", Access{}, 0o666, 0o600, 0o777, 0o700},
		{"a file of its owner", Access{}, 0o600, 0o600, 0o700, 0o700},
		{"a file that its owner may only read", Access{}, 0o444, 0o400, 0o700, 0o700},
		{"a file that all may read, with a group", Access{Group: true}, 0o644, 0o640, 0o755, 0o750},
		{"a file of its owner, with a group", Access{Group: true}, 0o600, 0o640, 0o700, 0o750},
		{"a file that the group may write, with a group", Access{Group: true}, 0o666, 0o640, 0o770, 0o750},
		{"a folder whose files get its group", Access{Group: true}, 0o664, 0o640, 0o775 | fs.ModeSetgid, 0o750 | fs.ModeSetgid},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			outer := filepath.Join(t.TempDir(), "outer")
			names := []string{"own", "own.d", "own.d/own", "foreign", "foreign.d", "foreign.d/own"}
			for _, name := range names {
				path := filepath.Join(dir, name)
				if strings.HasSuffix(name, ".d") {
					check(t, os.Mkdir(path, 0o700))
				} else {
					check(t, os.WriteFile(path, nil, 0o600))
				}
			}
			check(t, os.WriteFile(outer, nil, 0o600))
			check(t, os.Symlink(outer, filepath.Join(dir, "own.link")))
			for _, name := range append(names, ".", "own.link") {
				mode := row.before
				if strings.HasSuffix(name, ".d") || name == "." {
					mode = row.dir
				}
				check(t, os.Chmod(filepath.Join(dir, name), mode))
			}
			own := func(path string) bool { return path == "." || strings.HasPrefix(path, "own") }
			check(t, Tighten(dir, row.access, own))
			for name, want := range map[string]os.FileMode{
				".": row.wantDir, "own": row.want, "own.d": row.wantDir, "own.d/own": row.want,
				"foreign": row.before, "foreign.d": row.dir, "foreign.d/own": row.before, "own.link": row.before,
			} {
				info, err := os.Stat(filepath.Join(dir, name))
				check(t, err)
				if got := info.Mode() &^ fs.ModeDir; got != want {
					t.Errorf("%s: got %v, want %v", name, got, want)
				}
			}
		})
	}
}
