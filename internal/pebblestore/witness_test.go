package pebblestore

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/queue"
)

// put is a batch of one message.
func put(seq queue.Seq) *broker.Batch {
	b := new(broker.Batch)
	b.PutMessage(1, seq, []byte("h"), []byte("b"))
	return b
}

func TestOpenRefusesALoss(t *testing.T) {
	for _, test := range []struct {
		name string
		harm func(t *testing.T, mem *crashfs.FS, older *crashfs.FS)
		want string // part of the error
	}{
		{"an older copy of the store under the newer witness", func(t *testing.T, mem, older *crashfs.FS) {
			replaceStore(t, mem, older)
		}, "2 acknowledged commits are missing: the store ends at commit 2, and data/witness has seen commit 4"},
		{"the store is gone", func(t *testing.T, mem, _ *crashfs.FS) {
			if err := mem.RemoveAll("data/store"); err != nil {
				t.Fatal(err)
			}
		}, "4 acknowledged commits are missing: the store ends at commit 0"},
		{"the witness is gone", func(t *testing.T, mem, _ *crashfs.FS) {
			if err := mem.Remove("data/witness"); err != nil {
				t.Fatal(err)
			}
		}, "the file data/witness is missing, so nobody can tell whether the 4 commits in the store are all"},
		{"the witness is damaged", func(t *testing.T, mem, _ *crashfs.FS) {
			writeText(t, mem, "data/witness", strings.Repeat("x", witnessLen))
		}, "the file data/witness is damaged"},
		{"the witness has seen more changes in as many commits", func(t *testing.T, mem, _ *crashfs.FS) {
			seen := testimony{reached: position{4, 9}}
			writeText(t, mem, "data/witness", string(seen.encode()))
		}, "5 acknowledged changes are missing: the store counts 4, and data/witness has seen 9"},
		{"the witness has seen another MANIFEST", func(t *testing.T, mem, _ *crashfs.FS) {
			seen := testimony{position{4, 4}, manifest{number: 999}}
			writeText(t, mem, "data/witness", string(seen.encode()))
		}, "MANIFEST-000999 was in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := crashfs.New()
			s := openTest(t, "data", Options{FS: mem})
			commitAll(t, s, put(1), put(2))
			older := mem.CrashClone(vfs.CrashCloneCfg{})
			commitAll(t, s, put(3), put(4))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			mem = mem.CrashClone(vfs.CrashCloneCfg{})
			test.harm(t, mem, older)

			before := listing(t, mem)
			for _, readOnly := range []bool{false, true} {
				_, err := Open("data", Options{FS: mem, ReadOnly: readOnly, MemTableBytes: 1 << 20})
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--accept-loss") {
					t.Errorf("open, read-only %v: got error %v, want one with %q and --accept-loss", readOnly, err, test.want)
				}
			}
			if after := listing(t, mem); after != before {
				t.Errorf("the refused store has changed:\nbefore %s\nafter  %s", before, after)
			}
			s = openTest(t, "data", Options{FS: mem, AcceptLoss: true})
			commitAll(t, s, put(5))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			openTest(t, "data", Options{FS: mem}) // with a witness that is right again
		})
	}
}

// replaceStore puts the database of one file system in the place of another's.
func replaceStore(t *testing.T, dst, src *crashfs.FS) {
	t.Helper()
	if err := dst.RemoveAll("data/store"); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(src, dst, "data/store", "data/store"); !ok || err != nil {
		t.Fatalf("copy the older store: %v, %v", ok, err)
	}
}

// listing names the files of the database.
func listing(t *testing.T, fs vfs.FS) string {
	t.Helper()
	names, err := fs.List("data/store")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var kept []string
	for _, name := range names {
		if name != lockName {
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return strings.Join(kept, " ")
}

func TestWitnessFollowsCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		s, err := Open("data", Options{FS: mem, MemTableBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		seen := func() uint64 {
			w, err := readWitness(mem, "data/witness")
			if err != nil {
				t.Fatal(err)
			}
			return w.reached.commits
		}
		commitAll(t, s, put(1))
		time.Sleep(100 * time.Millisecond)
		if got := seen(); got != 1 {
			t.Errorf("witness 100 ms after the first commit: got %d, want 1", got)
		}
		time.Sleep(time.Minute)
		commitAll(t, s, put(2), put(3))
		time.Sleep(100 * time.Millisecond)
		if got := seen(); got != 3 {
			t.Errorf("witness 100 ms after the third commit: got %d, want 3", got)
		}
		lazy := put(4)
		lazy.Lazy = true
		commitAll(t, s, lazy)
		time.Sleep(lingerTime / 2)
		if got := seen(); got != 3 {
			t.Errorf("witness after a lazy commit: got %d, want 3, since it may not be on disk", got)
		}
		time.Sleep(time.Minute)
		if got := seen(); got != 4 {
			t.Errorf("witness a minute later: got %d, want 4, since lazy commits do not linger", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := seen(); got != 4 {
			t.Errorf("witness after Close: got %d, want 4", got)
		}
	})
}

func TestCloseKeepsACopyOfTheManifest(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, "data", Options{FS: mem})
	commitAll(t, s, put(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name, _, err := findManifest(mem, "data/store")
	if err != nil {
		t.Fatal(err)
	}
	want, err := readFile(mem, name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readFile(mem, "data/MANIFEST.copy")
	if err != nil || string(got) != string(want) {
		t.Errorf("MANIFEST.copy: got %d bytes, error %v; want the %d bytes of %s", len(got), err, len(want), name)
	}
}
