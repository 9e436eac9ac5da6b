package policy

import (
	"math"
	"slices"
	"time"
)

// Service estimates S, the time from the receive of a message to its delete, as a moving average in which each
// message weighs a fiftieth. Zero is ready to use and knows nothing.
type Service struct {
	mean  float64 // seconds
	known bool
}

// serviceWeight is the weight of one message. With service times that spread 1.5 times their mean, the estimate is
// within 15 % of it.
const serviceWeight = 0.02

// Add takes in one finished message.
func (s *Service) Add(d time.Duration) {
	if !s.known {
		s.mean, s.known = d.Seconds(), true
		return
	}
	s.mean += serviceWeight * (d.Seconds() - s.mean)
}

// Estimate returns S; zero before the first message.
func (s *Service) Estimate() time.Duration { return time.Duration(s.mean * float64(time.Second)) }

// Boot estimates B, the time from a start order to the first receive, as the median of the last boots: one slow boot
// must not make the pool start twice as many workers. Zero is ready to use and knows nothing.
type Boot struct {
	last   []time.Duration // the last boots, a ring
	next   int
	sorted []time.Duration
}

// bootsMax is how many boots count.
const bootsMax = 31

// Add takes in one boot.
func (b *Boot) Add(d time.Duration) {
	if len(b.last) < bootsMax {
		b.last = append(b.last, d)
	} else {
		b.last[b.next] = d
	}
	b.next = (b.next + 1) % bootsMax
	b.sorted = append(b.sorted[:0], b.last...)
	slices.Sort(b.sorted)
}

// Estimate returns B; zero before the first boot.
func (b *Boot) Estimate() time.Duration {
	if len(b.sorted) == 0 {
		return 0
	}
	return b.sorted[len(b.sorted)/2]
}

// Rate estimates λ, the messages that arrive in a second, as a moving average over about a minute. Zero is ready to
// use.
type Rate struct {
	value float64 // at last
	last  time.Time
}

// rateSpan is the time over which an arrival is forgotten to a third.
const rateSpan = time.Minute

// Add takes in n messages that arrived at now.
func (r *Rate) Add(now time.Time, n int) {
	r.value = r.Estimate(now) + float64(n)/rateSpan.Seconds()
	r.last = now
}

// Estimate returns λ at now.
func (r *Rate) Estimate(now time.Time) float64 {
	if r.last.IsZero() {
		return 0
	}
	return r.value * math.Exp(-now.Sub(r.last).Seconds()/rateSpan.Seconds())
}
