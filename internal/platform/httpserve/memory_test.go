package httpserve

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

var (
	here  = netip.MustParseAddr("10.0.0.1")
	there = netip.MustParseAddr("10.0.0.2")
)

func TestBodiesAreReadWhole(t *testing.T) {
	m := NewMemory(MemoryOptions{All: 64 << 20})
	for _, size := range []int{1, FirstBytes - 1, FirstBytes, FirstBytes + 1, 16 << 10, 16<<10 + 1, smallBytes, smallBytes + 1, 100_000, 1 << 20, 3 << 20} {
		want := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for _, length := range []int64{int64(size), -1} {
			b := m.Body(here, Claimed)
			got, err := b.Read(iotest.HalfReader(bytes.NewReader(want)), length, 4<<20)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, announced as %d: got %d, %v", size, length, len(got), err)
			}
			if err := b.Prove(); err != nil || m.Used(Claimed) != 0 || size > FirstBytes && m.Used(Proved) < int64(size) {
				t.Errorf("%d bytes once their sender is known: %v, %d claimed and %d proved", size, err, m.Used(Claimed), m.Used(Proved))
			}
			b.Close()
			b.Close()
			if m.Used(Proved) != 0 || len(m.by) != 0 {
				t.Errorf("%d bytes: %d are used and %d addresses known after it", size, m.Used(Proved), len(m.by))
			}
		}
	}
}

func TestBodiesThatAreNotRead(t *testing.T) {
	for _, row := range []struct {
		name   string
		sent   int
		length int64
		want   error
	}{
		{"announced as too large", 0, 1001, ErrTooLarge},
		{"of unknown length and too large", 1001, -1, ErrTooLarge},
		{"cut short", 10, 20, io.ErrUnexpectedEOF},
		{"announced, and nothing comes", 0, 20, io.ErrUnexpectedEOF},
		{"as large as may be, announced", 1000, 1000, nil},
		{"as large as may be, of unknown length", 1000, -1, nil},
		{"of unknown length and empty", 0, -1, nil},
	} {
		m := NewMemory(MemoryOptions{All: 64 << 20})
		b := m.Body(here, Stranger)
		_, err := b.Read(strings.NewReader(strings.Repeat("x", row.sent)), row.length, 1000)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
		b.Close()
		if m.Used(Stranger) != 0 {
			t.Errorf("%s: %d bytes stay", row.name, m.Used(Stranger))
		}
	}
}

// opener opens bodies until one is refused.
func opener(m *Memory, from netip.Addr, trust Trust, sent int, length int64) (opened int) {
	for ; opened < 10_000; opened++ {
		b := m.Body(from, trust)
		_, err := b.Read(strings.NewReader(strings.Repeat("x", sent)), length, 8<<20)
		if errors.Is(err, ErrNoRoom) {
			b.Close()
			return opened
		}
	}
	return opened
}

func TestMemoryIsShared(t *testing.T) {
	options := MemoryOptions{All: 256 << 20}
	for _, row := range []struct {
		name string
		play func(m *Memory) int // how many bodies fit that count
		min  int
		max  int
	}{
		{"what was announced and has not come takes nothing", func(m *Memory) int { return opener(m, here, Claimed, 1, 8<<20) }, 10_000, 10_000},
		{"one address has half of what strangers have", func(m *Memory) int { return opener(m, here, Stranger, 1<<20, 1<<20) }, 8, 16},
		{"another address has the other half", func(m *Memory) int {
			opener(m, here, Stranger, 1<<20, 1<<20)
			return opener(m, there, Stranger, 1<<20, 1<<20)
		}, 8, 16},
		{"strangers take nothing of those who name a key", func(m *Memory) int {
			opener(m, here, Stranger, 1<<20, 1<<20)
			opener(m, there, Stranger, 1<<20, 1<<20)
			return opener(m, here, Claimed, 1<<20, 1<<20)
		}, 32, 48},
		{"small bodies have a reserve when large ones have all", func(m *Memory) int {
			opener(m, netip.Addr{}, Claimed, 1<<20, 1<<20)
			return opener(m, there, Claimed, 50_000, 50_000)
		}, 128, 10_000},
		{"many small bodies leave room for large ones of another address", func(m *Memory) int {
			opener(m, here, Claimed, 50_000, 50_000)
			return opener(m, there, Claimed, 1<<20, 1<<20)
		}, 16, 48},
		{"who has proved itself is bound by the whole alone", func(m *Memory) int { return opener(m, here, Proved, 1<<20, 1<<20) }, 200, 256},
	} {
		if got := row.play(NewMemory(options)); got < row.min || got > row.max {
			t.Errorf("%s: %d bodies, want %d to %d", row.name, got, row.min, row.max)
		}
	}
}
