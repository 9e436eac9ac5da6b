package queue

// agenda is the queues that time alone will change, by their next deadline.
type agenda struct {
	items []*queue
}

func (a *agenda) first() *queue {
	if len(a.items) == 0 {
		return nil
	}
	return a.items[0]
}

// plan sets q's next deadline; never takes it out.
func (a *agenda) plan(q *queue, at Millis) {
	if q.plan < 0 {
		if at == never {
			return
		}
		q.plan = len(a.items)
		a.items = append(a.items, q)
	} else if q.planned == at {
		return
	}
	q.planned = at
	if at == never {
		a.remove(q)
		return
	}
	if !a.down(q.plan) {
		a.up(q.plan)
	}
}

func (a *agenda) remove(q *queue) {
	i, last := q.plan, len(a.items)-1
	if i < 0 {
		return
	}
	a.swap(i, last)
	a.items[last] = nil
	a.items = a.items[:last]
	q.plan, q.planned = -1, never
	if i < last && !a.down(i) {
		a.up(i)
	}
}

func (a *agenda) swap(i, j int) {
	a.items[i], a.items[j] = a.items[j], a.items[i]
	a.items[i].plan, a.items[j].plan = i, j
}

func (a *agenda) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if a.items[parent].planned <= a.items[i].planned {
			return
		}
		a.swap(i, parent)
		i = parent
	}
}

func (a *agenda) down(i int) (moved bool) {
	for {
		child := 2*i + 1
		if child >= len(a.items) {
			return moved
		}
		if right := child + 1; right < len(a.items) && a.items[right].planned < a.items[child].planned {
			child = right
		}
		if a.items[i].planned <= a.items[child].planned {
			return moved
		}
		a.swap(i, child)
		i, moved = child, true
	}
}
