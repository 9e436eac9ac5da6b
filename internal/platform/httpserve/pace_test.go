package httpserve

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var paceFrom = [...]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")}

// waits tells how long an answer waits.
func waits(p *Pace, from netip.Addr, cost float64) time.Duration {
	began := time.Now()
	p.Wait(context.Background(), from, cost)
	return time.Since(began)
}

// Who sends few unwelcome requests is answered at once; who sends many is answered at a rate, and pays for what is large.
func TestPaceSlowsDownWhoSendsMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(PaceOptions{Rate: 10, Burst: 20, All: 1000, Max: 5 * time.Second})
		for i := range 20 {
			if d := waits(p, paceFrom[0], 1); d != 0 {
				t.Fatalf("request %d of a burst waited %v, want not at all", i, d)
			}
		}
		for range 3 {
			if d := waits(p, paceFrom[0], 1); d != 100*time.Millisecond {
				t.Errorf("a request beyond the burst waited %v, want 100ms at 10 a second", d)
			}
		}
		if d := waits(p, paceFrom[0], 20); d != 2*time.Second {
			t.Errorf("a request that costs 20 units waited %v, want 2s", d)
		}
		if d := waits(p, paceFrom[1], 1); d != 0 {
			t.Errorf("another address waited %v, want not at all", d)
		}
		if d := waits(p, paceFrom[0], 1e6); d != 5*time.Second {
			t.Errorf("a request waited %v, want no more than 5s", d)
		}
		time.Sleep(5 * time.Second)
		if d := waits(p, paceFrom[0], 1); d != 0 {
			t.Errorf("a request waited %v after a pause, want not at all: the debt is bounded", d)
		}
	})
}

// Many addresses share a rate, but only those that send much.
func TestPaceBoundsAllAddressesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(PaceOptions{Rate: 1000, Burst: 10, All: 10, Max: 5 * time.Second})
		for range 10 {
			waits(p, paceFrom[0], 1)
			waits(p, paceFrom[1], 1)
		}
		if d := waits(p, paceFrom[0], 10); d < 900*time.Millisecond {
			t.Errorf("a request of an address that sent many waited %v, want about a second", d)
		}
		if d := waits(p, paceFrom[2], 1); d != 0 {
			t.Errorf("the first request of an address waited %v, want not at all", d)
		}
		time.Sleep(2 * time.Minute)
		waits(p, paceFrom[2], 1)
		if n := len(p.by); n != 1 {
			t.Errorf("%d addresses are remembered after a pause, want 1", n)
		}
	})
}

// A client that has left is not waited for.
func TestPaceEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(PaceOptions{Rate: 1, Burst: 1})
		waits(p, paceFrom[0], 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		p.Wait(ctx, paceFrom[0], 3)
		if d := time.Since(began); d != time.Second {
			t.Errorf("the wait took %v, want the second of its context", d)
		}
	})
}
