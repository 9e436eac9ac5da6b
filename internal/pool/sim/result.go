package sim

import (
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// Result is what a run came to. Waits are from the time a message became visible to the receive that finished it, in
// seconds.
type Result struct {
	Messages    int     `json:"messages"`
	WorkerHours float64 `json:"workerHours"` // from start order to end, boots included, within the length of the trace
	WaitP50     float64 `json:"waitP50"`
	WaitP95     float64 `json:"waitP95"`
	WaitP99     float64 `json:"waitP99"`
	WaitMax     float64 `json:"waitMax"`
	Late        float64 `json:"late"`     // share of messages that waited longer than W*
	Repeated    float64 `json:"repeated"` // share of worker time lost to killed work, over the work there was
	Redelivered int     `json:"redelivered"`
	Starts      int     `json:"starts"`
	Peak        int     `json:"peak"`
	Score       float64 `json:"score"` // WorkerHours × max(WaitP95, W*)

	Timeline []Point `json:"timeline,omitempty"`
}

// Point is the pool at one moment.
type Point struct {
	At      time.Duration
	Backlog int           // visible messages
	Up      int           // workers that can work
	Booting int           // workers that cannot yet
	Wait    time.Duration // how long the oldest visible message has waited
}

func (r *run) sample() {
	r.nextSample += r.config.Sample
	p := Point{At: r.now, Backlog: r.line.len()}
	for _, v := range r.views {
		if v.State == policy.Booting {
			p.Booting++
		} else {
			p.Up++
		}
	}
	if p.Backlog > 0 {
		p.Wait = r.now - r.trace.Messages[r.line.first()].At
	}
	r.timeline = append(r.timeline, p)
}

func (r *run) result() Result {
	for _, w := range r.workers {
		r.pay(w)
	}
	for r.line.len() > 0 { // never served: they have waited until the end
		m := r.line.pop()
		r.wait[m] = r.now - r.trace.Messages[m].At
	}
	late := 0
	for _, w := range r.wait {
		if w > r.config.Pool.Wait {
			late++
		}
	}
	slices.Sort(r.wait)
	res := Result{
		Messages: len(r.wait), WorkerHours: r.paid.Hours(),
		WaitP50: r.percentile(0.5), WaitP95: r.percentile(0.95), WaitP99: r.percentile(0.99), WaitMax: r.percentile(1),
		Late: share(float64(late), float64(len(r.wait))), Repeated: share(r.wasted.Seconds(), r.trace.Work().Seconds()),
		Redelivered: r.repeated, Starts: r.starts, Peak: r.peak, Timeline: r.timeline,
	}
	res.Score = Score(res.WorkerHours, res.WaitP95, r.config.Pool.Wait)
	return res
}

// Score weighs cost against waiting; less is better. A wait below the objective earns nothing.
func Score(workerHours, waitP95 float64, objective time.Duration) float64 {
	return workerHours * max(waitP95, objective.Seconds())
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// percentile answers from the sorted waits, in seconds.
func (r *run) percentile(p float64) float64 {
	if len(r.wait) == 0 {
		return 0
	}
	return r.wait[min(int(p*float64(len(r.wait))), len(r.wait)-1)].Seconds()
}
