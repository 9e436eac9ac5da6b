package pebblestore

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

func TestAFileWithoutAWayToGrowIsLeftAsItIs(t *testing.T) {
	f, err := vfs.NewMem().Create("log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if length, err := lengthen(f, 0, 100); length != math.MaxInt64 || err != nil {
		t.Errorf("got %d, %v; want one that grows no more", length, err)
	}
}
