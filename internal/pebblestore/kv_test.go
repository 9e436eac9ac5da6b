package pebblestore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
)

func openTestKV(t *testing.T, fs vfs.FS, acceptLoss bool) *KV {
	t.Helper()
	k, err := OpenKV("state/kv", KVOptions{Title: "things", FS: fs, AcceptLoss: acceptLoss, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return k
}

func mustSet(t *testing.T, k *KV, key string, durable bool) {
	t.Helper()
	b := k.NewBatch()
	b.Set([]byte(key), []byte("value of "+key))
	if err := k.Commit(b, durable); err != nil {
		t.Fatal(err)
	}
}

func keysOf(t *testing.T, k *KV) string {
	t.Helper()
	var keys []string
	err := k.Scan([]byte("a"), []byte("z"), func(key, value []byte) bool {
		if string(value) != "value of "+string(key) {
			t.Errorf("%s has the value %q", key, value)
		}
		keys = append(keys, string(key))
		return true
	})
	if err != nil {
		t.Error(err)
	}
	return strings.Join(keys, " ")
}

func TestKVKeepsWhatWasDurableThroughAPowerCut(t *testing.T) {
	mem := crashfs.New()
	k := openTestKV(t, mem, false)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { mustSet(t, k, fmt.Sprintf("k%02d", i), i%2 == 0) })
	}
	all.Wait()
	mustSet(t, k, "last", true)
	cut := mem.CrashClone(vfs.CrashCloneCfg{})
	mustSet(t, k, "unsynced", false)
	if got := len(strings.Fields(keysOf(t, openTestKV(t, cut, false)))); got != 51 {
		t.Errorf("%d keys are left, want 51: a durable commit takes those before it along", got)
	}
}

func TestKVIsRefusedBehindItsWitness(t *testing.T) {
	mem := crashfs.New()
	k := openTestKV(t, mem, false)
	mustSet(t, k, "one", true)
	older := mem.CrashClone(vfs.CrashCloneCfg{})
	mustSet(t, k, "two", true)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mem.RemoveAll("state/kv"); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(older, mem, "state/kv", "state/kv"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	_, err := OpenKV("state/kv", KVOptions{Title: "things", FS: mem})
	if want := "1 acknowledged commits are missing"; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "things: ") {
		t.Errorf("got %v, want an error of the things with %q", err, want)
	}
	if got := keysOf(t, openTestKV(t, mem, true)); got != "one" {
		t.Errorf("with accepted loss the keys are %q, want one", got)
	}
}

func TestKVTakesADatabaseThatWasMadeWithoutAWitness(t *testing.T) {
	mem := crashfs.New()
	db, err := pebble.Open("state/kv", &pebble.Options{FS: mem, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(mem.MkdirAll("state", 0o700), db.Set([]byte("old"), []byte("value of old"), pebble.Sync), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	k := openTestKV(t, mem, false)
	mustSet(t, k, "new", true)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = openTestKV(t, mem, false)
	if got := keysOf(t, k); got != "new old" {
		t.Errorf("the keys are %q, want new and old", got)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mem.Remove("state/kv" + witnessSuffix); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKV("state/kv", KVOptions{Title: "things", FS: mem}); err == nil || !strings.Contains(err.Error(), "witness is missing") {
		t.Errorf("got %v, want an error about the missing witness", err)
	}
}

func TestKVRefusesToBeUsedAfterItsEnd(t *testing.T) {
	k := openTestKV(t, crashfs.New(), false)
	b := k.NewBatch()
	b.Set([]byte("k"), nil)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, getErr := k.Get([]byte("k"))
	scanErr := k.Scan(nil, nil, func(_, _ []byte) bool { return true })
	for _, err := range []error{getErr, scanErr, k.Commit(b, true), k.Close()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	}
}

func TestKVThatFailsSaysSoToAllWhoWait(t *testing.T) {
	mem := crashfs.New()
	failed := make(chan error, 1)
	k, err := OpenKV("state/kv", KVOptions{Title: "things", FS: mem, Fatal: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	k.failure.fail(errors.New("the disk has gone"))
	b := k.NewBatch()
	b.Set([]byte("k"), nil)
	if err := k.Commit(b, true); err == nil || !strings.Contains(err.Error(), "the disk has gone") {
		t.Errorf("got %v, want the failure", err)
	}
	select {
	case <-failed:
	case <-time.After(time.Minute):
		t.Error("the process is not ended")
	}
	if err := k.Close(); err == nil {
		t.Errorf("a store that has failed is closed as if nothing had happened")
	}
}
