package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// open opens the book as a program does that starts.
func open(t *testing.T, file string) *book {
	t.Helper()
	b, err := openBook(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, b *book, request string) entry {
	t.Helper()
	e, err := b.write(entry{Name: "Ana", Text: "hello", Request: request})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheBookIsThereAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guestbook.json")
	write(t, open(t, file), "one")
	b := open(t, file)
	if e := write(t, b, "two"); e.Number != 2 {
		t.Errorf("the second entry has number %d", e.Number)
	}
	if n := len(open(t, file).read()); n != 2 {
		t.Errorf("the book has %d entries, want 2", n)
	}
}

func TestARequestThatComesAgainAddsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guestbook.json")
	first := write(t, open(t, file), "one")
	b := open(t, file)
	if again := write(t, b, "one"); again != first {
		t.Errorf("the second time came %+v, want %+v", again, first)
	}
	if n := len(b.read()); n != 1 {
		t.Errorf("the book has %d entries, want 1", n)
	}
}

func TestTheOldestEntriesMakeRoom(t *testing.T) {
	b := &book{file: filepath.Join(t.TempDir(), "guestbook.json")}
	for i := range entriesMax {
		b.entries = append(b.entries, entry{Number: i + 1, Request: fmt.Sprint(i)})
	}
	write(t, b, "new")
	all := open(t, b.file).read()
	if len(all) != entriesMax || all[0].Number != 2 || all[entriesMax-1].Number != entriesMax+1 {
		t.Errorf("%d entries from number %d to %d, want %d from 2 to %d",
			len(all), all[0].Number, all[len(all)-1].Number, entriesMax, entriesMax+1)
	}
}

func TestAnEntryThatCannotBeKeptIsNotThere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	b := open(t, filepath.Join(folder, "guestbook.json"))
	if _, err := b.write(entry{Name: "Ana", Text: "hello", Request: "one"}); err == nil {
		t.Error("an entry was taken that cannot be on disk")
	}
	if n := len(b.read()); n != 0 {
		t.Errorf("the book has %d entries, want none", n)
	}
}

func TestAFileThatIsNoBookIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guestbook.json")
	if err := os.WriteFile(file, []byte("dear diary"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openBook(file); err == nil || !strings.Contains(err.Error(), "is not a guestbook") {
		t.Errorf("got %v, want that it is not a guestbook", err)
	}
}
