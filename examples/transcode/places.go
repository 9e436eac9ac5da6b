package main

import (
	"context"
	"slices"
	"sync"
)

// lane is how urgent a job is; the lower number goes first.
type lane int

const (
	interactive lane = iota // somebody waits for it
	batch                   // nobody does
	lanes
)

// String is the name of the lane, which is also that of its folder, and the end of that of its queue.
func (l lane) String() string { return [...]string{"interactive", "batch"}[l] }

// places are what the handlers of several queues share, so that no more of them work at once than the machine has room
// for. A place that becomes free goes to the most urgent lane of those who wait, and within it to the one that came first.
// Work that was begun is not interrupted.
type places struct {
	mu      sync.Mutex
	free    int // above zero only when nobody waits
	waiting [lanes][]chan struct{}
}

func newPlaces(n int) *places { return &places{free: n} }

// take waits for a place until ctx ends. Who got one calls leave.
func (p *places) take(ctx context.Context, l lane) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	p.waiting[l] = append(p.waiting[l], turn)
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting[l], turn)
	if i < 0 { // the turn came in the same moment: pass it on
		p.pass()
	} else {
		p.waiting[l] = slices.Delete(p.waiting[l], i, i+1)
	}
	return context.Cause(ctx)
}

// leave gives a place back.
func (p *places) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
}

// pass gives a place to whose turn it is.
func (p *places) pass() {
	for l, waiting := range p.waiting {
		if len(waiting) > 0 {
			close(waiting[0])
			p.waiting[l] = waiting[1:]
			return
		}
	}
	p.free++
}
