package torture

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/pebblestore/crashfs"
	"github.com/forebay-mq/forebay/internal/queue"
)

// world is one service, its disk and its clients. It lives in virtual time, in which calls take none: time passes
// only when the driver sleeps. One goroutine drives it; the calls it starts run beside it until the power is cut.
//
// The seed decides what is asked for and when the power is cut, but not how the goroutines of the server interleave,
// so a seed may have to be tried a few times.
type world struct {
	ledger
	*server
	t        *testing.T
	rng      *rand.Rand
	mem      *crashfs.FS
	memory   queue.Options // how much of the queues is in memory
	composed int
	booted   int
	trace    trace
	fails    bool // the consumers of queues with a dead-letter queue delete nothing
	stopping bool // the server is being stopped, and may refuse calls
	flying   sync.WaitGroup
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 0)), mem: crashfs.New()}
	w.messages, w.places = make(map[string]*message), newPlaces()
	for _, p := range w.places {
		if p.dead != nil {
			w.failing = append(w.failing, p)
		}
	}
	if w.rng.IntN(2) == 0 {
		w.memory.WindowMax = 2 + w.rng.IntN(20) // most of a backlog stays in the store
	}
	if w.rng.IntN(2) == 0 {
		w.memory.CacheBytes = 1 << 10 // most bodies are read from the store
	}
	w.boot(w.mem)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.places { // a dead-letter queue comes before its source
		w.create(p)
		w.unlocked(synctest.Wait)
	}
	return w
}

// boot starts a server on what the disk holds.
func (w *world) boot(mem *crashfs.FS) {
	w.booted++
	s, err := openWith(mem, w.memory, pebblestore.Options{}, func(s *pebblestore.Store) broker.Store {
		traced := &tracedStore{Store: s, trace: &w.trace, life: w.booted}
		traced.found()
		return traced
	})
	if err != nil {
		w.t.Fatalf("after %d power cuts the service does not start: %v", w.counts.cuts, err)
	}
	w.mem, w.server = mem, s
}

// unlocked lets f wait for calls that need the ledger.
func (w *world) unlocked(f func()) {
	w.mu.Unlock()
	defer w.mu.Lock()
	f()
}

// torture runs the service through so many power cuts, drains it, and checks that everything has come to a good end.
func (w *world) torture(points int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.counts.cuts < points && len(w.violations) == 0 {
		w.fails = w.rng.IntN(4) > 0
		for range w.rng.IntN(24) {
			w.act()
		}
		for range w.rng.IntN(4) {
			w.unlocked(runtime.Gosched)
		}
		if w.rng.IntN(8) == 0 {
			w.restart()
		} else {
			w.cut()
		}
		w.check()
	}
	w.fails = false
	if len(w.violations) == 0 {
		w.drain()
	}
	w.unlocked(w.stop)
}

// act does the next thing that clients do.
func (w *world) act() {
	p := w.places[w.rng.IntN(len(w.places))]
	if w.rng.IntN(4) == 0 {
		p = w.failing[w.rng.IntN(len(w.failing))]
	}
	choice := w.rng.IntN(100)
	if p.exists == no {
		w.create(p)
		return
	}
	if p.exists == pending {
		return
	}
	switch {
	case choice < 30:
		if p.source == nil {
			w.send(p)
		} else if w.rng.IntN(4) == 0 {
			w.move(p)
		}
	case choice < 50:
		w.receive(p)
	case choice < 68:
		w.delete()
	case choice < 76:
		w.change()
	case choice < 80:
		w.unlocked(synctest.Wait)
	case choice < 88:
		w.unlocked(func() { time.Sleep(w.pause()) })
	case choice < 91:
		w.edge()
	default:
		w.administer(p)
	}
}

