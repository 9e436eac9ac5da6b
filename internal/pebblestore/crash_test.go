package pebblestore

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/queue"
)

var (
	torturePoints = flag.Int("torture.points", 300, "crash points, and damages of each kind, that are tried")
	tortureSeed   = flag.Uint64("torture.seed", 1, "seed of the first crash run")
)

// pointsPerRun is how many crashes one store sees before a new one begins.
const pointsPerRun = 50

func TestPowerCuts(t *testing.T) {
	for run := range (*torturePoints + pointsPerRun - 1) / pointsPerRun {
		seed := *tortureSeed + uint64(run)
		points := min(pointsPerRun, *torturePoints-run*pointsPerRun)
		mem := crashfs.New()
		if err := torture(t, mem, mem, seed, points); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// TestPowerCutsControl lets the log's syncs lie. Unless that is noticed, the test above proves nothing.
func TestPowerCutsControl(t *testing.T) {
	mem := crashfs.New()
	err := torture(t, mem, lyingFS{mem}, *tortureSeed, pointsPerRun)
	if err == nil {
		t.Errorf("%d power cuts without one sync of the log went unnoticed", pointsPerRun)
	}
}

// torture commits random batches to a store on fs and cuts the power again and again. mem is where the data of
// fs really is. What a cut leaves must open, and hold the first batches up to some number, whole, at least
// those that were acknowledged before the cut.
func torture(t *testing.T, mem *crashfs.FS, fs vfs.FS, seed uint64, points int) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	opts := Options{FS: fs, MemTableBytes: 128 << 10, Fatal: func(err error) { t.Errorf("the store has failed: %v", err) }}
	s := openTest(t, "data", opts)
	var next [modelQueues + 1]queue.Seq
	var batches [][]byte
	var durable atomic.Int64 // batches that are acknowledged and not lazy, or before such a one
	var wg sync.WaitGroup
	defer wg.Wait()
	for range points {
		for range rng.IntN(20) {
			b := randomBatch(rng, len(batches), &next)
			lazy := b.Lazy
			batches = append(batches, append([]byte(nil), b.Bytes()...))
			count := int64(len(batches))
			wg.Add(1)
			s.Commit(b, func(err error) {
				if err != nil {
					t.Errorf("commit: %v", err)
				}
				if !lazy {
					durable.Store(count)
				}
				wg.Done()
			})
		}
		if rng.IntN(2) == 0 {
			wg.Wait()
		}
		least := int(durable.Load())
		crashed := mem.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: rng.IntN(5) * 25,
			RNG:                 rng,
		})
		if err := checkCrashed(crashed, opts, batches, least); err != nil {
			return err
		}
	}
	return nil
}

// checkCrashed opens what a power cut has left and compares.
func checkCrashed(fs vfs.FS, opts Options, batches [][]byte, least int) (err error) {
	opts.FS = fs
	s, err := Open("data", opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	reached := int(s.commits.reached.commits)
	if reached < least || reached > len(batches) {
		return fmt.Errorf("%d batches are there, %d were acknowledged, %d were given", reached, least, len(batches))
	}
	want := newModel()
	for _, b := range batches[:reached] {
		if err := broker.Apply(b, want); err != nil {
			return err
		}
	}
	got, err := contents(s)
	if err != nil {
		return err
	}
	if diff := difference(got, want.lines()); diff != "" {
		return fmt.Errorf("after %d batches:\n%s", reached, diff)
	}
	return nil
}

// lyingFS says that a log is synced when it is not.
type lyingFS struct{ vfs.FS }

func (f lyingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return lie(name, file), err
}

func (f lyingFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, category)
	return lie(name, file), err
}

func lie(name string, file vfs.File) vfs.File {
	if file == nil || kindOf(name) != "log" {
		return file
	}
	return lyingFile{file}
}

type lyingFile struct{ vfs.File }

func (lyingFile) Sync() error                { return nil }
func (lyingFile) SyncData() error            { return nil }
func (lyingFile) SyncTo(int64) (bool, error) { return true, nil }
