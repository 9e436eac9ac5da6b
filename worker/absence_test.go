package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var errNoProgram = errors.New("no such program")

// presenceOf is a handler that can be taken away, and its Ready.
type presenceOf struct {
	gone    atomic.Bool
	starts  atomic.Int32 // of handlers that were there
	refused atomic.Int32
	asked   atomic.Int32
}

func (p *presenceOf) handle(context.Context, *Message) error {
	if p.gone.Load() {
		p.refused.Add(1)
		return Unavailable(errNoProgram)
	}
	p.starts.Add(1)
	return nil
}

func (p *presenceOf) ready(context.Context) error {
	p.asked.Add(1)
	if p.gone.Load() {
		return errNoProgram
	}
	return nil
}

func TestAHandlerThatIsNotThereCostsNoReceives(t *testing.T) {
	for _, row := range []struct {
		name      string
		queue     string
		ready     bool
		settings  Settings
		goneFirst bool
		received  int64 // at most, while it is away
	}{
		{"from the start, and it can be asked", "q", true, Settings{Concurrency: 4}, true, 0},
		{"from the start, and it cannot be asked", "q", false, Settings{Concurrency: 4}, true, 4},
		{"later, and it can be asked", "q", true, Settings{Concurrency: 4}, false, 0},
		{"later, and it cannot be asked", "q", false, Settings{Concurrency: 4}, false, 4},
		{"with prefetch", "q", false, Settings{Concurrency: 2, Prefetch: 3}, false, 5},
		{"in a FIFO queue", "q.fifo", false, Settings{Concurrency: 4}, false, 4},
		{"one at a time", "q", false, Settings{Concurrency: 1}, false, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p presenceOf
			p.gone.Store(row.goneFirst)
			o := Options{QueueURL: row.queue, Handler: p.handle, Settings: row.settings}
			if row.ready {
				o.Ready = p.ready
			}
			play(t, o, func(r *rig) {
				nap(3 * time.Second)
				p.gone.Store(true)
				nap(3 * time.Second)
				for _, body := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
					r.send(row.queue, body+":"+body)
				}
				nap(10 * time.Minute)
				if s := r.Stats(); s.Received > row.received || s.Failed != 0 || s.GivenBack != 0 {
					t.Errorf("while it was away: %+v, want up to %d received, none failed or given back", s, row.received)
				}
				if n := strings.Count(r.log.String(), "the handler is not there"); n < 1 || n > 4 {
					t.Errorf("its absence was logged %d times in ten minutes", n)
				}
				p.gone.Store(false)
				nap(time.Minute)
				if n := r.left(row.queue); n != 0 || p.starts.Load() != 8 {
					t.Errorf("%d messages are left and %d were started, want 0 and 8", n, p.starts.Load())
				}
				for _, words := range []string{"the handler is there again"} {
					if n := strings.Count(r.log.String(), words); n != 1 {
						t.Errorf("%q was logged %d times, want once", words, n)
					}
				}
			})
		})
	}
}

func TestAHandlerThatSaysItIsThereAndIsNotIsTriedWithBackoff(t *testing.T) {
	var p presenceOf
	p.gone.Store(true)
	play(t, Options{Handler: p.handle, Ready: func(context.Context) error { return nil }, Settings: Settings{Concurrency: 5}}, func(r *rig) {
		r.send("q", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12")
		nap(10 * time.Minute)
		if n := p.refused.Load(); n > 40 {
			t.Errorf("it was tried %d times in ten minutes, want up to 40", n)
		}
		if s := r.Stats(); s.Received > 5 {
			t.Errorf("%d messages were received, want no more than the 5 places", s.Received)
		}
		p.gone.Store(false)
		nap(time.Minute)
		if n := r.left("q"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestAWorkerWhoseHandlerIsNotThereEndsWhenItIsTold(t *testing.T) {
	var p presenceOf
	p.gone.Store(true)
	play(t, Options{Handler: p.handle, Settings: Settings{Concurrency: 2, IdleTime: 10 * time.Second}}, func(r *rig) {
		r.send("q", "1", "2", "3")
		nap(5 * time.Minute)
		r.Drain()
		if err := <-r.ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if n := r.visible("q"); n != 3 || p.refused.Load() == 0 {
			t.Errorf("%d messages are visible after %d tries, want all 3, given back", n, p.refused.Load())
		}
	})
}

func TestALongHandlerShowsThatItIsThere(t *testing.T) {
	var gone, running atomic.Int32
	gone.Store(1)
	handler := func(context.Context, *Message) error {
		if gone.Load() == 1 {
			return Unavailable(errNoProgram)
		}
		running.Add(1)
		take(time.Hour)
		return nil
	}
	play(t, Options{Handler: handler, Settings: Settings{Concurrency: 3}}, func(r *rig) {
		r.send("q", "1", "2", "3", "4")
		nap(time.Second)
		gone.Store(0)
		nap(time.Minute)
		if n := running.Load(); n != 3 {
			t.Errorf("%d handlers run, want 3: the first one has shown that it is there", n)
		}
	})
}
