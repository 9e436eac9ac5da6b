package queue

// The places an entry can have in the heaps of its queue.
const (
	slotReady = iota // deliverable, by sequence (standard queues)
	slotDue          // hidden, by the moment it shows
	slotAge          // everything in memory, by the moment it was sent; in one of two heaps
	slotLate         // what waits since later than that, and poison, by the moment since when; likewise
	slotFresh        // everything in memory without a stored state, by sequence
	slotCount
)

// heap is a binary min-heap of entries that can also lose one from its middle: each entry knows its place in
// each heap. Keys are kept beside the pointers, so that sifting does not touch the entries' memory.
type heap struct {
	slot  uint8
	items []heapItem
}

type heapItem struct {
	key int64
	e   *entry
}

func (h *heap) len() int { return len(h.items) }

// min returns the entry with the least key, nil when there is none.
func (h *heap) min() *entry {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0].e
}

// has tells whether e is in h. An entry is at most once in a heap of a slot.
func (h *heap) has(e *entry) bool { return e.place[h.slot] != 0 }

// holds tells whether e is in h, where it could also be in another heap of the same slot.
func (h *heap) holds(e *entry) bool {
	i := int(e.place[h.slot]) - 1
	return i >= 0 && i < len(h.items) && h.items[i].e == e
}

// push adds e, which must not be in h.
func (h *heap) push(e *entry, key int64) {
	h.items = append(h.items, heapItem{key, e})
	h.up(len(h.items) - 1)
}

// remove takes e out of h, if it is in it.
func (h *heap) remove(e *entry) {
	i := int(e.place[h.slot]) - 1
	if i < 0 {
		return
	}
	last := len(h.items) - 1
	moved := h.items[last]
	h.items[last] = heapItem{}
	h.items = h.items[:last]
	e.place[h.slot] = 0
	if i == last {
		return
	}
	h.items[i] = moved
	if !h.down(i) {
		h.up(i)
	}
}

func (h *heap) up(i int) {
	it := h.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if h.items[parent].key <= it.key {
			break
		}
		h.set(i, h.items[parent])
		i = parent
	}
	h.set(i, it)
}

// down sifts the item at i towards the leaves and tells whether it moved.
func (h *heap) down(i int) bool {
	it, start := h.items[i], i
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if right := child + 1; right < len(h.items) && h.items[right].key < h.items[child].key {
			child = right
		}
		if it.key <= h.items[child].key {
			break
		}
		h.set(i, h.items[child])
		i = child
	}
	h.set(i, it)
	return i != start
}

func (h *heap) set(i int, it heapItem) {
	h.items[i] = it
	it.e.place[h.slot] = int32(i + 1)
}
