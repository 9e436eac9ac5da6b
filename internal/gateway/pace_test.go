package gateway

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// scene is a queue, its gateways and its backends, in virtual time.
type scene struct {
	name     string
	arrivals [][]traffic // of each gateway
	backends []crew
	burst    time.Duration // answers arrive together, so often; zero: as they are made
	sees     bool          // the server tells what it has finished
	counts   time.Duration // the server tells how much waits, as of so long ago at worst
	from     time.Duration // since when Retry-After must be right; the arrivals before are not asked
}

// traffic is requests that come evenly.
type traffic struct {
	from, to time.Duration
	rate     float64
}

// crew is what works on the requests from a time on.
type crew struct {
	from time.Duration
	size int
	work time.Duration // on a request, give or take half of it
}

// follow is how long Retry-After may be wrong after the crew has changed.
const follow = 5 * time.Second

func TestRetryAfterIsTheWait(t *testing.T) {
	flood := func(from time.Duration, n, after float64) []traffic {
		return []traffic{{from, from + 2*time.Second, n / 2}, {from + 2*time.Second, from + 30*time.Second, after}}
	}
	four := []crew{{0, 4, 20 * time.Millisecond}} // 200 a second
	many := []crew{{0, 64, 100 * time.Millisecond}}
	const s = time.Second
	for _, sc := range []scene{
		{name: "flood after idleness", arrivals: [][]traffic{flood(time.Hour, 3000, 100)}, backends: four, from: time.Hour + s/2},
		{name: "flood after slow traffic", arrivals: [][]traffic{append([]traffic{{0, 300 * s, 1}}, flood(300*s, 3000, 100)...)}, backends: four, from: 300*s + s/2},
		{name: "flood after a backend was half busy", arrivals: [][]traffic{append([]traffic{{0, 60 * s, 100}}, flood(60*s, 3000, 100)...)}, backends: four, from: 61 * s},
		{name: "flood after a flood", arrivals: [][]traffic{append(flood(0, 3000, 10), flood(600*s, 3000, 100)...)}, backends: four, from: 600*s + s/2},
		{name: "a server that tells", arrivals: [][]traffic{flood(60*s, 3000, 100)}, backends: four, sees: true, from: 60*s + s/2},
		{name: "a server whose counts are old", arrivals: [][]traffic{append(flood(10*s, 3000, 100), flood(80*s, 3000, 100)...)}, backends: four, counts: 60 * s, from: 10*s + s/2},
		{name: "slow traffic alone", arrivals: [][]traffic{{{0, 300 * s, 1}}}, backends: four},
		{name: "many at once on each backend", arrivals: [][]traffic{flood(10*s, 8000, 640)}, backends: many, from: 10*s + s/2},
		{name: "many at once, after slow traffic", arrivals: [][]traffic{append([]traffic{{0, 60 * s, 5}}, flood(60*s, 8000, 640)...)}, backends: many, from: 61 * s},
		{name: "many at once that take long", arrivals: [][]traffic{flood(0, 5000, 100)}, backends: []crew{{0, 500, 5 * s}}, from: 12 * s},
		{name: "one backend, a second each", arrivals: [][]traffic{flood(0, 60, .5)}, backends: []crew{{0, 1, s}}, from: 10 * s},
		{name: "twice as many backends", arrivals: [][]traffic{flood(0, 4000, 300)}, backends: []crew{{0, 4, 20 * time.Millisecond}, {10 * s, 8, 20 * time.Millisecond}}, from: s},
		{name: "half of the backends leave", arrivals: [][]traffic{flood(0, 4000, 150)}, backends: []crew{{0, 8, 20 * time.Millisecond}, {5 * s, 4, 20 * time.Millisecond}}, from: s},
		{name: "backends come late", arrivals: [][]traffic{flood(0, 3000, 100)}, backends: []crew{{0, 0, s}, {8 * s, 4, 20 * time.Millisecond}}, from: 8 * s},
		{name: "answers come in bursts", arrivals: [][]traffic{flood(0, 3000, 200)}, backends: four, burst: s, from: 5 * s},
		{name: "two gateways alike", arrivals: [][]traffic{flood(0, 1500, 50), flood(0, 1500, 50)}, backends: four, from: s},
		{name: "a small gateway beside a flooded one", arrivals: [][]traffic{flood(0, 3000, 100), {{0, 30 * s, 5}}}, backends: four, sees: true, from: 5 * s},
		{name: "a small gateway beside a flooded one, only counts are told", arrivals: [][]traffic{flood(0, 3000, 150), {{0, 30 * s, 5}}}, backends: four, counts: s, from: 20 * s},
	} {
		t.Run(sc.name, func(t *testing.T) { sc.run(t) })
	}
}

// moment is something that happens.
type moment struct {
	at time.Duration
	do func()
}

