package gateway

import (
	"math/bits"
	"time"
)

const (
	waveLength = 80 * time.Millisecond // answers within it are remembered as one wave
	wavesMax   = 64                    // that are remembered: the rate is that of the last five seconds under load
	paceMost   = 30 * time.Second      // and of half a minute when little is done
	paceSure   = 2 * time.Second       // of answers without a pause, after which a pause before them does not count
	paceLevels = 18                    // powers of two that the number of waiting requests is compared with
	paceFew    = 30                    // answers that make a rate known by themselves, where there is one to hold on to
	paceFewer  = 5                     // as paceFew, where what is known comes from quieter times
)

// wave is answers that came together.
type wave struct {
	first, last time.Time
	count       int
}

// pace measures how fast requests are answered while others wait. What counts is only the time since as many wait as now,
// roughly: a backend that had little to do has finished little, and that says nothing of what it can do.
//
// The zero value knows nothing.
type pace struct {
	waves  [wavesMax]wave
	count  int // waves there ever were
	levels [paceLevels]struct {
		rose time.Time // when the number of waiting requests last rose to this power of two
		rate float64   // measured last between two and four times as many, in answers a second; zero: never
	}
}

// level is the power of two that lies between a quarter and a half of what waits.
func level(waiting int) int {
	return min(max(bits.Len(uint(max(waiting, 0)))-2, 0), paceLevels-1)
}

// rise notes that more requests wait than did.
func (p *pace) rise(now time.Time, from, to int) {
	for i := bits.Len(uint(max(from, 0))); i < min(bits.Len(uint(max(to, 0))), paceLevels); i++ {
		p.levels[i].rose = now
	}
}

// add notes answers that came while so many waited.
func (p *pace) add(now time.Time, answers, waiting int) {
	newest := &p.waves[(p.count+wavesMax-1)%wavesMax]
	if p.count > 0 && now.Sub(newest.first) < waveLength {
		newest.last, newest.count = now, newest.count+answers
		return
	}
	if count, span := p.measure(now, waiting); count >= paceFew {
		p.levels[level(waiting)].rate = float64(count) / span.Seconds()
	}
	p.waves[p.count%wavesMax] = wave{first: now, last: now, count: answers}
	p.count++
}

// forget begins anew, with what was learned, when it is not known what happened last.
func (p *pace) forget(now time.Time) {
	p.count = 0
	for i := range p.levels {
		p.levels[i].rose = now
	}
}

// measure counts the answers since as many waited as now, and how long they took. The time begins and ends with an answer,
// so that it does not matter whether answers come one by one or in bursts, unless it has been quiet for longer than ever.
func (p *pace) measure(now time.Time, waiting int) (count int, span time.Duration) {
	begin, oldest := p.levels[level(waiting)].rose, now.Add(-paceMost)
	var gap time.Duration
	var first *wave
	end := now
	for i := range min(p.count, wavesMax) {
		w := &p.waves[(p.count-1-i)%wavesMax]
		if !w.last.After(begin) {
			break
		}
		if w.last.Before(oldest) || i == wavesMax-1 || i == p.count-1 && begin.Before(oldest) {
			begin = w.last
			break
		}
		if count == 0 {
			end = w.last
		} else {
			gap = max(gap, first.first.Sub(w.last))
		}
		count += w.count
		first = w
	}
	if count == 0 {
		return 0, now.Sub(begin)
	}
	switch before := first.first.Sub(begin); {
	case before > 2*gap && end.Sub(first.last) > paceSure:
		count, begin = count-first.count, first.last // nobody was there to answer
	default:
		gap = max(gap, before)
	}
	if quiet := now.Add(-gap); quiet.After(end) {
		end = quiet
	}
	return count, max(end.Sub(begin), waveLength)
}

// rate is answers a second while so many wait; zero when nothing is known.
func (p *pace) rate(now time.Time, waiting int) float64 {
	count, span := p.measure(now, waiting)
	before, few := p.before(waiting)
	if count >= few || before == 0 {
		return float64(count) / max(span, waveLength).Seconds()
	}
	return float64(few) / (span.Seconds() + float64(few-count)/before) // those that are missing come as fast as before
}

// before is the rate when last about as many waited, or else more; or else fewer, when it may have been less than what was
// possible. few is how many answers tell more.
func (p *pace) before(waiting int) (rate float64, few int) {
	at := level(waiting)
	for i := at; i < paceLevels; i++ {
		if rate = p.levels[i].rate; rate > 0 {
			return rate, paceFew
		}
	}
	for i := at - 1; i >= 0; i-- {
		if rate = p.levels[i].rate; rate > 0 {
			return rate, paceFewer
		}
	}
	return 0, 0
}
