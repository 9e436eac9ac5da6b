package pebblestore

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
)

// change is what a careless hand does to the folder of a running store.
type change struct {
	name string
	do   func(t *testing.T, dir string)
	// want is part of the failure of the running store; empty: it goes on.
	want string
	// elsewhere is where a second store is opened; empty: in the same folder.
	elsewhere string
	// second is part of the error of opening it; empty: it opens.
	second string
}

const inUse = "is in use by process "

// here is how a second store is refused because the first is in this process; another process would find an ordinary folder.
const here = "held by current process"

var changes = []change{
	{name: "LOCK is deleted", do: remove("LOCK"), second: inUse},
	{name: "the lock of the database is deleted", do: remove("store/LOCK"), second: inUse},
	{name: "every LOCK and the pid are deleted", do: remove("LOCK", "store/LOCK", "pid"), second: "is in use by another process"},
	{name: "LOCK is replaced by another file", do: both(remove("LOCK"), write("LOCK")), second: inUse},
	{name: "LOCK is moved away", do: move("LOCK", "LOCK.old"), second: inUse},
	{name: "nothing happens, and the folder is reached by a link", do: link, elsewhere: "link", second: inUse},
	{name: "every LOCK is deleted, and the folder is reached by a link", do: both(remove("LOCK", "store/LOCK"), link),
		elsewhere: "link", second: inUse},
	{name: "the pid is of another process", do: both(move("pid", "pid.old"), write("pid")), want: "pid was replaced", second: inUse},
	{name: "the folder is moved", do: moveFolder, want: "moved", elsewhere: "moved", second: inUse},
	{name: "the folder is moved, and there is an empty one", do: both(moveFolder, makeFolder), want: "data folder", second: here},
	{name: "the folder is moved, and a copy is in its place", do: replaceFolder, want: "data folder", second: here},
	{name: "the database is moved away", do: move("store", "store.old"), want: "store", second: inUse},
	{name: "a copy is in the place of the database", do: replaceDatabase, want: "store", second: inUse},
	{name: "the folder is deleted", do: func(t *testing.T, dir string) { check(t, os.RemoveAll(dir)) }, want: "data folder",
		second: here},
}

func remove(names ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		for _, name := range names {
			check(t, os.Remove(filepath.Join(dir, name)))
		}
	}
}

func move(from, to string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { check(t, os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))) }
}

func write(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { check(t, os.WriteFile(filepath.Join(dir, name), []byte("1\n"), 0o600)) }
}

func both(first, second func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) { first(t, dir); second(t, dir) }
}

func link(t *testing.T, dir string) {
	check(t, os.Symlink(dir, filepath.Join(filepath.Dir(dir), "link")))
}

func moveFolder(t *testing.T, dir string) {
	check(t, os.Rename(dir, filepath.Join(filepath.Dir(dir), "moved")))
}

func makeFolder(t *testing.T, dir string) { check(t, os.Mkdir(dir, 0o700)) }

func replaceFolder(t *testing.T, dir string) {
	moveFolder(t, dir)
	check(t, os.CopyFS(dir, os.DirFS(filepath.Join(filepath.Dir(dir), "moved"))))
}

