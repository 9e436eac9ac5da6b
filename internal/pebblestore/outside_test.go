package pebblestore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// site is a data folder, an earlier copy of it, and a witness elsewhere.
type site struct {
	data, earlier, witness string
}

// newSite commits two messages, takes a copy of the folder, and commits two more.
func newSite(t *testing.T, setting func(s site) string) site {
	t.Helper()
	base := t.TempDir()
	s := site{filepath.Join(base, "data"), filepath.Join(base, "earlier"), filepath.Join(base, "elsewhere", "w")}
	check(t, os.Mkdir(filepath.Dir(s.witness), 0o700))
	opts := Options{Ballast: -1, Witness: setting(s)}
	first := openTest(t, s.data, opts)
	commitAll(t, first, put(1), put(2))
	check(t, first.Close())
	check(t, os.CopyFS(s.earlier, os.DirFS(s.data)))
	second := openTest(t, s.data, opts)
	commitAll(t, second, put(3), put(4))
	check(t, second.Close())
	return s
}

// putBack makes the data folder what it was earlier, its own witness included.
func (s site) putBack(t *testing.T) {
	t.Helper()
	check(t, os.RemoveAll(s.data))
	check(t, os.CopyFS(s.data, os.DirFS(s.earlier)))
}

func file(s site) string { return s.witness }
func none(site) string   { return "" }

// putBack is a site whose witness is kept as before says; then something happens, and it is opened with after.
type putBack struct {
	name          string
	before, after func(site) string
	harm          func(t *testing.T, s site)
	want          string // part of the error; empty: it opens
	lasting       bool   // AcceptLoss does not help
}

var putBacks = []putBack{
	{"nothing has happened", file, file, func(*testing.T, site) {}, "", false},
	{"the folder is put back and has no other witness", none, none, func(t *testing.T, s site) { s.putBack(t) }, "", false},
	{"the folder is put back", file, file, func(t *testing.T, s site) { s.putBack(t) },
		"2 acknowledged commits are missing: the store ends at commit 2, and ", false},
	{"the folder is put back, and the setting was forgotten", file, none, func(t *testing.T, s site) { s.putBack(t) },
		"2 acknowledged commits are missing", false},
	{"the folder is put back, and the setting was changed", file, func(s site) string { return s.witness + "2" },
		func(t *testing.T, s site) { s.putBack(t) }, "2 acknowledged commits are missing", false},
	{"the folder is put back, and its note of the witness is gone", file, file, func(t *testing.T, s site) {
		s.putBack(t)
		check(t, os.Remove(filepath.Join(s.data, outsideName)))
	}, "2 acknowledged commits are missing", false},
	{"the folder is gone", file, file, func(t *testing.T, s site) { check(t, os.RemoveAll(s.data)) },
		"has seen commit 4 of a store, and the data folder is empty (is its disk mounted?)", false},
	{"the witness is gone", file, file, func(t *testing.T, s site) { check(t, os.Remove(s.witness)) },
		"is missing, so it cannot be told whether the 4 commits in the store are all (is its disk mounted?)", false},
	{"the witness is empty", file, file, func(t *testing.T, s site) { check(t, os.Truncate(s.witness, 0)) }, "is missing", false},
	{"the witness is cut short", file, file, func(t *testing.T, s site) { check(t, os.Truncate(s.witness, 40)) }, "is damaged", false},
	{"the witness has a flipped bit", file, file, func(t *testing.T, s site) { flip(t, s.witness, 23) }, "is damaged", false},
	{"the witness is an earlier one", file, file, func(t *testing.T, s site) {
		overwrite(t, s.witness, sighting{position{1, 1}, numberIn(t, s.witness)}.encode())
	}, "", false},
	{"the witness has seen more changes in as many commits", file, file, func(t *testing.T, s site) {
		overwrite(t, s.witness, sighting{position{4, 9}, numberIn(t, s.witness)}.encode())
	}, "5 acknowledged changes are missing: the store counts 4, and ", false},
	{"the witness is that of another store", file, file, func(t *testing.T, s site) {
		overwrite(t, s.witness, sighting{position{1, 1}, 7}.encode())
	}, "is that of another store, 0000000000000007, and this one is ", false},
	{"the file is something else", file, file, func(t *testing.T, s site) { overwrite(t, s.witness, []byte("Dear Sir,")) },
		"it is not a witness; change the setting", true},
	{"the witness is a folder's", file, func(s site) string { return filepath.Dir(s.witness) }, func(*testing.T, site) {}, "", false},
	{"the setting is new", none, file, func(*testing.T, site) {}, "", false},
	{"the setting is gone", file, none, func(*testing.T, site) {}, "", false},
	{"the setting has changed, and the old file is gone with its disk", file, func(s site) string { return s.witness + "2" },
		func(t *testing.T, s site) { check(t, os.Remove(s.witness)) }, "", false},
	{"the folder of the witness is not there", file, func(s site) string { return filepath.Join(s.witness+"2", "w") },
		func(*testing.T, site) {}, "has no folder: is its disk mounted?", true},
	{"the witness is in the data folder", none, func(s site) string { return filepath.Join(s.data, "w") },
		func(*testing.T, site) {}, "is in the data folder, and would be put back together with it", true},
	{"the witness is in the data folder by a link", none, func(s site) string { return filepath.Join(filepath.Dir(s.witness), "link", "w") },
		func(t *testing.T, s site) {
			check(t, os.Symlink(s.data, filepath.Join(filepath.Dir(s.witness), "link")))
		},
		"is in the data folder", true},
}

