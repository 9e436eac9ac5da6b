package signals

import (
	"math"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Windows are the time constants of the moving averages: what happened that long ago weighs 1/e of what happens now.
var Windows = [...]time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}

// Averages are messages a second, one for each of Windows.
type Averages [len(Windows)]float64

// Rates are exponentially weighted moving averages of what happens in a queue.
type Rates struct{ Sent, Received, Deleted Averages }

// counters are what rates are made from.
type counters struct{ sent, received, deleted int64 }

func countersOf(s *queue.Sample) counters { return counters{s.Sent, s.Received, s.Deleted} }

// rates are the rates of a queue at one moment. Between two foldings messages count as evenly spread.
type rates struct {
	Rates
	id   queue.ID
	at   time.Time
	last counters
}

// fold brings the rates to a later moment. The counters grow from zero since the process started, and have not grown
// up to idle.
func (r *rates) fold(idle, at time.Time, now counters) {
	if r.at.IsZero() {
		r.at = at.Add(-samplePeriod)
	}
	if idle.After(r.at) {
		r.pass(idle, r.last)
	}
	if at.After(r.at) {
		r.pass(at, now)
	}
}

func (r *rates) pass(at time.Time, now counters) {
	passed := at.Sub(r.at).Seconds()
	for i, window := range Windows {
		keep := math.Exp(-passed / window.Seconds())
		average := func(a *float64, n int64) { *a = *a*keep + float64(n)/passed*(1-keep) }
		average(&r.Sent[i], now.sent-r.last.sent)
		average(&r.Received[i], now.received-r.last.received)
		average(&r.Deleted[i], now.deleted-r.last.deleted)
	}
	r.at, r.last = at, now
}
