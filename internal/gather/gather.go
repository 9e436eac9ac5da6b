// Package gather makes a call to a queue carry one message when there is little to do and many when there is much. What is
// sent while other calls to the same queue are under way goes together with what else comes until one of them has ended,
// or until a batch is full, or a moment has passed; what is deleted always waits a moment for company.
package gather

import (
	"runtime"
	"sync"
	"time"
)

// Most is how many entries a call of the SQS API has at most.
const Most = 10

// gatherer collects things by queue, and hands them on in batches. It holds nothing of a queue for which there is nothing
// to do. It is safe for concurrent use.
type gatherer[T comparable] struct {
	workers func(queue string) int        // calls to a queue at one time
	size    func(T) int                   // what one costs of bytes
	bytes   int                           // in a batch at most; a single thing may have more
	linger  time.Duration                 // until a batch that is not full goes
	eager   int                           // what finds fewer calls under way does not linger
	room    int                           // for things that wait; zero: whoever adds bounds them
	flush   func(queue string, batch []T) // makes the call; the batch is its own

	mu    sync.Mutex
	moved *sync.Cond // a lane has ended, or has room
	lanes map[string]*lane[T]
}

// lane is what there is to do for one queue.
type lane[T comparable] struct {
	waiting []T
	active  int         // goroutines at work
	timer   *time.Timer // runs while something lingers
	due     bool        // all that waits has lingered for long enough
}

// begin makes a gatherer whose settings are made ready for use.
func (g *gatherer[T]) begin() *gatherer[T] {
	g.moved = sync.NewCond(&g.mu)
	g.lanes = make(map[string]*lane[T])
	return g
}

// add takes one thing, once there is room. It does not wait for it to go.
func (g *gatherer[T]) add(queue string, one T) {
	if l := g.put(queue, one); l != nil {
		go g.work(queue, l)
	}
}

// call is add for those who wait for the thing to go anyhow: if it goes alone, they make the call themselves, which spares a
// goroutine and its growth.
func (g *gatherer[T]) call(queue string, one T) {
	l := g.put(queue, one)
	if l == nil {
		return
	}
	runtime.Gosched() // as in work
	batch := g.next(queue, l)
	if len(batch) == 1 && batch[0] == one {
		g.flush(queue, batch)
		batch = g.next(queue, l)
	}
	if len(batch) > 0 {
		go func() {
			g.flush(queue, batch)
			g.work(queue, l)
		}()
	}
}

// put is add without the work, which is the caller's if a lane is returned.
func (g *gatherer[T]) put(queue string, one T) (todo *lane[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(queue)
	for g.room > 0 && len(l.waiting) >= g.room {
		g.moved.Wait()
		l = g.lane(queue)
	}
	l.waiting = append(l.waiting, one)
	switch {
	case g.ready(l) || l.active < g.eager:
		if g.enlist(queue, l) {
			return l
		}
	case l.timer == nil:
		l.timer = time.AfterFunc(g.linger, func() { g.over(queue, l) })
	}
	return nil
}

func (g *gatherer[T]) lane(queue string) *lane[T] {
	l := g.lanes[queue]
	if l == nil {
		l = &lane[T]{}
		g.lanes[queue] = l
	}
	return l
}

// ready reports whether what waits goes although other calls are under way.
func (g *gatherer[T]) ready(l *lane[T]) bool { return l.due || len(l.waiting) >= Most }

// over ends the lingering of a lane.
func (g *gatherer[T]) over(queue string, l *lane[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.timer == nil {
		return // a full batch took the last of it
	}
	l.timer, l.due = nil, true
	if g.enlist(queue, l) {
		go g.work(queue, l)
	}
}

// enlist says whether one more goroutine may work for a queue, and counts it.
func (g *gatherer[T]) enlist(queue string, l *lane[T]) bool {
	if l.active >= g.workers(queue) {
		return false
	}
	l.active++
	return true
}

// work makes calls until nothing is left that may go.
func (g *gatherer[T]) work(queue string, l *lane[T]) {
	for {
		runtime.Gosched() // whoever can run now may have something for the same call
		batch := g.next(queue, l)
		if len(batch) == 0 {
			return
		}
		g.flush(queue, batch)
	}
}

// next takes the next batch, or signs the worker off.
func (g *gatherer[T]) next(queue string, l *lane[T]) []T {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(l.waiting) == 0 || g.eager == 0 && !g.ready(l) {
		l.active--
		if l.active == 0 && len(l.waiting) == 0 {
			delete(g.lanes, queue)
			g.moved.Broadcast()
		}
		return nil
	}
	n, bytes := 0, 0
	for n < min(len(l.waiting), Most) {
		bytes += g.size(l.waiting[n])
		if n > 0 && bytes > g.bytes {
			break
		}
		n++
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	g.moved.Broadcast()
	if len(l.waiting) == 0 {
		l.waiting, l.due = nil, false
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
	}
	return batch
}

// wait returns when nothing is left to do.
func (g *gatherer[T]) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.lanes) > 0 {
		g.moved.Wait()
	}
}