func replaceDatabase(t *testing.T, dir string) {
	move("store", "store.old")(t, dir)
	check(t, os.CopyFS(filepath.Join(dir, "store"), os.DirFS(filepath.Join(dir, "store.old"))))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// No change of the folder may let two stores acknowledge: either the second is refused, or the first has stopped.
func TestAFolderChangesUnderARunningStore(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the names of files that are in use can be changed as on Linux")
	}
	for _, row := range changes {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			failed := make(chan error, 1)
			s, err := Open(dir, Options{MemTableBytes: 1 << 20, Ballast: -1, Fatal: func(err error) { failed <- err }})
			check(t, err)
			commitAll(t, s, put(1))
			row.do(t, dir)

			second, err := Open(filepath.Join(filepath.Dir(dir), orElse(row.elsewhere, "data")), Options{MemTableBytes: 1 << 20, Ballast: -1})
			if row.second != "" && (err == nil || !strings.Contains(err.Error(), row.second)) {
				t.Errorf("a second store: got error %v, want one with %q", err, row.second)
			}
			if row.second == "" && err != nil {
				t.Errorf("a second store in another folder: %v", err)
			}
			if err == nil {
				check(t, second.Close())
			}
			err = commit(s, put(2))
			if row.want == "" && err != nil {
				t.Errorf("a commit afterwards: %v", err)
			}
			if row.want != "" {
				if err == nil {
					t.Fatal("a commit afterwards was acknowledged")
				}
				if got := <-failed; !strings.Contains(got.Error(), row.want) {
					t.Errorf("the store failed by %v, want %q", got, row.want)
				}
			}
			if err := s.Close(); (err == nil) != (row.want == "") {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// commit returns what done was called with.
func commit(s *Store, b *broker.Batch) error {
	done := make(chan error, 1)
	s.Commit(b, func(err error) { done <- err })
	return <-done
}

// Without a lock on the folder, as on a network file system, a store can only notice, and stops.
func TestAStoreWithoutALockOnItsFolderStops(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs flock(2)")
	}
	dir := filepath.Join(t.TempDir(), "data")
	failed := make(chan error, 1)
	s, err := Open(dir, Options{MemTableBytes: 1 << 20, Ballast: -1, Fatal: func(err error) { failed <- err }})
	check(t, err)
	commitAll(t, s, put(1))
	s.lock.sure = false
	check(t, os.Remove(filepath.Join(dir, "LOCK")))
	if err := commit(s, put(2)); err == nil {
		t.Error("a commit after LOCK was deleted was acknowledged")
	}
	if got := <-failed; !strings.Contains(got.Error(), "LOCK was moved or deleted") {
		t.Errorf("the store failed by %v", got)
	}
	_ = s.Close()
}

// A store that nobody writes to finds out by itself.
func TestAnIdleStoreNoticesThatItsFolderIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	failed := make(chan error, 1)
	s, err := Open(dir, Options{MemTableBytes: 1 << 20, Ballast: -1, Fatal: func(err error) { failed <- err }})
	check(t, err)
	check(t, os.Rename(dir, dir+".moved"))
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "moved or deleted") {
			t.Errorf("the store failed by %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it has not noticed")
	}
	_ = s.Close()
}

// A deleted LOCK is made again and locked, so that programs of earlier versions are kept out too, and the log says so.
func TestADeletedLockIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var log bytes.Buffer
	s := openTest(t, dir, Options{Ballast: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	check(t, os.Remove(filepath.Join(dir, "LOCK")))
	commitAll(t, s, put(1))
	// An earlier version locks by fcntl(2), which holds between processes alone: so another one tries.
	if python, err := exec.LookPath("python3"); err == nil {
		out, err := exec.Command(python, "-c", "import fcntl,sys; fcntl.lockf(open(sys.argv[1],'w'), fcntl.LOCK_EX|fcntl.LOCK_NB)",
			filepath.Join(dir, "LOCK")).CombinedOutput()
		if err == nil {
			t.Errorf("another process could lock LOCK: %s", out)
		}
	}
	check(t, s.Close())
	if !strings.Contains(log.String(), "LOCK of the data folder was deleted") {
		t.Errorf("the log says %s", log.String())
	}
}

// The other store of a folder in memory is refused as on disk.
func TestAFolderInMemoryIsLockedToo(t *testing.T) {
	mem := vfs.NewMem()
	openTest(t, "data", Options{FS: mem})
	if _, err := Open("data", Options{FS: mem}); err == nil || !strings.Contains(err.Error(), inUse) {
		t.Errorf("a second store: got %v", err)
	}
}
