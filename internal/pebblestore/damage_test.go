package pebblestore

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/queue"
)

// kindOf names the kind of a file of a data folder.
func kindOf(name string) string {
	base := path.Base(name)
	switch {
	case strings.HasSuffix(base, ".log"):
		return "log"
	case strings.HasSuffix(base, ".sst"):
		return "table"
	case strings.HasPrefix(base, "MANIFEST-"):
		return "manifest"
	case strings.HasPrefix(base, "OPTIONS-"):
		return "options"
	case strings.HasPrefix(base, "marker."):
		return "marker"
	}
	return base
}

// TestDamage damages one file of a store at a time. Nothing may be lost in silence: the store serves all that
// was committed, or refuses to open, or reports an error when it is read.
func TestDamage(t *testing.T) {
	source, want := damageSource(t)
	for _, kind := range []string{"log", "table", "manifest", "options", "marker", witnessName, formatName} {
		for _, harm := range []struct {
			name string
			do   func(rng *rand.Rand, fs vfs.FS, file string) error
		}{{"flip a bit", flipBit}, {"truncate", truncate}, {"garbage tail", garbageTail}} {
			t.Run(kind+"/"+harm.name, func(t *testing.T) {
				t.Parallel()
				served := 0
				for i := range *torturePoints {
					rng := rand.New(rand.NewPCG(uint64(i), 0))
					fs := source.CrashClone(vfs.CrashCloneCfg{})
					files := filesOf(t, fs, kind)
					file := files[len(files)-1] // earlier ones wait for their removal
					if kind == "marker" {
						file = files[rng.IntN(len(files))]
					}
					if err := harm.do(rng, fs, file); err != nil {
						t.Fatal(err)
					}
					ok, err := survives(fs, want)
					if err != nil {
						t.Errorf("case %d, %s: %v", i, file, err)
					}
					if ok {
						served++
					}
				}
				t.Logf("%s, %s: %d of %d served everything, the others were refused", kind, harm.name, served, *torturePoints)
			})
		}
	}
}

// damageSource is a store as a crash leaves it: messages in tables and in the log, everything synced, the
// witness up to date.
func damageSource(t *testing.T) (*crashfs.FS, []string) {
	t.Helper()
	mem := crashfs.New()
	s := openTest(t, "data", Options{FS: mem, MemTableBytes: 64 << 10})
	rng := rand.New(rand.NewPCG(1, 0))
	want := newModel()
	for i := range 60 {
		b := new(broker.Batch)
		for j := range 4 {
			seq := queue.Seq(4*i + j + 1)
			b.PutMessage(1, seq, fmt.Appendf(nil, "header %d", seq), randomText(rng, 100))
			b.PutState(1, seq, fmt.Appendf(nil, "state %d", seq))
		}
		b.PutMeta(1, broker.MetaMark, nil, fmt.Append(nil, i))
		if i == 10 {
			b.PutMessage(2, 1, nil, randomText(rng, 2*inlineMax))
		}
		commitAll(t, s, b)
		if err := broker.Apply(b.Bytes(), want); err != nil {
			t.Fatal(err)
		}
		if i == 5 || i == 15 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	m, err := readManifest(crashed, "data/"+storeName, manifest{})
	if err != nil {
		t.Fatal(err)
	}
	seen := testimony{s.commits.reached, m}
	if err := writeFile(crashed, "data/"+witnessName, seen.encode()); err != nil {
		t.Fatal(err)
	}
	return crashed, want.lines()
}

// filesOf lists the files of a kind.
func filesOf(t *testing.T, fs vfs.FS, kind string) []string {
	t.Helper()
	var files []string
	for _, dir := range []string{"data", "data/" + storeName} {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if kindOf(name) == kind {
				files = append(files, dir+"/"+name)
			}
		}
	}
	if len(files) == 0 {
		t.Fatalf("the store has no file of kind %s", kind)
	}
	slices.Sort(files)
	return files
}

// survives opens a damaged store. ok is true when it serves everything; err is a loss that went unnoticed.
func survives(fs vfs.FS, want []string) (ok bool, err error) {
	failed := make(chan error, 1)
	s, err := Open("data", Options{FS: fs, MemTableBytes: 64 << 10, Fatal: func(err error) { failed <- err }})
	if err != nil {
		return false, nil
	}
	defer s.Close()
	got, err := contents(s)
	if err != nil {
		return false, nil
	}
	if diff := difference(got, want); diff != "" {
		return false, fmt.Errorf("a loss went unnoticed:\n%s", diff)
	}
	return true, nil
}

func flipBit(rng *rand.Rand, fs vfs.FS, file string) error {
	if kindOf(file) == "marker" { // what it says is in its name
		name := []byte(path.Base(file))
		name[rng.IntN(len(name))] ^= 1 << rng.IntN(7)
		renamed := strings.ReplaceAll(string(name), "/", "?")
		return fs.Rename(file, path.Join(path.Dir(file), renamed))
	}
	return rewrite(fs, file, func(data []byte) []byte {
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		return data
	})
}

func truncate(rng *rand.Rand, fs vfs.FS, file string) error {
	if kindOf(file) == "marker" {
		return fs.Remove(file)
	}
	return rewrite(fs, file, func(data []byte) []byte { return data[:rng.IntN(len(data))] })
}

// garbageTail replaces the last bytes, as a torn write or a bad sector may.
func garbageTail(rng *rand.Rand, fs vfs.FS, file string) error {
	return rewrite(fs, file, func(data []byte) []byte {
		tail := data[len(data)-min(len(data), 1+rng.IntN(4096)):]
		if rng.IntN(2) == 0 {
			clear(tail)
			return data
		}
		for i := range tail {
			tail[i] = byte(rng.Uint32())
		}
		return data
	})
}

func rewrite(fs vfs.FS, name string, change func([]byte) []byte) error {
	data, err := readFile(fs, name)
	if err != nil {
		return err
	}
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(change(data)); err != nil && err != io.ErrShortWrite {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}
