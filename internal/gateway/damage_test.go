package gateway

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/queued"
)

var damagePoints = flag.Int("damage.points", 15, "damages of each kind, of each kind of file, that are tried")

// damageKinds are the kinds of files that a reply store has, by what their names begin or end with.
var damageKinds = []string{".log", ".sst", "MANIFEST-", "OPTIONS-", "marker.", ".witness"}

// TestDamage damages one file of a reply store at a time. A gateway must then serve all that it had, or refuse in
// words: it must never begin as if it had promised nothing, nor give a reply that is not the one that came.
func TestDamage(t *testing.T) {
	if !apart(t) {
		return
	}
	source := damageSource(t)
	if refusal, err := afterDamage(source.CrashClone(vfs.CrashCloneCfg{})); refusal != nil || err != nil {
		t.Fatalf("a store that is not damaged: %v, %v", refusal, err)
	}
	for _, kind := range damageKinds {
		for _, harm := range []struct {
			name string
			do   func(rng *rand.Rand, data []byte) []byte
		}{
			{"a flipped bit", func(rng *rand.Rand, data []byte) []byte {
				data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
				return data
			}},
			{"a cut", func(rng *rand.Rand, data []byte) []byte { return data[:rng.IntN(len(data))] }},
			{"a tail of zeros", func(rng *rand.Rand, data []byte) []byte {
				clear(data[len(data)-1-rng.IntN(len(data)):])
				return data
			}},
		} {
			t.Run(harm.name+" in a file "+kind, func(t *testing.T) {
				served := 0
				for i := range *damagePoints {
					rng := rand.New(rand.NewPCG(uint64(i), 1))
					fs := source.CrashClone(vfs.CrashCloneCfg{})
					file := damaged(t, rng, fs, kind, harm.do)
					refusal, err := afterDamage(fs)
					if err != nil {
						t.Errorf("case %d, %s: %v", i, file, err)
					}
					if refusal == nil {
						served++
					}
				}
				t.Logf("%d of %d served everything, the others refused", served, *damagePoints)
			})
		}
	}
}

// TestAMissingFileOfTheStoreIsNoticed takes one file away at a time, and the whole folder.
func TestAMissingFileOfTheStoreIsNoticed(t *testing.T) {
	if !apart(t) {
		return
	}
	source := damageSource(t)
	for _, kind := range append(damageKinds, "replies") {
		t.Run(kind, func(t *testing.T) {
			fs := source.CrashClone(vfs.CrashCloneCfg{})
			files := filesOf(t, fs, kind)
			if err := fs.RemoveAll(files[len(files)-1]); err != nil {
				t.Fatal(err)
			}
			if _, err := afterDamage(fs); err != nil {
				t.Error(err)
			}
		})
	}
}

const damageKeys = 40 // of which every other one has a reply

// damageSource is a store as a crash leaves it: keys, replies and a note, in tables and in the log, with the witness
// up to date.
func damageSource(t *testing.T) *vfs.MemFS {
	t.Helper()
	var crashed *vfs.MemFS
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		for half := range 2 {
			s, err := openStore(damageOptions(mem, nil))
			if err != nil {
				t.Fatal(err)
			}
			for i := half * damageKeys / 2; i < (half+1)*damageKeys/2; i++ {
				fill(t, s, i)
			}
			time.Sleep(time.Second) // for the witness
			crashed = mem.CrashClone(vfs.CrashCloneCfg{})
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	return crashed
}

func damageOptions(fs vfs.FS, fatal func(error)) storeOptions {
	return storeOptions{folder: "state/replies", fs: fs, max: 1 << 30, log: slog.New(slog.DiscardHandler), fatal: fatal}
}

// damageExpiry is far enough ahead for every clock of a test.
var damageExpiry = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func damageKey(i int) (scope, kept) {
	id := digest("id", fmt.Sprint(i))
	return digest(fmt.Sprint(i)), kept{ID: ID(id[:16]), Expires: damageExpiry.Unix()}
}

func fill(t *testing.T, s *store, i int) {
	t.Helper()
	key, k := damageKey(i)
	if _, _, err := s.keep(key, k, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.sent(key, k); err != nil {
		t.Fatal(err)
	}
	if i%2 == 0 {
		r := &queued.Reply{Attempt: "one", Last: true}
		if _, err := s.put(token{id: k.ID, expires: damageExpiry}, pieceOf(r, replyText(i)), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.setNote("note", fmt.Sprint(i)); err != nil {
		t.Fatal(err)
	}
}

func replyText(i int) string { return strings.Repeat(fmt.Sprint("reply ", i, " "), 40) }

// afterDamage opens a store. refusal says why it, or a read, was refused; err is a loss that went unnoticed.
func afterDamage(fs vfs.FS) (refusal, err error) {
	failed := make(chan error, 1)
	s, err := openStore(damageOptions(fs, func(err error) { failed <- err }))
	if err != nil {
		for _, word := range []string{"state/replies", "restore"} { // what, where and what next
			if !strings.Contains(err.Error(), word) {
				return err, fmt.Errorf("a refusal without %q: %w", word, err)
			}
		}
		return err, nil
	}
	defer s.close()
	for i := range damageKeys {
		key, want := damageKey(i)
		got, err := s.kept(key)
		if err != nil {
			return err, nil
		}
		if got.ID != want.ID || got.Expires != want.Expires {
			return nil, fmt.Errorf("what Idempotency-Key %d stands for is forgotten or wrong: %+v", i, got)
		}
		text, err := s.part(want.ID, "one", 0)
		if err != nil {
			return err, nil
		}
		if i%2 == 0 && text != replyText(i) {
			return nil, fmt.Errorf("reply %d is forgotten or wrong: %q", i, text)
		}
	}
	note, err := s.note("note")
	if err == nil && note != fmt.Sprint(damageKeys-1) {
		return nil, fmt.Errorf("a note is forgotten or wrong: %q", note)
	}
	return err, nil
}

// damaged damages one file of a kind and returns its name.
func damaged(t *testing.T, rng *rand.Rand, fs vfs.FS, kind string, harm func(*rand.Rand, []byte) []byte) string {
	t.Helper()
	files := filesOf(t, fs, kind)
	name := files[len(files)-1] // earlier ones wait for their removal
	if kind == "marker." {      // what it says is in its name
		name = files[rng.IntN(len(files))]
		changed := strings.ReplaceAll(string(harm(rng, []byte(path.Base(name)))), "/", "?")
		err := fs.Remove(name)
		if changed != "" {
			f, createErr := fs.Create(path.Join(path.Dir(name), changed), vfs.WriteCategoryUnspecified)
			err = errors.Join(err, createErr, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil || len(data) == 0 {
		return name // a log that was begun and not written
	}
	f, err = fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(harm(rng, data))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// filesOf lists the files of a kind.
func filesOf(t *testing.T, fs vfs.FS, kind string) (files []string) {
	t.Helper()
	for _, dir := range []string{"state", "state/replies"} {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, kind) || strings.HasPrefix(name, kind) && name != "replies.witness" {
				files = append(files, path.Join(dir, name))
			}
		}
	}
	if len(files) == 0 {
		t.Fatalf("the store has no file of kind %s", kind)
	}
	slices.Sort(files)
	return files
}
