package httpserve

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// PaceOptions bound how fast unwelcome requests are answered. Zero values stand for the defaults, which are in brackets.
type PaceOptions struct {
	Rate  float64          // of one address, in units of cost a second [200]
	Burst float64          // of one address, answered without waiting [1000]
	All   float64          // of all addresses that have used up half of their burst, in units a second [300]
	Max   time.Duration    // no answer waits longer [10s]
	Now   func() time.Time // [time.Now]
}

// Pace delays the answers to requests that are refused, or cheap to ask for and costly to answer, so that those who send
// many of them cannot take the processor from others. Who sends few does not notice. It is made by [NewPace] and may be
// used from many goroutines.
type Pace struct {
	opts PaceOptions

	mu    sync.Mutex
	all   bucket
	by    map[netip.Addr]*bucket
	sweep time.Time // when full buckets are dropped next
}

// bucket is what may be spent without waiting, in units of cost, as of a time; below zero it is a debt.
type bucket struct {
	credit float64
	at     time.Time
}

// spend takes cost out of a bucket that fills at rate up to burst, and returns how long it takes until it is out of debt.
func (b *bucket) spend(cost, rate, burst float64, now time.Time) time.Duration {
	b.fill(rate, burst, now)
	b.credit -= cost
	if b.credit >= 0 {
		return 0
	}
	return time.Duration(-b.credit / rate * float64(time.Second))
}

func (b *bucket) fill(rate, burst float64, now time.Time) {
	if b.at.IsZero() {
		b.credit = burst
	} else {
		b.credit = min(burst, b.credit+rate*now.Sub(b.at).Seconds())
	}
	b.at = now
}

// NewPace returns a Pace under which nobody has spent anything.
func NewPace(o PaceOptions) *Pace {
	if o.Rate == 0 {
		o.Rate = 200
	}
	if o.Burst == 0 {
		o.Burst = 1000
	}
	if o.All == 0 {
		o.All = 300
	}
	if o.Max == 0 {
		o.Max = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Pace{opts: o, by: make(map[netip.Addr]*bucket)}
}

// Wait waits as long as an answer has to that costs so many units, for an address; or until ctx ends. An answer to a
// request of a few hundred bytes is one unit. The zero address stands for all whose address is not known.
func (p *Pace) Wait(ctx context.Context, from netip.Addr, cost float64) {
	delay := p.delay(client(from), cost)
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// delay spends the cost. What would make a wait longer than Max is not spent: whoever has left does not owe for ever.
func (p *Pace) delay(from netip.Addr, cost float64) time.Duration {
	now := p.opts.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(now)
	own := p.by[from]
	if own == nil {
		own = new(bucket)
		p.by[from] = own
	}
	delay := own.spend(cost, p.opts.Rate, p.opts.Burst, now)
	own.credit = max(own.credit, -p.opts.Rate*p.opts.Max.Seconds())
	if own.credit < p.opts.Burst/2 {
		delay = max(delay, p.all.spend(cost, p.opts.All, p.opts.Burst, now))
		p.all.credit = max(p.all.credit, -p.opts.All*p.opts.Max.Seconds())
	}
	return min(delay, p.opts.Max)
}

// drop forgets, every minute, the addresses that owe nothing.
func (p *Pace) drop(now time.Time) {
	if now.Before(p.sweep) {
		return
	}
	p.sweep = now.Add(time.Minute)
	for from, b := range p.by {
		if b.fill(p.opts.Rate, p.opts.Burst, now); b.credit == p.opts.Burst {
			delete(p.by, from)
		}
	}
}
