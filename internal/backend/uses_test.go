package backend

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func openUsesIn(t *testing.T, fs vfs.FS, max int64) *Uses {
	t.Helper()
	u, err := OpenUses("state/q", UsesOptions{FS: fs, Max: max, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustUse(t *testing.T, u *Uses, request, message string, until time.Time, want bool) {
	t.Helper()
	if got, err := u.Use(request, message, until); got != want || err != nil {
		t.Errorf("request %s by message %s: got %v, %v, want %v", request, message, got, err, want)
	}
}

func TestUsesSurvivePowerCutsAndEndWithTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		until := time.Now().Add(15 * time.Minute)
		u := openUsesIn(t, mem, 0)
		mustUse(t, u, "r1", "m1", until, true)
		mustUse(t, u, "r1", "m2", until, false)
		mustUse(t, u, "r1", "m1", until, true) // a redelivery
		mustUse(t, u, "r2", "m2", until, true)
		cut := mem.CrashClone(vfs.CrashCloneCfg{}) // nothing that was not synced is there
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}

		u = openUsesIn(t, cut, 0)
		mustUse(t, u, "r1", "m2", until, false)
		mustUse(t, u, "r1", "m1", until, true)
		if err := u.Forget("r2"); err != nil {
			t.Fatal(err)
		}
		mustUse(t, u, "r2", "m3", until, true)
		time.Sleep(16 * time.Minute)
		synctest.Wait()
		if n := u.count.Load(); n != 0 {
			t.Errorf("%d requests are remembered after their time", n)
		}
		mustUse(t, u, "r1", "m2", time.Now().Add(time.Minute), true)
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestUsesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := openUsesIn(t, vfs.NewMem(), 2)
		until := time.Now().Add(time.Minute)
		mustUse(t, u, "r1", "m1", until, true)
		mustUse(t, u, "r2", "m2", until, true)
		if _, err := u.Use("r3", "m3", until); !errors.Is(err, ErrUsesFull) {
			t.Errorf("a third of two: got %v, want %v", err, ErrUsesFull)
		}
		mustUse(t, u, "r2", "m2", until, true)
		time.Sleep(3 * time.Minute)
		mustUse(t, u, "r3", "m3", time.Now().Add(time.Minute), true)
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOfManyMessagesWithARequestOneUsesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := openUsesIn(t, vfs.NewMem(), 0)
		until := time.Now().Add(time.Minute)
		var used atomic.Int32
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				ours, err := u.Use(fmt.Sprint(i%5), fmt.Sprint(i), until)
				if err != nil {
					t.Error(err)
				}
				if ours {
					used.Add(1)
				}
			})
		}
		all.Wait()
		if got := used.Load(); got != 5 {
			t.Errorf("%d messages use 5 requests", got)
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestForgottenUsesAreNoticed flips bits in the log, and takes it away.
func TestForgottenUsesAreNoticed(t *testing.T) {
	var source *vfs.MemFS
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		u := openUsesIn(t, mem, 0)
		for i := range 20 {
			mustUse(t, u, fmt.Sprint("r", i), "m", time.Now().Add(1<<30*time.Second), true)
		}
		time.Sleep(time.Second) // for the witness
		source = mem.CrashClone(vfs.CrashCloneCfg{})
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	})
	for i := range 50 {
		rng := rand.New(rand.NewPCG(uint64(i), 0))
		fs := source.CrashClone(vfs.CrashCloneCfg{})
		names, err := fs.List("state/q")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".log") {
				flipIn(t, rng, fs, "state/q/"+name)
			}
		}
		u, err := OpenUses("state/q", UsesOptions{FS: fs})
		if err != nil {
			continue
		}
		for i := range 20 {
			mustUse(t, u, fmt.Sprint("r", i), "another", time.Now(), false)
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	}
}

func flipIn(t *testing.T, rng *rand.Rand, fs vfs.FS, name string) {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil || len(data) == 0 {
		return
	}
	data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	f, err = fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
