package pebblestore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// A log on disk is longer than what is in it, and what a kill leaves of it opens with all that was acknowledged.
func TestALogIsLongerThanItsContents(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("logs are made longer on Linux only")
	}
	data := filepath.Join(t.TempDir(), "data")
	s := openTest(t, data, Options{MemTableBytes: 16 << 20, Ballast: -1, ScrubEvery: -1})
	body := make([]byte, 100<<10)
	for i := range body {
		body[i] = byte(i)
	}
	const messages = 50 // for several logs, as Pebble begins with small ones
	for seq := range queue.Seq(messages) {
		var b broker.Batch
		b.PutMessage(1, seq+1, nil, body)
		commitAll(t, s, &b)
		if length := logLength(t, data); length == 0 || length%aheadBytes != 0 {
			t.Fatalf("after %d messages the log has %d bytes, want a multiple of %d", seq+1, length, aheadBytes)
		}
	}
	killed := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(killed, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	after := openTest(t, killed, Options{MemTableBytes: 16 << 20, Ballast: -1, ScrubEvery: -1})
	for seq := range queue.Seq(messages) {
		if _, got, err := after.Read(1, seq+1); err != nil || !slices.Equal(got, body) {
			t.Errorf("message %d: %d bytes, %v", seq+1, len(got), err)
		}
	}
}

// logLength is the length of the newest log.
func logLength(t *testing.T, data string) int64 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(data, storeName, "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no logs, %v", err)
	}
	info, err := os.Stat(slices.Max(names))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// growing is a file that notes how it is made longer.
type growing struct {
	vfs.File
	asked [][2]int64
	most  int64 // at a time; 0: any
	err   error
}

func (g *growing) Lengthen(from, to int64) (int64, error) {
	g.asked = append(g.asked, [2]int64{from, to})
	if g.most > 0 {
		to = min(to, from+g.most)
	}
	return to, g.err
}

func TestLogsGrowWhenTheyAreFull(t *testing.T) {
	const step = aheadBytes
	for _, row := range []struct {
		name   string
		before int // bytes in the file, of another log
		file   growing
		writes []int
		want   [][2]int64
	}{
		{"a new one", 0, growing{}, []int{10, 10, step - 20, 1, step}, [][2]int64{{0, step}, {step, 2 * step}, {2 * step, 3 * step}}},
		{"a write of more than a step", 0, growing{}, []int{2*step + 5, 5}, [][2]int64{{0, 3 * step}}},
		{"one that is used again", 100, growing{}, []int{60, 40, 1}, [][2]int64{{100, step}}},
		{"one that grows by less than it should", 0, growing{most: 8}, []int{4, 4, 20, 4}, [][2]int64{{0, step}, {8, step}, {28, step}}},
		{"one that cannot grow", 0, growing{err: errors.ErrUnsupported}, []int{10, step, step}, [][2]int64{{0, step}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			mem := vfs.NewMem()
			f, err := mem.Create("log", vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(make([]byte, row.before), 0); err != nil {
				t.Fatal(err)
			}
			file := row.file
			file.File = f
			l := newLogFile(guardFile{File: &file})
			sum := int64(0)
			for _, n := range row.writes {
				if m, err := l.Write(make([]byte, n)); m != n || err != nil {
					t.Errorf("%d of %d bytes were written, %v", m, n, err)
				}
				sum += int64(n)
			}
			if !slices.Equal(file.asked, row.want) {
				t.Errorf("it was made longer from and to %v, want %v", file.asked, row.want)
			}
			if l.at != sum || l.length < sum {
				t.Errorf("at %d of %d, %d were written", l.at, l.length, sum)
			}
		})
	}
}

func TestALogInMemoryIsLeftAsItIs(t *testing.T) {
	f, err := vfs.NewMem().Create("log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	l := newLogFile(guardFile{File: f})
	if _, err := l.Write([]byte("record")); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 6 || l.growing != nil {
		t.Errorf("got %v bytes, %v, growing %v; want 6 and no growth", info.Size(), err, l.growing != nil)
	}
}

// ordered is a file on disk that checks that a record is written over zeros that were synced.
type ordered struct {
	vfs.File
	t      *testing.T
	mu     sync.Mutex
	zeros  int64 // written up to there
	synced int64 // zeros synced up to there
	at     int64
}

func (o *ordered) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at += int64(len(p))
	if o.at > o.synced {
		o.t.Errorf("a record ends at %d, and zeros are synced up to %d", o.at, o.synced)
	}
	return o.File.Write(p)
}

func (o *ordered) WriteAt(p []byte, at int64) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at != o.zeros || at < o.at || bytes.ContainsFunc(p, func(r rune) bool { return r != 0 }) {
		o.t.Errorf("%d bytes were written at %d: want zeros at %d, behind the records, which end at %d", len(p), at, o.zeros, o.at)
	}
	o.zeros = at + int64(len(p))
	return o.File.WriteAt(p, at)
}

func (o *ordered) SyncData() error {
	o.mu.Lock()
	before := o.zeros
	o.mu.Unlock()
	err := o.File.SyncData()
	o.mu.Lock()
	o.synced = max(o.synced, before)
	o.mu.Unlock()
	return err
}

func TestRecordsAreWrittenOverSyncedZeros(t *testing.T) {
	name := filepath.Join(t.TempDir(), "1.log")
	f, err := vfs.Default.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	o := &ordered{File: f, t: t}
	l := newLogFile(guardFile{o, guardFS{failure: newFailure()}, name})
	for _, n := range []int{100, 4096, aheadRest, aheadBytes, 7, 3*aheadBytes + 1, aheadRest, aheadRest, aheadRest, 1} {
		if m, err := l.Write(bytes.Repeat([]byte{1}, n)); m != n || err != nil {
			t.Fatalf("write %d bytes: %d, %v", n, m, err)
		}
		if err := l.SyncData(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Size()%aheadBytes != 0 || info.Size() < o.at {
		t.Errorf("the log has %d bytes for %d, %v; want whole steps", info.Size(), o.at, err)
	}
}