func TestAFolderIsPutBack(t *testing.T) {
	for _, row := range putBacks {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, row.before)
			row.harm(t, s)
			opts := Options{MemTableBytes: 1 << 20, Ballast: -1, Witness: row.after(s)}
			if row.want != "" {
				before := treeText(t, filepath.Join(s.data, "store"))
				_, err := Open(s.data, opts)
				if err == nil || !strings.Contains(err.Error(), row.want) {
					t.Fatalf("open: got error %v, want one with %q", err, row.want)
				}
				if after := treeText(t, filepath.Join(s.data, "store")); after != before {
					t.Errorf("the refused store has changed:\nbefore %s\nafter  %s", before, after)
				}
				opts.AcceptLoss = true
				again, err := Open(s.data, opts)
				if row.lasting {
					if err == nil || !strings.Contains(err.Error(), row.want) {
						t.Errorf("open with AcceptLoss: got error %v, want one with %q", err, row.want)
					}
					return
				}
				check(t, err)
				check(t, again.Close())
				opts.AcceptLoss = false
			}
			for seq := queue.Seq(11); seq < 13; seq++ { // twice, so that what the first has written is seen
				again := openTest(t, s.data, opts)
				commitAll(t, again, put(seq))
				check(t, again.Close())
			}
		})
	}
}

// treeText lists the files below dir with their times, but for locks.
func treeText(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Name() != lockName {
			b.WriteString(filepath.Base(path) + " " + info.ModTime().String() + "\n")
		}
		return nil
	})
	return b.String()
}

func overwrite(t *testing.T, name string, data []byte) {
	t.Helper()
	check(t, os.WriteFile(name, data, 0o600))
}

func flip(t *testing.T, name string, at int) {
	t.Helper()
	data, err := os.ReadFile(name)
	check(t, err)
	data[at] ^= 1
	overwrite(t, name, data)
}

func numberIn(t *testing.T, name string) uint64 {
	t.Helper()
	seen, err := readOutside(name)
	check(t, err)
	return seen.store
}

func TestTwoStoresAreGivenOneWitness(t *testing.T) {
	base := t.TempDir()
	witness := filepath.Join(base, "w")
	first := openTest(t, filepath.Join(base, "first"), Options{Ballast: -1, Witness: witness})
	commitAll(t, first, put(1))
	open := func() error {
		s, err := Open(filepath.Join(base, "second"), Options{MemTableBytes: 1 << 20, Ballast: -1, Witness: witness})
		if err == nil {
			return s.Close()
		}
		return err
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "is in use by another server") {
		t.Errorf("while the first is open: got error %v", err)
	}
	check(t, first.Close())
	if err := open(); err == nil || !strings.Contains(err.Error(), "has seen commit 1 of a store, and the data folder is empty") {
		t.Errorf("an empty second store: got error %v", err)
	}
	own := openTest(t, filepath.Join(base, "second"), Options{Ballast: -1})
	commitAll(t, own, put(1), put(2), put(3))
	check(t, own.Close())
	if err := open(); err == nil || !strings.Contains(err.Error(), "is that of another store") {
		t.Errorf("a second store: got error %v", err)
	}
	commitAll(t, openTest(t, filepath.Join(base, "first"), Options{Ballast: -1, Witness: witness}), put(2))
}

// A witness that cannot be written keeps no message from being acknowledged, is complained about, and recovers.
func TestAWitnessElsewhereFails(t *testing.T) {
	for _, row := range []struct {
		name string
		harm func(t *testing.T, witness string)
		late bool // it cannot be written from then on
	}{
		{"it is deleted, and made again", func(t *testing.T, w string) { check(t, os.Remove(w)) }, false},
		{"it is moved away, and made again", func(t *testing.T, w string) { check(t, os.Rename(w, w+".old")) }, false},
		{"its folder is gone", func(t *testing.T, w string) { check(t, os.RemoveAll(filepath.Dir(w))) }, true},
		{"another file is in its place", func(t *testing.T, w string) {
			check(t, os.Rename(w, w+".old"))
			overwrite(t, w, []byte("Dear Sir,"))
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			base := t.TempDir()
			witness := filepath.Join(base, "elsewhere", "w")
			check(t, os.Mkdir(filepath.Dir(witness), 0o700))
			s := openTest(t, filepath.Join(base, "data"), Options{Ballast: -1, Witness: witness})
			commitAll(t, s, put(1))
			row.harm(t, witness)
			commitAll(t, s, put(2))
			check(t, s.Close()) // has written the last word, or given up
			if got := s.Metrics().WitnessLate; got != row.late {
				t.Errorf("it is late: got %v, want %v", got, row.late)
			}
			if seen, err := readOutside(witness); !row.late && (err != nil || seen.reached != position{2, 2}) {
				t.Errorf("the witness says %+v, %v; want commit 2", seen, err)
			}
		})
	}
}

// A copy of a store, as a backup is, has a witness inside alone.
func TestABackupHasNoWitnessElsewhere(t *testing.T) {
	base := t.TempDir()
	witness := filepath.Join(base, "w")
	s := openTest(t, filepath.Join(base, "data"), Options{Ballast: -1, Witness: witness})
	commitAll(t, s, put(1))
	check(t, s.Checkpoint(filepath.Join(base, "backup")))
	commitAll(t, s, put(2))
	copied := openTest(t, filepath.Join(base, "backup"), Options{Ballast: -1})
	commitAll(t, copied, new(broker.Batch))
	check(t, copied.Close())
	check(t, s.Close())
	_, err := Open(filepath.Join(base, "backup"), Options{MemTableBytes: 1 << 20, Ballast: -1, Witness: witness})
	if err == nil || !strings.Contains(err.Error(), "1 acknowledged commits are missing") {
		t.Errorf("the backup in the place of the store: got error %v", err)
	}
}
