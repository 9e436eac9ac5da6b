package signals

import (
	"cmp"
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// historyIdle is how long a queue is without any use before another may take its place in a full history.
const historyIdle = time.Minute

// history is the series of the queues that were active most recently.
type history struct {
	max    int
	series map[queue.ID]*series
}

// series is the history of one queue.
type series struct {
	name   string
	active time.Time // when it was last seen in use
	last   counters  // of this process
	rings  [len(steps)]ring
}

func newSeries(name string) *series {
	s := &series{name: name}
	for i := range s.rings {
		s.rings[i].kept = steps[i].kept
	}
	return s
}

// ids returns the queues that have a series, in no order.
func (h *history) ids() []queue.ID {
	ids := make([]queue.ID, 0, len(h.series))
	for id := range h.series {
		ids = append(ids, id)
	}
	return ids
}

// add adds samples that were taken together. A queue of which there is none is gone. before are the counters of those
// in use, as they were at the sample before.
func (h *history) add(at time.Time, samples []queue.Sample, before map[queue.ID]counters) {
	seen := make(map[queue.ID]bool, len(samples))
	slices.SortFunc(samples, func(a, b queue.Sample) int { return cmp.Compare(a.ID, b.ID) })
	for i := range samples {
		seen[samples[i].ID] = true
	}
	for id := range h.series {
		if !seen[id] {
			delete(h.series, id)
		}
	}
	for i := range samples {
		sample := &samples[i]
		s := h.series[sample.ID]
		if s == nil {
			if s = h.begin(at, sample); s == nil {
				continue
			}
			s.last = before[sample.ID]
		}
		if sample.Active {
			s.active = at
		}
		s.add(at, sample)
	}
}

// begin makes room for one more series and returns it, or nil when all others are in use.
func (h *history) begin(at time.Time, sample *queue.Sample) *series {
	if len(h.series) >= h.max {
		var idlest queue.ID
		var since time.Time
		for id, s := range h.series {
			if since.IsZero() || s.active.Before(since) || s.active.Equal(since) && id < idlest {
				idlest, since = id, s.active
			}
		}
		if at.Sub(since) < historyIdle {
			return nil
		}
		delete(h.series, idlest)
	}
	s := newSeries(sample.Name)
	h.series[sample.ID] = s
	return s
}

func (s *series) add(at time.Time, sample *queue.Sample) {
	now := countersOf(sample)
	p := point{
		Visible: sample.Visible, InFlight: sample.InFlight, Oldest: missing,
		Sent: now.sent - s.last.sent, Received: now.received - s.last.received, Deleted: now.deleted - s.last.deleted,
	}
	if sample.Waiting {
		p[Oldest] = sample.OldestAge.Milliseconds()
	}
	s.last = now
	for i := range s.rings {
		s.rings[i].add(at.Unix()/int64(steps[i].step/time.Second), p)
	}
}

// Point is one step of a history.
type Point struct {
	At    time.Time // its start
	Value *float64  // nil: nothing was seen in it, or, for Oldest, nothing waited
}

// History returns a metric of a queue, oldest first: in steps of a second (step 0), of ten, or of a minute (2). ok is
// false when the queue has no history.
func (r *Recorder) History(id queue.ID, m Metric, step int) (points []Point, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.history.series[id]
	if s == nil {
		return nil, false
	}
	ring, seconds := &s.rings[step], int64(steps[step].step/time.Second)
	for number := ring.newest - int64(len(ring.points)) + 1; number <= ring.newest; number++ {
		p, _ := ring.at(number)
		point := Point{At: time.Unix(number*seconds, 0).UTC()}
		if p[m] != missing {
			value := float64(p[m])
			if m == Oldest {
				value /= 1000
			}
			point.Value = &value
		}
		points = append(points, point)
	}
	return points, true
}
