package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func write(t *testing.T, f *File, line string) {
	t.Helper()
	if _, err := f.Write([]byte(line + "\n")); err != nil {
		t.Fatalf("write %s: %v", line, err)
	}
}

// lines returns the lines of a file, none if it is missing.
func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func TestAFullFileIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := Open(path, Options{BytesMax: 8, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 9 {
		write(t, f, fmt.Sprintf("l-%d", n)) // four bytes
	}
	for suffix, want := range map[string][]string{"": {"l-8"}, ".1": {"l-6", "l-7"}, ".2": {"l-4", "l-5"}, ".3": nil} {
		if got := lines(t, path+suffix); !slices.Equal(got, want) {
			t.Errorf("log%s: got %q, want %q", suffix, got, want)
		}
	}
	write(t, f, "longer-than-a-file")
	if got := lines(t, path); !slices.Equal(got, []string{"longer-than-a-file"}) {
		t.Errorf("a line longer than a file: got %q", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
}

func TestALogGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	open := func() *File {
		f, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open()
	write(t, f, "one")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open()
	write(t, f, "two")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "three")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, f, "four")
	if got := lines(t, path+".moved"); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("moved away: got %q", got)
	}
	if got := lines(t, path); !slices.Equal(got, []string{"four"}) {
		t.Errorf("begun anew: got %q", got)
	}
}

func TestAnErrorIsNotTheEnd(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(folder, "log"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("lost\n")); err == nil {
		t.Error("a line was written into a folder that is gone")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "kept")
	if got := lines(t, filepath.Join(folder, "log")); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("got %q", got)
	}
	if _, err := Open(folder, Options{}); err == nil {
		t.Error("a folder was opened as a log")
	}
}

func TestLinesStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := Open(path, Options{BytesMax: 100, Keep: 100})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				write(t, f, "a-line-of-words")
			}
		})
	}
	wg.Wait()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, file := range files {
		for _, line := range lines(t, file) {
			if total++; line != "a-line-of-words" {
				t.Errorf("%s: got %q", file, line)
			}
		}
	}
	if total != 200 {
		t.Errorf("got %d lines, want 200", total)
	}
}
