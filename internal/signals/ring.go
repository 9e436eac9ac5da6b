package signals

import "time"

// Metric is one line of a history.
type Metric int

// The metrics of a history. Of the first three each step shows the greatest value seen in it, of the others how many
// there were in it.
const (
	Visible Metric = iota
	InFlight
	Oldest // kept in milliseconds
	Sent
	Received
	Deleted
	metrics int = iota
)

// metricNames are the names of the metrics in requests.
var metricNames = [metrics]string{"visible", "in_flight", "oldest_seconds", "sent", "received", "deleted"}

// steps are the rings that a history has: how long a step is, and how many are kept.
var steps = [...]struct {
	name string
	step time.Duration
	kept int
}{
	{"1s", time.Second, 600},        // 10 minutes
	{"10s", 10 * time.Second, 1080}, // 3 hours
	{"1m", time.Minute, 2880},       // 48 hours
}

// missing stands for a step in which nothing was seen: the server was not running, or did not keep the queue.
const missing = -1

// point is the values of one step.
type point [metrics]int64

var noPoint = point{missing, missing, missing, missing, missing, missing}

// ring is the newest points of one queue for one length of step.
type ring struct {
	kept   int
	newest int64   // number of the newest step since 1970; meaningless while points is empty
	points []point // oldest first from next on, once there are kept of them
	next   int     // where the next one goes, once there are kept of them
}

// add puts what was seen at a moment into the step with this number.
func (r *ring) add(number int64, p point) {
	switch {
	case len(r.points) == 0 || number-r.newest >= int64(r.kept):
		r.points, r.next = r.points[:0], 0
		r.push(p)
	case number <= r.newest: // a clock that stands still counts into the same step
		r.merge(&r.points[r.last()], p)
		return
	default:
		for n := r.newest + 1; n < number; n++ {
			r.push(noPoint)
		}
		r.push(p)
	}
	r.newest = number
}

func (r *ring) push(p point) {
	if len(r.points) < r.kept {
		r.points = append(r.points, p)
		return
	}
	r.points[r.next] = p
	r.next = (r.next + 1) % r.kept
}

// last is the index of the newest point. There must be one.
func (r *ring) last() int { return (r.next + len(r.points) - 1) % len(r.points) }

func (r *ring) merge(into *point, p point) {
	for m := range into {
		switch {
		case into[m] == missing:
			into[m] = p[m]
		case p[m] == missing:
		case Metric(m) >= Sent:
			into[m] += p[m]
		default:
			into[m] = max(into[m], p[m])
		}
	}
}

// at returns the point of the step with this number, and false when that is not kept.
func (r *ring) at(number int64) (point, bool) {
	back := r.newest - number
	if back < 0 || back >= int64(len(r.points)) {
		return noPoint, false
	}
	return r.points[(r.last()-int(back)+len(r.points))%len(r.points)], true
}
