package queue

// group is the messages of a FIFO queue with one group id, as far as they are in memory, in sequence order.
type group struct {
	id         string
	head, tail *entry
	turn       turn[group]
}

// groups is the order of delivery of a FIFO queue: a message can be delivered when it is visible and no earlier
// one of its group is in flight or delayed. Groups with such a message take turns.
type groups struct {
	byID  map[string]*group
	turns ring[group]
}

func newGroups() *groups { return &groups{byID: make(map[string]*group)} }

func (gs *groups) attach(e *entry, groupID string) {
	g := gs.byID[groupID]
	if g == nil {
		g = &group{id: groupID}
		g.turn.owner = g
		gs.byID[groupID] = g
	}
	e.group = g
	before := g.tail
	for before != nil && before.seq > e.seq {
		before = before.prev
	}
	e.prev = before
	if before == nil {
		e.next, g.head = g.head, e
	} else {
		e.next, before.next = before.next, e
	}
	if e.next == nil {
		g.tail = e
	} else {
		e.next.prev = e
	}
}

func (gs *groups) detach(e *entry) {
	g := e.group
	if e.prev == nil {
		g.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		g.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
	if g.head == nil {
		g.turn.leave()
		delete(gs.byID, g.id)
		return
	}
	gs.update(g)
}

// next returns the group's first message that is not on its way to another queue.
func (g *group) next() *entry {
	e := g.head
	for e != nil && e.phase == phaseLeaving {
		e = e.next
	}
	return e
}

// update gives the group a turn behind those that wait, or takes it away, as its head demands.
func (gs *groups) update(g *group) {
	e := g.next()
	switch {
	case e == nil || e.phase != phaseVisible:
		g.turn.leave()
	case g.turn.in != nil:
	default:
		gs.turns.pushBack(&g.turn)
	}
}

func (gs *groups) show(e *entry) { gs.update(e.group) }

func (gs *groups) hide(e *entry) { gs.update(e.group) }

func (gs *groups) flight(*entry, int) {}

func (gs *groups) deliverable() bool { return gs.turns.size > 0 }

func (gs *groups) blocked() int { return len(gs.byID) - gs.turns.size }

// pick gives up to n deliverable entries to take: as many as possible of one group, then of the next.
func (gs *groups) pick(n int, take func(*entry) bool) {
	var served []*group
	for n > 0 {
		g := gs.turns.first()
		if g == nil {
			break
		}
		g.turn.leave()
		served = append(served, g)
		for e := g.next(); e != nil && n > 0; {
			following := e.next
			if e.phase == phaseLeaving {
				e = following
				continue
			}
			if e.phase != phaseVisible {
				break
			}
			if take(e) {
				n--
			}
			e = following
		}
	}
	for _, g := range served {
		if gs.byID[g.id] == g {
			gs.update(g)
		}
	}
}

// oldest returns the deliverable entry that was sent first, nil when there is none.
func (gs *groups) oldest() *entry {
	var found *entry
	for t := gs.turns.front; t != nil; t = t.next {
		if e := t.owner.next(); found == nil || e.seq < found.seq {
			found = e
		}
	}
	return found
}

func (gs *groups) light(string) bool { return false }
