package httpserve

import (
	"errors"
	"io"
	"net/netip"
	"sync"
)

// Sizes of the buffers that a body is read into, in bytes. A buffer grows as bytes arrive: what a client announces
// costs nothing. The first one is part of what a connection costs and is not counted. Those up to smallBytes, which is
// also how large a small body may be, are used again.
const (
	FirstBytes = 4 << 10 // of a body, for which it needs no room of [Memory]
	smallBytes = 64 << 10
	// quickBytes is up to what size a buffer grows fourfold, and then twofold.
	quickBytes = 1 << 20
)

// sizes are those of the buffers that are used again.
var sizes = [...]int{FirstBytes, 16 << 10, smallBytes}

// reserveShare is the part of each amount that only small bodies may use: one in so many.
const reserveShare = 8

// Trust is how well the sender of a body is known.
type Trust int

// The kinds of senders.
const (
	Stranger Trust = iota // names no key that there is
	Claimed               // names a key that there is; whether rightly, only the whole body can show
	Proved                // has shown it
	trusts
)

// ErrNoRoom is returned for a body that does not fit into what bodies of its kind, or of its sender's address, may
// take at the moment.
var ErrNoRoom = errors.New("httpserve: too many bodies are being read")

// ErrTooLarge is returned for a body that is longer than any may be.
var ErrTooLarge = errors.New("httpserve: the body is too large")

// MemoryOptions are amounts of memory, in bytes. All is needed.
type MemoryOptions struct {
	All       int64 // for the bodies of proved senders
	Claimed   int64 // for those of claimed ones, half of it for one address. Zero: three eighths of All
	Strangers int64 // for those of strangers, half of it for one address. Zero: an eighth of All
}

// Memory is the memory that bodies of requests share. It refuses instead of waiting: a client told to come again costs
// nothing, one that waits holds a connection. It is made by [NewMemory], and safe for concurrent use.
type Memory struct {
	max   [trusts]int64
	rooms [len(sizes)]sync.Pool // of *[]byte

	mu   sync.Mutex
	used [trusts]int64
	by   map[netip.Addr]*[trusts]int64 // what addresses use
}

// NewMemory returns memory of which nothing is used.
func NewMemory(o MemoryOptions) *Memory {
	if o.Claimed == 0 {
		o.Claimed = o.All / 8 * 3
	}
	if o.Strangers == 0 {
		o.Strangers = o.All / 8
	}
	m := &Memory{max: [trusts]int64{o.Strangers, o.Claimed, o.All}, by: make(map[netip.Addr]*[trusts]int64)}
	for i, size := range sizes {
		m.rooms[i].New = func() any { b := make([]byte, size); return &b }
	}
	return m
}

// Used is how many bytes are used by the bodies of a kind of senders.
func (m *Memory) Used(t Trust) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used[t]
}

// take takes n bytes. A small body may have of the reserve.
func (m *Memory) take(from netip.Addr, t Trust, n int64, small bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	most := m.max[t]
	if !small {
		most -= most / reserveShare
	}
	if m.used[t]+n > most {
		return false
	}
	if from.IsValid() && t != Proved {
		by := m.by[from]
		if by == nil {
			by = new([trusts]int64)
			m.by[from] = by
		}
		if by[t]+n > most/2 {
			return false
		}
		by[t] += n
	}
	m.used[t] += n
	return true
}

// give gives n bytes back.
func (m *Memory) give(from netip.Addr, t Trust, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[t] -= n
	if by := m.by[from]; by != nil && t != Proved {
		if by[t] -= n; *by == ([trusts]int64{}) {
			delete(m.by, from)
		}
	}
}

// Body is the body of a request in memory. It is for one goroutine.
type Body struct {
	memory *Memory
	from   netip.Addr
	trust  Trust
	held   int64   // bytes taken
	lent   *[]byte // the buffer, if it is one that is used again
	class  int     // of its size
}

// Body begins a body that comes from an address. The zero address has no share, for it may be that of many. The
// caller must Close it.
func (m *Memory) Body(from netip.Addr, t Trust) Body {
	return Body{memory: m, from: client(from), trust: t}
}

// Read reads r to its end. length is how long that will be, negative when it is not known, and max how long it may be.
// What it returns is valid until Close. Besides the errors of r these are [ErrTooLarge] and [ErrNoRoom].
func (b *Body) Read(r io.Reader, length, max int64) ([]byte, error) {
	if length > max {
		return nil, ErrTooLarge
	}
	room := b.borrow(0)
	for {
		end := int64(cap(room))
		if length >= 0 {
			end = min(end, length)
		} else {
			end = min(end, max+1)
		}
		n, err := io.ReadFull(r, room[len(room):end])
		room = room[:len(room)+n]
		switch {
		case length < 0 && (err == io.EOF || err == io.ErrUnexpectedEOF && int64(len(room)) <= max):
			return room, nil
		case length < 0 && int64(len(room)) > max:
			return nil, ErrTooLarge
		case err == io.EOF && length > 0:
			return room, io.ErrUnexpectedEOF
		case err != nil || int64(len(room)) == length:
			return room, err
		}
		if room, err = b.grow(room, length); err != nil {
			return nil, err
		}
	}
}

// borrow returns a buffer of a size that is used again.
func (b *Body) borrow(class int) []byte {
	b.lent, b.class = b.memory.rooms[class].Get().(*[]byte), class
	return (*b.lent)[:0]
}

// giveBack gives the buffer to the next body.
func (b *Body) giveBack() {
	if b.lent != nil {
		b.memory.rooms[b.class].Put(b.lent)
		b.lent = nil
	}
}

// grow returns a larger buffer with what is in the full one.
func (b *Body) grow(full []byte, length int64) ([]byte, error) {
	had := int64(cap(full))
	size := 2 * had
	if had < quickBytes {
		size = 4 * had
	}
	if length > smallBytes {
		size = max(min(size, length), had+1)
	}
	if !b.memory.take(b.from, b.trust, size, length >= 0 && length <= smallBytes) {
		return nil, ErrNoRoom
	}
	b.held += size
	var room []byte
	if next := b.class + 1; b.lent != nil && next < len(sizes) {
		last := *b
		room = append(b.borrow(next), full...)
		last.giveBack()
	} else {
		room = append(make([]byte, 0, size), full...)
		b.giveBack()
	}
	if had > FirstBytes {
		b.held -= had
		b.memory.give(b.from, b.trust, had)
	}
	return room, nil
}

// Prove notes that the sender is who it claims to be. The body counts as a proved one's then, unless these have no room.
func (b *Body) Prove() error {
	if b.trust == Proved || b.held == 0 {
		b.trust = Proved
		return nil
	}
	if !b.memory.take(b.from, Proved, b.held, b.held <= smallBytes) {
		return ErrNoRoom
	}
	b.memory.give(b.from, b.trust, b.held)
	b.trust = Proved
	return nil
}

// Close gives the memory back. It may be called several times.
func (b *Body) Close() {
	if b.held > 0 {
		b.memory.give(b.from, b.trust, b.held)
		b.held = 0
	}
	b.giveBack()
}
