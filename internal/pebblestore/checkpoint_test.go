package pebblestore

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/queue"
)

func TestCheckpointWhileServing(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"in memory": vfs.NewMem(), "on disk": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			opts := Options{FS: fs, MemTableBytes: 128 << 10, Ballast: -1}
			s := openTest(t, dir+"/data", opts)
			var stop atomic.Bool
			var durable atomic.Uint64
			var wg sync.WaitGroup
			wg.Go(func() {
				done := make(chan error)
				for seq := queue.Seq(1); !stop.Load(); seq++ {
					s.Commit(put(seq), func(err error) { done <- err })
					if err := <-done; err != nil {
						t.Error(err)
						return
					}
					durable.Store(uint64(seq))
				}
			})
			defer wg.Wait()
			defer stop.Store(true)
			for i := range 10 {
				copied := dir + "/copy" + string(rune('0'+i))
				least := durable.Load()
				if err := s.Checkpoint(copied); err != nil {
					t.Fatal(err)
				}
				most := durable.Load() + 1
				c := openTest(t, copied, opts)
				var last queue.Seq
				err := c.Scan(1, 0, queue.Seq(most+1000), func(seq queue.Seq, _, _ []byte) bool {
					if seq != last+1 {
						t.Errorf("checkpoint %d: message %d follows %d", i, seq, last)
					}
					last = seq
					return true
				})
				if err != nil || uint64(last) < least || uint64(last) > most {
					t.Errorf("checkpoint %d: %d messages, error %v; %d were there before and %d after", i, last, err, least, most)
				}
				commitAll(t, c, put(last+1)) // it is a store of its own
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestCheckpointRefusesAnExistingFolder(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, "data", Options{FS: mem})
	writeText(t, mem, "letter.txt", "Dear")
	for _, dir := range []string{"data", "letter.txt"} {
		if err := s.Checkpoint(dir); err == nil || !strings.Contains(err.Error(), dir+" exists already") {
			t.Errorf("checkpoint to %s: got error %v", dir, err)
		}
	}
	if text, err := readFile(mem, "letter.txt"); err != nil || string(text) != "Dear" {
		t.Errorf("the file in the way: got %q, error %v", text, err)
	}
}

func TestMetrics(t *testing.T) {
	s := openTest(t, "data", Options{FS: vfs.NewMem(), MemTableBytes: mib})
	fillTables(t, s)
	m := s.Metrics()
	if m.Commits != 20 || m.Changes != 200 || m.DiskBytes < 100_000 || m.Flushes == 0 || m.FreeBytes != -1 ||
		m.WaitingBytes != 0 || m.MemTableBytes == 0 || m.Recovery <= 0 {
		t.Errorf("metrics after 20 commits of 10 changes and a flush: got %+v", m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if m := s.Metrics(); m.Commits != 20 {
		t.Errorf("metrics after Close: got %+v", m)
	}
}
