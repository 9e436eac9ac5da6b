package gateway

import (
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// TestTimeThatGoesBackIsNotCountedTwice has two requests in turn enter in the other order than they came.
func TestTimeThatGoesBackIsNotCountedTwice(t *testing.T) {
	const perSecond, burst, ms = 100, 5, time.Millisecond
	l := &lane{Route: &Route{ClientRate: perSecond, ClientBurst: burst}, clients: make(map[string]*visitor)}
	l.limit = rate.NewLimiter(rate.Inf, 1)
	began := time.Unix(1e9, 0)
	passed := 0
	for i := range 2000 {
		now := began.Add(time.Duration(i) * ms)
		if i%2 == 1 {
			now = now.Add(-30 * ms)
		}
		if leave, p := l.enter("somebody", now); p == nil {
			leave()
			passed++
		}
	}
	if most := burst + 2*perSecond; passed > most || passed < most-2 {
		t.Errorf("%d requests passed in two seconds, want %d", passed, most)
	}
}
