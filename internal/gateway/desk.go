package gateway

import (
	"sync"

	"github.com/forebay-mq/forebay/queued"
)

// desk is where those who wait for replies are found. It is safe for concurrent use.
type desk struct {
	mu    sync.Mutex
	seats map[ID][]*seat
	held  map[ID]bool // replies that were handed over, and not settled yet
	given recent      // ids of replies that clients have taken, without their being stored
}

// seat is one client that waits for one reply.
type seat struct {
	desk   *desk
	id     ID
	direct bool          // may be handed a reply that is not stored
	reply  chan delivery // buffered: one reply; written by the desk, with mu held
	look   chan struct{} // buffered: something new is in the store
}

// delivery is a whole reply that exists nowhere but in its queue. Whoever gets it must call settle once: true when the
// client has it.
type delivery struct {
	reply  *queued.Reply
	settle func(written bool)
}

func newDesk() *desk {
	return &desk{seats: make(map[ID][]*seat), held: make(map[ID]bool)}
}

// sit begins to wait for a reply. Whoever sits must leave.
func (d *desk) sit(id ID, direct bool) *seat {
	s := &seat{desk: d, id: id, direct: direct, reply: make(chan delivery, 1), look: make(chan struct{}, 1)}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seats[id] = append(d.seats[id], s)
	return s
}

// leave ends the wait. A reply that was handed over meanwhile is settled as not written. It may be called twice.
func (s *seat) leave() {
	s.stand()
	select {
	case got := <-s.reply:
		got.settle(false)
	default:
	}
}

// stand ends the wait, but leaves a reply that was handed over where it is.
func (s *seat) stand() {
	d := s.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.seats[s.id][:0]
	for _, other := range d.seats[s.id] {
		if other != s {
			left = append(left, other)
		}
	}
	if len(left) == 0 {
		delete(d.seats, s.id)
	} else {
		d.seats[s.id] = left
	}
}

// offer hands a whole reply to a client that waits for exactly that, and says whether there was one.
func (d *desk) offer(id ID, got delivery) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.seats[id] {
		if s.direct {
			s.direct = false
			d.held[id] = true
			s.reply <- got
			return true
		}
	}
	return false
}

// settled notes what became of a reply that was handed over.
func (d *desk) settled(id ID, written bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, id)
	if written {
		d.given.add(id)
	}
}

// knows says whether a client is being written the reply, or was a short while ago. What comes then comes twice.
func (d *desk) knows(id ID) (held, given bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held[id], d.given.ids[id]
}

// wake tells all who wait for the reply to look into the store.
func (d *desk) wake(id ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.seats[id] {
		select {
		case s.look <- struct{}{}:
		default:
		}
	}
}

// recentMax is how many ids a recent remembers.
const recentMax = 1 << 16

// recent remembers the last recentMax ids. Its zero value is empty.
type recent struct {
	ids  map[ID]bool
	ring []ID
	next int
}

func (r *recent) add(id ID) {
	if r.ids == nil {
		r.ids = make(map[ID]bool)
	}
	if len(r.ring) < recentMax {
		r.ring = append(r.ring, id)
	} else {
		delete(r.ids, r.ring[r.next])
		r.ring[r.next] = id
		r.next = (r.next + 1) % recentMax
	}
	r.ids[id] = true
}
