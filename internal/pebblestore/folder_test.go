package pebblestore

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestOpenRefusesFolders(t *testing.T) {
	for _, test := range []struct {
		name     string
		files    map[string]string
		readOnly bool
		want     string // part of the error; empty: it opens
	}{
		{"an empty folder becomes a data folder", map[string]string{}, false, ""},
		{"files of other parts may be there before", map[string]string{"keys": "", "tls.crt": "", ".keep": "", "lost+found": ""}, false, ""},
		{"an interrupted first start is continued", map[string]string{"LOCK": "", "pid": "", "FORMAT.new": "fore"}, false, ""},
		{"somebody's documents", map[string]string{"letter.txt": "Dear"}, false, `not a Forebay data folder: it holds "letter.txt"`},
		{"a store without its FORMAT", map[string]string{"store": "", "witness": ""}, false, "not a Forebay data folder"},
		{"a FORMAT of something else", map[string]string{"FORMAT": "tar\n"}, false, "not a Forebay data folder: its file FORMAT says \"tar\\n\""},
		{"a FORMAT without a number", map[string]string{"FORMAT": formatText + "one\n"}, false, "not a Forebay data folder"},
		{"an empty FORMAT", map[string]string{"FORMAT": ""}, false, "not a Forebay data folder"},
		{"a later version", map[string]string{"FORMAT": formatText + "2\n"}, false, "made by a newer Forebay: it has version 2, this program knows up to 1"},
		{"a folder without a store, opened to be looked at", map[string]string{"FORMAT": formatText + "1\n"}, true, "holds no store"},
		{"an empty folder, opened to be looked at", map[string]string{}, true, "not a Forebay data folder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := vfs.NewMem()
			if err := mem.MkdirAll("data", 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range test.files {
				writeText(t, mem, "data/"+name, text)
			}
			s, err := Open("data", Options{FS: mem, ReadOnly: test.readOnly, MemTableBytes: 1 << 20})
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if test.want == "" && err != nil {
				t.Fatalf("open: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("open: got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func writeText(t *testing.T, fs vfs.FS, name, text string) {
	t.Helper()
	if err := writeFile(fs, name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesASecondProcess(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"in memory": vfs.NewMem(), "on disk": vfs.Default} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/data"
			s := openTest(t, dir, Options{FS: fs})
			want := fmt.Sprintf("%s is in use by process %d", dir, os.Getpid())
			for _, readOnly := range []bool{false, true} {
				_, err := Open(dir, Options{FS: fs, ReadOnly: readOnly})
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("second open, read-only %v: got error %v, want one with %q", readOnly, err, want)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			openTest(t, dir, Options{FS: fs})
		})
	}
}

func TestFailedOpenReleasesTheFolder(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, "data", Options{FS: mem})
	commitAll(t, s, put(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mem.Remove("data/witness"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("data", Options{FS: mem}); err == nil {
		t.Fatal("a store without its witness was opened")
	}
	openTest(t, "data", Options{FS: mem, AcceptLoss: true})
}

func TestNewFolderIsPrivate(t *testing.T) {
	dir := t.TempDir() + "/data"
	openTest(t, dir, Options{Ballast: -1})
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("mode of a new data folder: got %o, want 700", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, test := range []struct {
		name string
		opts Options
		want string
	}{
		{"a cache below nothing", Options{CacheBytes: -1}, "CacheBytes is -1, below 0"},
		{"a limit below off", Options{SpaceLow: -2}, "SpaceLow is -2, below -1"},
		{"full above low", Options{SpaceLow: 1, SpaceFull: 2}, "SpaceFull is 2, above SpaceLow, which is 1"},
		{"an enormous memtable", Options{MemTableBytes: 1 << 40}, "MemTableBytes is 1099511627776, above 1 GiB"},
	} {
		test.opts.FS = vfs.NewMem()
		_, err := Open("data", test.opts)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one with %q", test.name, err, test.want)
		}
	}
}
