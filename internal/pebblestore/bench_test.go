package pebblestore

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// benchHeader is about as long as the header of a plain message.
var benchHeader = make([]byte, 80)

// BenchmarkCommit commits 1 KiB messages from 64 callers, each waiting for its own batch, to a store on disk.
func BenchmarkCommit(b *testing.B) {
	for _, each := range []int{1, 10} {
		b.Run(fmt.Sprintf("1KiB/callers=64/batch=%d", each), func(b *testing.B) {
			s := openTest(b, b.TempDir(), Options{MemTableBytes: memTableBytes, Ballast: -1})
			body := make([]byte, 1024)
			var next atomic.Uint64
			b.SetBytes(int64(each * len(body)))
			b.ReportAllocs()
			// The callers share the iterations out; b.Loop cannot be shared.
			tickets := make(chan struct{}, 64)
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					done := make(chan error)
					batch := new(broker.Batch)
					for range tickets {
						batch.Reset()
						for range each {
							batch.PutMessage(1, queue.Seq(next.Add(1)), benchHeader, body)
						}
						s.Commit(batch, func(err error) { done <- err })
						if err := <-done; err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				tickets <- struct{}{}
			}
			close(tickets)
			wg.Wait()
			b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkLife takes 1 KiB messages through put, state and drop, as a healthy queue does, and reports how many
// bytes reach the disk for each byte of body.
func BenchmarkLife(b *testing.B) {
	dir := b.TempDir()
	s := openTest(b, dir, Options{MemTableBytes: memTableBytes, Ballast: -1})
	body := make([]byte, 1024)
	state := make([]byte, 32)
	const group, behind = 64, 1024 // messages of a batch, and between a put and its drop
	seq := queue.Seq(0)
	done := make(chan error)
	batch := new(broker.Batch)
	for b.Loop() {
		batch.Reset()
		for range group {
			seq++
			batch.PutMessage(1, seq, benchHeader, body)
			if seq > behind {
				batch.PutState(1, seq-behind/2, state)
				batch.DropMessage(1, seq-behind)
			}
		}
		s.Commit(batch, func(err error) { done <- err })
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	m := s.db.Metrics()
	written := m.WAL.BytesWritten
	for _, level := range m.Levels {
		written += level.TableBytesFlushed + level.TableBytesCompacted
	}
	b.ReportMetric(float64(written)/float64(uint64(seq)*1024), "written/byte")
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkScan visits a window of 1,000 messages in the middle of 100,000.
func BenchmarkScan(b *testing.B) {
	s := openTest(b, b.TempDir(), Options{MemTableBytes: 8 << 20, Ballast: -1})
	body := make([]byte, 1024)
	done := make(chan error)
	for i := range queue.Seq(100) {
		batch := new(broker.Batch)
		for j := range queue.Seq(1000) {
			batch.PutMessage(1, i*1000+j+1, benchHeader, body)
		}
		s.Commit(batch, func(err error) { done <- err })
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		visits := 0
		err := s.Scan(1, 50_000, 51_000, func(queue.Seq, []byte, []byte) bool { visits++; return true })
		if err != nil || visits != 1000 {
			b.Fatalf("%d visits, error %v", visits, err)
		}
	}
}

// BenchmarkOpen opens a store whose last process was killed with 32 MiB in its log.
func BenchmarkOpen(b *testing.B) {
	source := b.TempDir()
	s := openTest(b, source, Options{MemTableBytes: memTableBytes, Ballast: -1})
	done := make(chan error)
	for i := range queue.Seq(32) {
		batch := new(broker.Batch)
		for j := range queue.Seq(1000) {
			batch.PutMessage(1, i*1000+j+1, benchHeader, make([]byte, 1024))
		}
		s.Commit(batch, func(err error) { done <- err })
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		dir := filepath.Join(b.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		opened := openTest(b, dir, Options{MemTableBytes: memTableBytes, Ballast: -1})
		b.StopTimer()
		if err := opened.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
