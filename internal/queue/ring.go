package queue

// ring is a list of members that take turns. The zero value is empty. A member is in at most one ring.
type ring[T any] struct {
	front, back *turn[T]
	size        int
}

// turn is a member's place in a ring, embedded in the member.
type turn[T any] struct {
	owner      *T
	in         *ring[T]
	prev, next *turn[T]
}

// first returns the member whose turn it is, nil when the ring is empty.
func (r *ring[T]) first() *T {
	if r.front == nil {
		return nil
	}
	return r.front.owner
}

// pushBack puts t at the end of the ring, taking it out of the ring it is in.
func (r *ring[T]) pushBack(t *turn[T]) {
	t.leave()
	t.in, t.prev = r, r.back
	if r.back != nil {
		r.back.next = t
	} else {
		r.front = t
	}
	r.back = t
	r.size++
}

// leave takes t out of its ring, if it is in one.
func (t *turn[T]) leave() {
	r := t.in
	if r == nil {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		r.front = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		r.back = t.prev
	}
	t.in, t.prev, t.next = nil, nil, nil
	r.size--
}

// fifo is a growing circular buffer. The zero value is empty.
type fifo[T any] struct {
	items []T
	head  int
	size  int
}

func (f *fifo[T]) push(v T) {
	if f.size == len(f.items) {
		grown := make([]T, max(16, 2*f.size))
		for i := range f.size {
			grown[i] = f.items[(f.head+i)%len(f.items)]
		}
		f.items, f.head = grown, 0
	}
	f.items[(f.head+f.size)%len(f.items)] = v
	f.size++
}

// peek returns the oldest value; it must not be called on an empty buffer.
func (f *fifo[T]) peek() *T { return &f.items[f.head] }

// pop removes and returns the oldest value; it must not be called on an empty buffer.
func (f *fifo[T]) pop() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	f.head = (f.head + 1) % len(f.items)
	f.size--
	if f.size == 0 && len(f.items) > 1024 {
		f.items, f.head = nil, 0
	}
	return v
}
