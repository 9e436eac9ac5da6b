package broker

import (
	"container/heap"
	"container/list"
	"sync/atomic"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// shortWaitMax is how long a short poll waits for messages that are on their way from the store.
const shortWaitMax = 2 * time.Second

// waiter is a receive that waits. It costs no goroutine and no timer beyond those of its caller.
type waiter struct {
	request  *request
	received *queue.Received // the empty answer so far
	due      time.Time       // when it gets the empty answer
	place    *list.Element   // in its line
	index    int             // in waiters.due
}

// poll says whether it is a long poll; else it is a short one that waits for messages on their way.
func (w *waiter) poll() bool { return w.received.Wait > 0 }

// line is the waiters of one queue in arrival order.
type line struct {
	list.List
	short int // how many are no long polls
}

// waiters are all waiting receives. The owner uses it.
type waiters struct {
	max   int
	lines map[queue.ID]*line
	due   dueHeap
	polls *atomic.Int64 // how many are long polls, for others to read
}

func (ws *waiters) len() int { return len(ws.due) }

// first is the waiter whose time ends first. There must be one.
func (ws *waiters) first() *waiter { return ws.due[0] }

func (ws *waiters) add(w *waiter) {
	l := ws.lines[w.received.Queue]
	if l == nil {
		l = new(line)
		ws.lines[w.received.Queue] = l
	}
	w.place = l.PushBack(w)
	heap.Push(&ws.due, w)
	w.request.wait = w
	ws.count(l, w, 1)
}

func (ws *waiters) remove(w *waiter) {
	l := ws.lines[w.received.Queue]
	l.Remove(w.place)
	if l.Len() == 0 {
		delete(ws.lines, w.received.Queue)
	}
	heap.Remove(&ws.due, w.index)
	w.request.wait = nil
	ws.count(l, w, -1)
}

func (ws *waiters) count(l *line, w *waiter, n int) {
	if w.poll() {
		ws.polls.Add(int64(n))
	} else {
		l.short += n
	}
}

// byName counts the long polls of each queue.
func (ws *waiters) byName() map[string]int64 {
	counts := make(map[string]int64, len(ws.lines))
	for _, l := range ws.lines {
		w := l.Front().Value.(*waiter)
		counts[w.request.cmd.(*queue.Receive).In.Queue.Name] += int64(l.Len() - l.short)
	}
	return counts
}

// dueHeap orders waiters by the end of their time.
type dueHeap []*waiter

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push and Pop are for package heap.
func (h *dueHeap) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return w
}

// park lets a receive wait that has found nothing, if it is ready to and something may come.
func (o *owner) park(r *request, empty *queue.Received) {
	wait := empty.Wait
	if wait <= 0 && empty.Pending {
		wait = shortWaitMax
	}
	switch {
	case wait <= 0 || o.draining:
		o.answerEmpty(r, empty)
	case o.waiters.len() >= o.waiters.max:
		o.answer(r, nil, queue.Errorf(queue.CodeThrottled,
			"%d receives are waiting for messages on this server, which is its limit. Please try again later.", o.waiters.max))
	default:
		r.cmd.(*queue.Receive).Again = true
		o.waiters.add(&waiter{request: r, received: empty, due: o.now.Add(wait)})
	}
}

// wake repeats the receives that wait on a queue, in arrival order, as long as each finds something.
func (o *owner) wake(id queue.ID) {
	l := o.waiters.lines[id]
	if l == nil || o.b.store.Space() == SpaceFull {
		return
	}
	for place := l.Front(); place != nil; {
		w := place.Value.(*waiter)
		place = place.Next()
		if w.request.ctx.Err() != nil {
			o.waiters.remove(w)
			o.answer(w.request, nil, gaveUp(w.request.ctx))
			continue
		}
		if !o.again(w) {
			break
		}
	}
	o.endShort(id)
}

// again repeats a waiting receive. It returns false when there is nothing for this one, nor for those behind it.
func (o *owner) again(w *waiter) bool {
	value, err := o.step(w.request.cmd)
	if err != nil {
		o.waiters.remove(w)
		o.answer(w.request, nil, err)
		return true
	}
	received := value.(*queue.Received)
	if len(received.Deliveries) > 0 {
		o.waiters.remove(w)
		o.answer(w.request, received, nil)
		return true
	}
	w.received.Pending = received.Pending
	return false
}

// endShort answers the short polls of a queue when nothing is on its way to them any more: when the first waiter,
// which has just been repeated, found so.
func (o *owner) endShort(id queue.ID) {
	l := o.waiters.lines[id]
	if l == nil || l.short == 0 || l.Front().Value.(*waiter).received.Pending {
		return
	}
	for place := l.Front(); place != nil; {
		w := place.Value.(*waiter)
		place = place.Next()
		if !w.poll() {
			o.waiters.remove(w)
			o.answerEmpty(w.request, w.received)
		}
	}
}

// expire answers the receives whose time has ended.
func (o *owner) expire() {
	for o.waiters.len() > 0 && !o.waiters.first().due.After(o.now) {
		w := o.waiters.first()
		o.waiters.remove(w)
		o.answerEmpty(w.request, w.received)
	}
}

// forget ends the waiting of a request whose client has gone.
func (o *owner) forget(r *request) {
	if r.wait != nil {
		o.waiters.remove(r.wait)
		o.answer(r, nil, gaveUp(r.ctx))
	}
}

func (o *owner) answerEmpty(r *request, empty *queue.Received) {
	o.catalog.CountEmpty(empty.Queue)
	o.answer(r, empty, nil)
}