// administer does what is done to a queue as a whole.
func (w *world) administer(p *place) {
	switch {
	case p.fleeting() && w.rng.IntN(3) == 0:
		w.unlocked(synctest.Wait)
		w.drop(p)
	case p.source != nil:
		w.move(p)
	case p.name == "tub" || p.name == "tub.fifo":
		if w.rng.IntN(3) == 0 {
			w.purge(p)
		} else {
			w.adjust(p)
		}
	}
}

// pause is how long nobody asks for anything.
func (w *world) pause() time.Duration {
	switch w.rng.IntN(20) {
	case 0:
		return queue.DedupWindow - time.Duration(w.rng.IntN(60))*time.Second
	case 1, 2, 3:
		return time.Duration(w.rng.IntN(40)) * time.Second
	case 4, 5, 6, 7, 8, 9:
		return time.Second
	}
	return time.Duration(1+w.rng.IntN(200)) * time.Millisecond
}

// edge looks for a message one millisecond before it may be seen again, and again when it may.
func (w *world) edge() {
	for _, m := range w.shuffled() {
		left := time.Until(m.earliest)
		if m.gone != 0 || left <= time.Millisecond || m.from == nil || m.from.exists != yes || m.busy {
			continue
		}
		w.unlocked(func() { time.Sleep(left - time.Millisecond) })
		if m.from.exists == yes {
			w.receive(m.from)
		}
		w.unlocked(func() { time.Sleep(time.Millisecond) })
		return
	}
}

// cut cuts the power: the service goes on with what the disk has kept.
func (w *world) cut() {
	w.counts.cuts++
	w.life++ // from now on no answer counts
	crashed := w.mem.CrashClone(w.damage())
	w.trace.add(0, "cut %d", w.counts.cuts)
	w.unlocked(w.stop)
	w.forget()
	if w.rng.IntN(10) == 0 {
		crashed = w.cutAgain(crashed)
	}
	w.boot(crashed)
}

// damage decides how much of what was not synced survives a power cut.
func (w *world) damage() vfs.CrashCloneCfg {
	return vfs.CrashCloneCfg{UnsyncedDataPercent: w.rng.IntN(5) * 25, RNG: w.rng}
}

// cutAgain cuts the power while the service starts.
func (w *world) cutAgain(mem *crashfs.FS) *crashfs.FS {
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		s, err := open(mem, w.memory, pebblestore.Options{})
		if err == nil {
			err = s.close()
		}
		if err != nil {
			w.t.Errorf("after %d power cuts the service does not start: %v", w.counts.cuts, err)
		}
	}()
	for range w.rng.IntN(200) {
		runtime.Gosched()
	}
	crashed := mem.CrashClone(w.damage())
	<-opened
	w.counts.cuts++
	return crashed
}

// restart stops the server as a signal would, while it is at work, and starts it again.
func (w *world) restart() {
	w.counts.restarts++
	w.stopping = true
	w.unlocked(w.stop)
	w.stopping = false
	w.life++
	w.forget()
	w.boot(w.mem)
}

// stop stops the server and waits for the calls that it was still at.
func (w *world) stop() {
	err := w.Broker.Close()
	w.flying.Wait()
	if err := errors.Join(err, w.store.Close()); err != nil {
		w.t.Errorf("stop: %v", err)
	}
}

// forget ends what was in flight.
func (w *world) forget() {
	for _, p := range w.places {
		p.unanswered, p.receiving, p.purging = p.receiving > 0, 0, false
		clear(p.sending)
	}
	for _, m := range w.messages {
		m.busy = false
	}
}

// shuffled returns the living messages in an order that the seed decides.
func (w *world) shuffled() []*message {
	var living []*message
	for _, m := range w.messages {
		if m.gone == 0 && m.sent == yes {
			living = append(living, m)
		}
	}
	slices.SortFunc(living, func(a, b *message) int { return cmp.Compare(a.key, b.key) })
	w.rng.Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
	return living
}

// shuffledIDs returns the deduplication ids that were accepted by p, in an order that the seed decides.
func (w *world) shuffledIDs(p *place) []string {
	ids := slices.Sorted(maps.Keys(p.ids))
	w.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids
}
