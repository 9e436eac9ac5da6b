package bench

import (
	"context"
	"time"
)

// timerSlack is how late a timer may wake a producer without the message counting as late: that lateness is the
// generator's own.
const timerSlack = time.Millisecond

// pace says when a producer sends. Each of an open loop's requests has its time, whether or not the answer to the
// one before has come.
type pace struct {
	interval time.Duration // between requests; zero: at once
	next     time.Time
}

// newPace returns the pace of one of several producers that together send rate messages a second.
func newPace(o Options, producer int, start time.Time) pace {
	if o.Rate == 0 {
		return pace{}
	}
	together := time.Duration(float64(time.Second) * float64(o.Batch) / o.Rate)
	return pace{interval: together * time.Duration(o.Producers), next: start.Add(together * time.Duration(producer))}
}

// wait waits until the next request is due and returns the time from which its latency counts. ok is false when
// ctx has ended before.
func (p *pace) wait(ctx context.Context) (from time.Time, ok bool) {
	now := time.Now()
	if p.interval == 0 {
		return now, ctx.Err() == nil
	}
	due := p.next
	p.next = due.Add(p.interval)
	if !now.Before(due) {
		return due, ctx.Err() == nil
	}
	if !sleep(ctx, due.Sub(now)) {
		return now, false
	}
	if now = time.Now(); now.Sub(due) < timerSlack {
		return now, true
	}
	return due, true
}

// sleep waits, and reports whether ctx has let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
