//go:build unix

package pebblestore

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// Whatever the mask of the process is and the folder was, what a store makes and finds is for those whom it is meant for.
func TestADataFolderIsPrivate(t *testing.T) {
	for _, row := range []struct {
		name         string
		umask        int
		before       os.FileMode // of the folder; zero: there is none
		group        bool
		folder, file os.FileMode
	}{
		{"a new folder, and a mask that lets all read", 0o022, 0, false, 0o700, 0o600},
		{"a new folder, and a mask that lets all write", 0, 0, false, 0o700, 0o600},
		{"a folder that all may read", 0o022, 0o755, false, 0o700, 0o600},
		{"a folder that all may write", 0, 0o777, false, 0o700, 0o600},
		{"a folder for a group", 0o022, 0o755, true, 0o750, 0o640},
		{"a new folder for a group, and a mask that lets none read", 0o077, 0, true, 0o750, 0o640},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer syscall.Umask(syscall.Umask(row.umask))
			base := t.TempDir()
			dir := filepath.Join(base, "data")
			if row.before != 0 {
				check(t, os.Mkdir(dir, row.before))
				check(t, os.Chmod(dir, row.before))
			}
			opts := Options{GroupRead: row.group, MemTableBytes: 1 << 20, Ballast: 1 << 20, Witness: filepath.Join(base, "witness")}
			s := openTest(t, dir, opts)
			writeTables(t, s)
			check(t, s.Checkpoint(filepath.Join(base, "backup")))
			expectModes(t, dir, row.folder, row.file)
			check(t, s.Close())
			expectModes(t, dir, row.folder, row.file)
			expectModes(t, filepath.Join(base, "backup"), row.folder, row.file)
			expectModes(t, filepath.Join(base, "witness"), 0, 0o600)

			// A store that an older program has left open to all is closed by the next start.
			check(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if entry.IsDir() {
					return os.Chmod(path, 0o755)
				}
				return os.Chmod(path, 0o644)
			}))
			s = openTest(t, dir, opts)
			expectModes(t, dir, row.folder, row.file)
			writeTables(t, s)
			expectModes(t, dir, row.folder, row.file)
		})
	}
}

// writeTables commits enough for logs that are used again, and tables of more than one level.
func writeTables(t *testing.T, s *Store) {
	t.Helper()
	for range 8 {
		b := new(broker.Batch)
		for seq := range queue.Seq(100) {
			b.PutMessage(1, seq+1, nil, make([]byte, 5000))
		}
		commitAll(t, s, b)
		check(t, s.db.Flush())
	}
}

func expectModes(t *testing.T, dir string, folder, file os.FileMode) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // a file that has gone
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		want := file
		if entry.IsDir() {
			want = folder
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
		return nil
	}))
}

// A volume that belongs to another user and is given to a group, as orchestrators do, is used; what it means is said.
func TestAFolderOfAnotherUserIsUsedAndToldAbout(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	if os.Getenv("FOREBAY_AS_NOBODY") == "" {
		base, err := os.MkdirTemp("/tmp", "forebay-volume-")
		check(t, err)
		defer os.RemoveAll(base)
		check(t, os.Chmod(base, 0o755))
		dir := filepath.Join(base, "data")
		check(t, os.Mkdir(dir, 0o700))
		check(t, os.Chown(dir, 0, 65534))
		check(t, os.Chmod(dir, 0o770|os.ModeSetgid))
		var log bytes.Buffer
		program := filepath.Join(base, "test")
		self, err := os.ReadFile(os.Args[0])
		check(t, err)
		check(t, os.WriteFile(program, self, 0o755))
		cmd := exec.Command(program, "-test.run=TestTheStoreOfNobody", "-test.v")
		cmd.Dir, cmd.Env = base, append(os.Environ(), "FOREBAY_AS_NOBODY="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		for _, want := range []string{"open to others than its owner", "data (mode 0770)", "group_read"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, log.String())
			}
		}
		if strings.Contains(log.String(), "store (mode") {
			t.Errorf("what it has made itself is open:\n%s", log.String())
		}
	}
}

// TestTheStoreOfNobody is run by another user, by the test above.
func TestTheStoreOfNobody(t *testing.T) {
	dir := os.Getenv("FOREBAY_AS_NOBODY")
	if dir == "" {
		t.Skip("is run by another test")
	}
	s := openTest(t, dir, Options{Ballast: -1, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	commitAll(t, s, put(1))
}