type moments []moment

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i].at < m[j].at }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)        { *m = append(*m, x.(moment)) }
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// promise is what Retry-After said to a request.
type promise struct {
	made time.Duration
	wait time.Duration
}

// stage is a scene under way.
type stage struct {
	*scene
	t       *testing.T
	rand    *rand.Rand
	agenda  moments
	now     time.Duration
	lanes   []*lane
	queue   []*errand
	working int
	count   int           // of what waits, as it is told
	counted time.Duration // when
	done    int64
	sent    uint64
	checked int
	worst   float64
}

// errand is a request on its way.
type errand struct {
	lane     *lane
	id       ID
	promises []promise
}

func (sc *scene) run(t *testing.T) {
	st := &stage{scene: sc, t: t, rand: rand.New(rand.NewPCG(1, 2))}
	for range sc.arrivals {
		st.lanes = append(st.lanes, &lane{Route: &Route{Deadline: time.Hour}, open: make(map[ID]ticket)})
	}
	for i, all := range sc.arrivals {
		for _, tr := range all {
			st.arrive(st.lanes[i], tr, tr.from)
		}
	}
	for _, c := range sc.backends {
		st.at(c.from, st.work)
	}
	for len(st.agenda) > 0 {
		next := heap.Pop(&st.agenda).(moment)
		st.now = next.at
		next.do()
	}
	if st.checked < 20 {
		t.Errorf("only %d promises could be judged", st.checked)
	}
	t.Logf("%d promises, the worst was wrong by %.0f %% of what was allowed", st.checked, 100*st.worst)
}

func (st *stage) at(when time.Duration, do func()) { heap.Push(&st.agenda, moment{when, do}) }

func (st *stage) clock() time.Time { return time.Unix(1_000_000, 0).Add(st.now) }

// arrive lets requests come, one after the other.
func (st *stage) arrive(l *lane, tr traffic, at time.Duration) {
	if at >= tr.to {
		return
	}
	st.at(at, func() {
		st.look()
		st.sent++
		e := &errand{lane: l}
		binary.BigEndian.PutUint64(e.id[:], st.sent)
		l.sent(e.id, st.clock())
		st.queue = append(st.queue, e)
		if st.now >= st.from {
			st.promise(e)
			st.at(st.now+e.promises[0].wait/2, func() { st.promise(e) })
		}
		st.work()
		st.arrive(l, tr, at+time.Duration(float64(time.Second)/tr.rate))
	})
}

// look tells the gateways what the server knows, as often as they would ask.
func (st *stage) look() {
	for _, l := range st.lanes {
		waiting := len(st.queue) + st.working
		switch {
		case st.sees && l.due(st.clock()):
			l.told(st.clock(), waiting, &Sight{Waiting: waiting, Deleted: st.done})
		case st.counts > 0 && l.due(st.clock()):
			if st.now >= st.counted+st.counts {
				st.count, st.counted = waiting, st.now
			}
			l.told(st.clock(), st.count, nil)
		}
	}
}

// promise asks for Retry-After.
func (st *stage) promise(e *errand) {
	if wait, ok := e.lane.remaining(e.id, st.clock()); ok {
		e.promises = append(e.promises, promise{st.now, wait})
	}
}

// crew is who works now.
func (st *stage) crew() (c crew) {
	for _, next := range st.backends {
		if next.from <= st.now {
			c = next
		}
	}
	return c
}

// work lets whoever is free begin.
func (st *stage) work() {
	for c := st.crew(); st.working < c.size && len(st.queue) > 0; {
		e := st.queue[0]
		st.queue = st.queue[1:]
		st.working++
		took := time.Duration(float64(c.work) * (.5 + st.rand.Float64()))
		st.at(st.now+took, func() {
			st.working--
			st.done++
			st.work()
			if st.burst == 0 {
				st.finish(e)
				return
			}
			st.at(st.now.Truncate(st.burst)+st.burst, func() { st.finish(e) })
		})
	}
}

// finish brings the answer, and judges what was promised.
func (st *stage) finish(e *errand) {
	e.lane.answered(e.id, st.clock())
	for _, p := range e.promises {
		if st.surprised(p) {
			continue
		}
		real := st.now - p.made
		allowed := real/5 + time.Second/2
		wrong := p.wait - max(real, time.Second)
		st.worst = max(st.worst, float64(wrong.Abs())/float64(allowed))
		st.checked++
		if wrong.Abs() > allowed {
			st.t.Errorf("%v after the start, Retry-After was %v and the wait %v", p.made, p.wait, real)
		}
	}
}

// surprised reports whether a promise was made before something happened that nobody could know, or right after it.
func (st *stage) surprised(p promise) bool {
	for _, c := range st.backends[1:] {
		if p.made < c.from+follow && st.now > c.from {
			return true
		}
	}
	return false
}
