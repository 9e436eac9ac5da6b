package pebblestore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/queue"
)

// fillTables commits messages until there are tables.
func fillTables(t *testing.T, s *Store) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 20 {
		b := new(broker.Batch)
		for j := range 10 {
			b.PutMessage(1, queue.Seq(10*i+j+1), []byte("header"), randomText(rng, 1000))
		}
		commitAll(t, s, b)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsEveryDamage(t *testing.T) {
	mem := crashfs.New()
	s := openTest(t, "data", Options{FS: mem, MemTableBytes: mib})
	fillTables(t, s)
	report, err := s.Verify(t.Context())
	if err != nil || report.Tables == 0 || report.Bytes < 100_000 || len(report.Damaged) > 0 {
		t.Fatalf("verify of a sound store: got %+v, error %v", report, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		var at int
		tables := filesOf(t, clone, "table")
		table := tables[len(tables)-1]
		err := rewrite(clone, table, func(data []byte) []byte {
			at = rng.IntN(len(data) - 1000) // the end holds properties, which Open may read
			data[at] ^= 1 << rng.IntN(8)
			return data
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open("data", Options{FS: clone, ReadOnly: true, MemTableBytes: mib, Fatal: func(error) {}})
		if err != nil {
			continue // found even earlier
		}
		report, err := s.Verify(t.Context())
		if err != nil || len(report.Damaged) != 1 || !strings.Contains(report.Damaged[0], table) {
			t.Errorf("bit of byte %d of %s flipped: got %+v, error %v", at, table, report, err)
		}
		_ = s.Close() // the failure, if Pebble has reported it too
	}
}

func TestVerifyStopsWithItsContext(t *testing.T) {
	s := openTest(t, "data", Options{FS: vfs.NewMem(), MemTableBytes: mib})
	fillTables(t, s)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := s.Verify(ctx); !errors.Is(err, stop) {
		t.Errorf("verify with an ended context: got error %v, want its cause", err)
	}
}

func TestScrub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		fatal := make(chan error, 1)
		opts := Options{FS: mem, MemTableBytes: mib, ScrubEvery: time.Hour, ScrubRate: 100 << 10, Fatal: func(err error) { fatal <- err }}
		s := openTest(t, "data", opts)
		fillTables(t, s)
		time.Sleep(40 * time.Minute)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// The time counts on over a restart.
		s, err := Open("data", opts)
		if err != nil {
			t.Fatal(err)
		}
		first, err := readFile(mem, "data/scrubbed")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Minute)
		synctest.Wait()
		second, err := readFile(mem, "data/scrubbed")
		if err != nil || string(second) == string(first) {
			t.Fatalf("65 minutes after the start, with a scrub each hour: last scrub %q, at first %q, error %v", second, first, err)
		}
		// Damage is found by the next one, and the file stays as it is.
		tables := filesOf(t, mem, "table")
		table := tables[len(tables)-1]
		damage := func(data []byte) []byte {
			data[len(data)/2] ^= 1
			return data
		}
		if err := rewrite(mem, table, damage); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		select {
		case err := <-fatal:
			if !strings.Contains(err.Error(), table) {
				t.Errorf("the scrub's error: got %v, want one that names %s", err, table)
			}
		default:
			t.Error("two hours after a bit was flipped no scrub has found it")
		}
		if err := s.Close(); err == nil {
			t.Error("close of a damaged store: no error")
		}
		if err := s.db.Close(); err != nil {
			t.Log(err) // only so that the bubble ends
		}
	})
}
