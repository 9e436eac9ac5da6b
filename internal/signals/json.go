package signals

import (
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// queueJSON is one queue as it is answered. Its names are published: docs/signals.md.
type queueJSON struct {
	Name          string        `json:"name"`
	ARN           string        `json:"arn"`
	FIFO          bool          `json:"fifo"`
	Messages      messagesJSON  `json:"messages"`
	OldestSeconds *float64      `json:"oldest_seconds"`
	Poison        poisonJSON    `json:"poison"`
	Consumers     consumersJSON `json:"consumers"`
	Rates         ratesJSON     `json:"rates"`
	Totals        totalsJSON    `json:"totals"`
	Waited        timesJSON     `json:"waited"`
	Processed     timesJSON     `json:"processed"`
	Due           []dueJSON     `json:"due"`
	Time          string        `json:"time"`
}

type messagesJSON struct {
	Visible  int64 `json:"visible"`
	InFlight int64 `json:"in_flight"`
	Delayed  int64 `json:"delayed"`
}

type poisonJSON struct {
	Messages      int64    `json:"messages"`
	OldestSeconds *float64 `json:"oldest_seconds"`
}

type consumersJSON struct {
	Polling  int64        `json:"polling"`
	Holding  int64        `json:"holding"`
	InFlight []holderJSON `json:"in_flight,omitempty"`
}

type holderJSON struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
}

type ratesJSON struct {
	Sent     averagesJSON `json:"sent"`
	Received averagesJSON `json:"received"`
	Deleted  averagesJSON `json:"deleted"`
}

type averagesJSON struct {
	TenSeconds float64 `json:"10s"`
	Minute     float64 `json:"1m"`
	TenMinutes float64 `json:"10m"`
}

type totalsJSON struct {
	Sent         int64 `json:"sent"`
	Received     int64 `json:"received"`
	Deleted      int64 `json:"deleted"`
	Redelivered  int64 `json:"redelivered"`
	Expired      int64 `json:"expired"`
	DeadLettered int64 `json:"dead_lettered"`
}

type timesJSON struct {
	Count      int64   `json:"count"`
	SumSeconds float64 `json:"sum_seconds"`
	P50        float64 `json:"p50"`
	P95        float64 `json:"p95"`
	P99        float64 `json:"p99"`
}

type dueJSON struct {
	WithinSeconds int64 `json:"within_seconds"`
	Messages      int64 `json:"messages"`
}

// describe returns the figures of a queue as they are answered.
func (r *Recorder) describe(s *queue.Stats) queueJSON {
	rates := r.Rates(s)
	out := queueJSON{
		Name: s.Name, ARN: s.ARN, FIFO: s.FIFO,
		Messages:      messagesJSON{Visible: s.Visible, InFlight: s.InFlight, Delayed: s.Delayed},
		OldestSeconds: seconds(s.OldestAge, s.Waiting),
		Poison:        poisonJSON{Messages: s.Poison, OldestSeconds: seconds(s.PoisonAge, s.Poison > 0)},
		Consumers:     consumersJSON{Polling: s.Waiters, Holding: s.Holding},
		Rates:         ratesJSON{averages(rates.Sent), averages(rates.Received), averages(rates.Deleted)},
		Totals: totalsJSON{
			Sent: s.Sent, Received: s.Received, Deleted: s.Deleted,
			Redelivered: s.Redelivered, Expired: s.Expired, DeadLettered: s.DeadLettered,
		},
		Waited: times(&s.Waited), Processed: times(&s.Processed),
		Time: s.Time.UTC().Format(time.RFC3339Nano),
	}
	for _, h := range s.Holders {
		out.Consumers.InFlight = append(out.Consumers.InFlight, holderJSON(h))
	}
	for i, within := range queue.ComingWithin {
		out.Due = append(out.Due, dueJSON{int64(within / time.Second), s.Coming[i]})
	}
	return out
}

// seconds is null unless there is something that has an age.
func seconds(d time.Duration, there bool) *float64 {
	if !there {
		return nil
	}
	s := d.Seconds()
	return &s
}

func averages(a Averages) averagesJSON { return averagesJSON{a[0], a[1], a[2]} }

func times(h *queue.Histogram) timesJSON {
	return timesJSON{h.Count, h.Sum.Seconds(), h.Quantile(.5), h.Quantile(.95), h.Quantile(.99)}
}
