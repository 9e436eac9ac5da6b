package queue

// A standard queue is fair between its tenants, the values of MessageGroupId. A tenant that has much in
// flight and waiting is noisy, and its messages step back while quiet tenants have any.
const (
	noisyMin   = 30 // messages in flight or waiting below which a tenant is never noisy
	noisyShare = 10 // a noisy tenant has more than one part in so many of the queue's
	quietTurns = 15 // turns of quiet tenants after which a waiting noisy one gets one, so that none starves
)

// tenant is the messages of a standard queue with one group id. The tenant with the empty id holds the
// messages without one; each of those counts as a tenant of its own, so it is never noisy.
type tenant struct {
	id       string
	ready    heap
	inFlight int
	members  int // entries in memory, whatever their phase
	turn     turn[tenant]
}

// fair is the order of delivery of a standard queue.
type fair struct {
	tenants  map[string]*tenant
	quiet    ring[tenant] // tenants with ready messages, as they were last seen
	noisy    ring[tenant]
	ready    int // deliverable messages in memory
	inFlight int
	turns    int // of quiet tenants since a noisy one had one
}

func newFair() *fair { return &fair{tenants: make(map[string]*tenant)} }

func (f *fair) tenantOf(id string) *tenant {
	t := f.tenants[id]
	if t == nil {
		t = &tenant{id: id, ready: heap{slot: slotReady}}
		t.turn.owner = t
		f.tenants[id] = t
	}
	return t
}

func (f *fair) attach(e *entry, groupID string) {
	e.tenant = f.tenantOf(groupID)
	e.tenant.members++
}

func (f *fair) detach(e *entry) {
	f.hide(e)
	t := e.tenant
	if t.members--; t.members == 0 {
		t.turn.leave()
		delete(f.tenants, t.id)
	}
}

// show makes e deliverable. Where it stands follows from its sequence number.
func (f *fair) show(e *entry) {
	t := e.tenant
	if t.ready.has(e) {
		return
	}
	t.ready.push(e, int64(e.seq))
	f.ready++
	if t.turn.in == nil {
		f.quiet.pushBack(&t.turn)
	}
	if t.turn.in == &f.quiet && f.isNoisy(t) { // light wants to know before its turn comes
		f.noisy.pushBack(&t.turn)
	}
}

func (f *fair) hide(e *entry) {
	t := e.tenant
	if !t.ready.has(e) {
		return
	}
	t.ready.remove(e)
	f.ready--
	if t.ready.len() == 0 {
		t.turn.leave()
	}
}

func (f *fair) flight(e *entry, change int) {
	e.tenant.inFlight += change
	f.inFlight += change
}

func (f *fair) deliverable() bool { return f.ready > 0 }

func (f *fair) blocked() int { return 0 }

func (f *fair) isNoisy(t *tenant) bool {
	load := t.inFlight + t.ready.len()
	return t.id != "" && load >= noisyMin && load*noisyShare > f.inFlight+f.ready
}

// next returns the tenant whose turn it is, nil when nothing is ready.
func (f *fair) next() *tenant {
	var calmest *tenant
	for t := f.noisy.front; t != nil; {
		following := t.next
		if !f.isNoisy(t.owner) {
			f.quiet.pushBack(t)
		} else if calmest == nil || t.owner.inFlight < calmest.inFlight {
			calmest = t.owner
		}
		t = following
	}
	for t := f.quiet.first(); t != nil && f.isNoisy(t); t = f.quiet.first() {
		f.noisy.pushBack(&t.turn)
		if calmest == nil || t.inFlight < calmest.inFlight {
			calmest = t
		}
	}
	t := f.quiet.first()
	if t == nil || calmest != nil && f.turns >= quietTurns {
		f.turns = 0
		return calmest
	}
	f.turns++
	f.quiet.pushBack(&t.turn)
	return t
}

// pick gives up to n deliverable entries to take, one after the other. take hides each, or leaves it as it is,
// in which case it comes back after the others.
func (f *fair) pick(n int, take func(*entry) bool) {
	var again []*entry
	for n > 0 {
		t := f.next()
		if t == nil {
			break
		}
		e := t.ready.min()
		f.hide(e)
		if take(e) {
			n--
		}
		if e.phase == phaseVisible {
			again = append(again, e)
		}
	}
	for _, e := range again {
		f.show(e)
	}
}

// oldest returns the deliverable entry that was sent first, nil when there is none.
func (f *fair) oldest() *entry {
	var found *entry
	for _, r := range []*ring[tenant]{&f.quiet, &f.noisy} {
		for t := r.front; t != nil; t = t.next {
			if e := t.owner.ready.min(); found == nil || e.seq < found.seq {
				found = e
			}
		}
	}
	return found
}

// light tells whether a message of the group should come into memory although the window is full: the head of
// the backlog belongs to others. Messages without a group keep their order unless somebody makes noise. Beside a noisy
// tenant a group may bring in a part of what is there, so that no burst of a quiet one goes behind the noise.
func (f *fair) light(groupID string) bool {
	if groupID == "" && f.noisy.size == 0 {
		return false
	}
	t := f.tenants[groupID]
	return t == nil || t.ready.len() < noisyMin || f.noisy.size > 0 && t.ready.len()*noisyShare < f.ready
}
