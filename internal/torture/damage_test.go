package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/queue"
)

// damages is how often each kind of harm is done.
const damages = 150

// TestDamagedFiles damages one file of a service that was stopped. The next start either refuses, or the service
// fails, or all that was acknowledged is there and nothing else: there is no silent loss.
func TestDamagedFiles(t *testing.T) {
	disk, done := stoppedDisk(t)
	for _, harm := range []struct {
		name string
		do   func(rng *rand.Rand, data []byte) []byte
	}{
		{"one bit flips", func(rng *rand.Rand, data []byte) []byte {
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
			return data
		}},
		{"the end is cut off", func(rng *rand.Rand, data []byte) []byte { return data[:rng.IntN(len(data))] }},
		{"the end is zeros", func(rng *rand.Rand, data []byte) []byte {
			clear(data[rng.IntN(len(data)):])
			return data
		}},
	} {
		t.Run(harm.name, func(t *testing.T) {
			served := 0
			for i := range damages {
				rng := rand.New(rand.NewPCG(uint64(i), 0))
				fs := disk.CrashClone(vfs.CrashCloneCfg{})
				file := damageOne(t, fs, func(data []byte) []byte { return harm.do(rng, data) }, rng)
				whole, err := serves(fs, done)
				if err != nil {
					t.Errorf("case %d, %s: %v", i, file, err)
				}
				if whole {
					served++
				}
			}
			t.Logf("%d of %d served everything, the others were refused", served, damages)
		})
	}
}

// stoppedDisk returns the disk of a service that has worked and stopped.
func stoppedDisk(t *testing.T) (*vfs.MemFS, *job) {
	mem := vfs.NewCrashableMem()
	s, err := open(mem, queue.Options{}, pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := &job{present: map[string]bool{}, ended: map[string]bool{}}
	for i := range 60 {
		if err := done.step(context.Background(), s, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return mem, done
}

// damageOne changes a file of the data folder that is not empty, and returns its name.
func damageOne(t *testing.T, fs vfs.FS, change func([]byte) []byte, rng *rand.Rand) string {
	var files []string
	for _, dir := range []string{"data", "data/store"} {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			info, err := fs.Stat(path.Join(dir, name))
			if err == nil && !info.IsDir() && info.Size() > 0 {
				files = append(files, path.Join(dir, name))
			}
		}
	}
	file := files[rng.IntN(len(files))]
	data, err := readAll(fs, file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(file, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(change(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func readAll(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// serves starts a service on a damaged disk. whole is true when it has everything; err is a loss in silence.
func serves(fs vfs.FS, done *job) (whole bool, err error) {
	s, err := open(fs, queue.Options{}, pebblestore.Options{})
	if err != nil {
		return false, nil
	}
	defer s.close()
	err = done.compare(s)
	select {
	case <-s.fatal:
		return false, nil // it does not stay silent
	default:
	}
	var e *queue.Error
	if errors.As(err, &e) && e.Code == queue.CodeInternal {
		return false, nil // refused when it was read
	}
	if err != nil {
		return false, fmt.Errorf("a loss in silence: %w", err)
	}
	return true, nil
}
