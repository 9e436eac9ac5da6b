package broker

import (
	"container/heap"
	"container/list"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// shortWaitMax is how long a short poll waits for messages that are on their way from the store.
const shortWaitMax = 2 * time.Second

// goneWait is how long a long poll whose queue has been deleted waits for its answer, QueueDoesNotExist. The client that
// deletes a queue must hear of it before its own polls do: Amazon's temporary-queues client takes a queue that is gone
// while it still believes in it for lost, and makes another, which then stays.
const goneWait = time.Second

// waiter is a receive that waits. It costs no goroutine and no timer beyond those of its caller.
type waiter struct {
	request  *request
	received *queue.Received // the empty answer so far
	due      time.Time       // when it gets the empty answer, or gone
	gone     error           // its queue has been deleted; nil: it has not
	place    *list.Element   // in its line
	index    int             // in waiters.due
	rank     int             // in line.named, if it is there
	number   uint64          // grows with every waiter
	busy     uint64          // Busy of its consumer, as the order of line.named knows it
}

// poll says whether it is a long poll; else it is a short one that waits for messages on their way.
func (w *waiter) poll() bool { return w.received.Wait > 0 }

// named says whether it is a long poll of a consumer who gave a name.
func (w *waiter) named() bool { return w.received.Consumer != nil && w.poll() }

// line is the waiters of one queue in arrival order.
//
// Places are taken in that order. Those of consumers with a name belong to all of them together: whoever of them was
// busy most recently is served first, and the others move up, so that the idle ones stay idle. Nobody without a
// name waits longer for it.
type line struct {
	list.List
	short int // how many are no long polls
	named busyHeap
}

// turn returns the waiter whose turn it is at a place, who then has that place.
func (l *line) turn(place *list.Element) *waiter {
	w := place.Value.(*waiter)
	if !w.named() || l.named[0] == w {
		return w
	}
	first := l.named[0]
	first.place.Value, w.place = w, first.place
	place.Value, first.place = first, place
	return first
}

// waiters are all waiting receives. The owner uses it.
type waiters struct {
	max     int
	lines   map[queue.ID]*line
	due     dueHeap
	polls   *atomic.Int64 // how many are long polls, for others to read
	named   map[*queue.Consumer][]*waiter
	numbers uint64
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
	ws.numbers++
	w.number = ws.numbers
	w.place = l.PushBack(w)
	heap.Push(&ws.due, w)
	w.request.wait = w
	ws.count(l, w, 1)
	if who := w.received.Consumer; w.named() {
		w.busy = who.Busy()
		heap.Push(&l.named, w)
		ws.named[who] = append(ws.named[who], w)
	}
}

// postpone gives a waiter another end of its time.
func (ws *waiters) postpone(w *waiter, due time.Time) {
	w.due = due
	heap.Fix(&ws.due, w.index)
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
	if who := w.received.Consumer; w.named() {
		heap.Remove(&l.named, w.rank)
		ws.named[who] = slices.DeleteFunc(ws.named[who], func(other *waiter) bool { return other == w })
		if len(ws.named[who]) == 0 {
			delete(ws.named, who)
		}
	}
}

// stirred gives the waiters of a consumer who was busy a moment ago their new rank, one by one: a heap bears no more
// than one that is out of order.
func (ws *waiters) stirred(who *queue.Consumer) {
	for _, w := range ws.named[who] {
		w.busy = who.Busy()
		heap.Fix(&ws.lines[w.received.Queue].named, w.rank)
	}
}

func (ws *waiters) count(l *line, w *waiter, n int) {
	if w.poll() {
		ws.polls.Add(int64(n))
	} else {
		l.short += n
	}
}

// polling counts the long polls of a queue.
func (ws *waiters) polling(id queue.ID) int64 {
	l := ws.lines[id]
	if l == nil {
		return 0
	}
	return int64(l.Len() - l.short)
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

// busyHeap orders waiters by how recently their consumers were busy, and those alike by their arrival.
type busyHeap []*waiter

func (h busyHeap) Len() int { return len(h) }

func (h busyHeap) Less(i, j int) bool {
	return h[i].busy > h[j].busy || h[i].busy == h[j].busy && h[i].number < h[j].number
}

func (h busyHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].rank, h[j].rank = i, j
}

// Push and Pop are for package heap.
func (h *busyHeap) Push(x any) {
	w := x.(*waiter)
	w.rank = len(*h)
	*h = append(*h, w)
}

func (h *busyHeap) Pop() any {
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
		// The key may have been taken away between the check of the signature and now.
		if err := o.catalog.Recheck(r.cmd.(*queue.Receive), o.now); err != nil {
			o.answer(r, nil, err)
			return
		}
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
	if !o.catalog.Has(id) {
		o.endAll(l)
		return
	}
	for place := l.Front(); place != nil; {
		w := l.turn(place)
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

// endAll ends the waiting on a queue that has been deleted: long polls a moment later, short ones at once. Where another
// queue has come under the name, they are repeated on that one.
func (o *owner) endAll(l *line) {
	for place := l.Front(); place != nil; {
		w := place.Value.(*waiter)
		place = place.Next()
		if w.gone != nil {
			continue
		}
		if !o.again(w) {
			o.waiters.remove(w)
			o.answerEmpty(w.request, w.received)
		}
	}
}

// again repeats a waiting receive. It returns false when there is nothing for this one, nor for those behind it.
func (o *owner) again(w *waiter) bool {
	value, err := o.step(w.request.cmd)
	if w.poll() && deleted(err) {
		w.gone = err
		o.waiters.postpone(w, o.now.Add(goneWait))
		return true
	}
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
		if w.gone != nil {
			o.answer(w.request, nil, w.gone)
			continue
		}
		o.answerEmpty(w.request, w.received)
	}
}

// deleted reports whether err says that there is no such queue.
func deleted(err error) bool {
	refused, ok := errors.AsType[*queue.Error](err)
	return ok && refused.Code == queue.CodeQueueDoesNotExist
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
