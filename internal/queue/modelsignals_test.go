package queue

import (
	"fmt"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"
)

// operations counts what all runs of the model did, for the log of the test.
var operations atomic.Int64

// modelSignals is what the model says that a queue should tell, since the last restart.
type modelSignals struct {
	totals    Counters
	waited    []Millis
	processed []Millis
}

func (m *modelMessage) waits(now Millis) bool { return m.hidden <= now && !m.poison() }
func (m *modelMessage) poison() bool          { return m.received != 0 && m.receives >= 3 }

// holds tells whether the message is in flight.
func (m *modelMessage) held(now Millis) bool { return m.inFlight && m.hidden > now }

// text is everything that the model says, in a form that can be compared.
func (m *model) text(now Millis) string {
	var oldest, poisonOldest time.Duration
	var waiting bool
	var poison int
	var coming [len(ComingWithin)]int64
	holders := map[string]int{}
	for _, msg := range m.messages {
		age := time.Duration(now-msg.since) * time.Millisecond
		if msg.waits(now) {
			waiting, oldest = true, max(oldest, age)
		}
		if msg.poison() {
			poison++
			poisonOldest = max(poisonOldest, age)
		}
		if msg.held(now) && msg.holder != "" {
			holders[msg.holder]++
		}
		for i, within := range ComingWithin {
			if msg.hidden > now && !msg.inFlight && msg.hidden/1000 <= now/1000+Millis(within/time.Second) {
				coming[i]++
			}
		}
	}
	return fmt.Sprintf("oldest %v %v, poison %d %v, holding %d %v, coming %v, sent %d, received %d, deleted %d, redelivered %d, "+
		"expired %d, dead %d, waited %s, processed %s", waiting, oldest, poison, poisonOldest, len(holders), holders, coming,
		m.totals.Sent, m.totals.Received, m.totals.Deleted, m.totals.Redelivered, m.totals.Expired, m.totals.DeadLettered,
		modelHistogram(m.waited), modelHistogram(m.processed))
}

// modelHistogram counts times into buckets, one after the other.
func modelHistogram(times []Millis) string {
	buckets := map[int]int64{}
	var sum time.Duration
	for _, d := range times {
		i := BucketFirst
		for float64(d)/1000 > BucketBound(i) {
			i++
		}
		buckets[i]++
		sum += time.Duration(d) * time.Millisecond
	}
	return fmt.Sprint(len(times), sum, buckets)
}

func (h *Histogram) text() string {
	buckets := map[int]int64{}
	for k, count := range h.Counts {
		if count != 0 {
			buckets[h.Lowest+k] = count
		}
	}
	return fmt.Sprint(h.Count, h.Sum, buckets)
}

// text is what the machine says, in the same form.
func (s *Stats) text() string {
	holders := map[string]int{}
	for _, h := range s.Holders {
		holders[h.Name] = h.Messages
	}
	return fmt.Sprintf("oldest %v %v, poison %d %v, holding %d %v, coming %v, sent %d, received %d, deleted %d, redelivered %d, "+
		"expired %d, dead %d, waited %s, processed %s", s.Waiting, s.OldestAge, s.Poison, s.PoisonAge, s.Holding, holders, s.Coming,
		s.Sent, s.Received, s.Deleted, s.Redelivered, s.Expired, s.DeadLettered, s.Waited.text(), s.Processed.text())
}

// checkSignals compares what the machine tells with what the model says.
func (mt *machineTest) checkSignals(t *rapid.T) {
	stats, _ := mt.w.c.StatsOf(mt.w.now, mt.name)
	got, want := stats.text(), mt.m.text(mt.now())
	if got != want {
		t.Fatalf("signals:\n got %s\nwant %s", got, want)
	}
	dead, _ := mt.w.c.StatsOf(mt.w.now, "dead")
	var oldest time.Duration
	if len(mt.m.movedAt) > 0 {
		oldest = time.Duration(mt.now()-mt.m.movedAt[0]) * time.Millisecond
	}
	if behind := mt.w.c.byName["dead"].overflow; behind > 0 && mt.w.slow {
		return // not read since the restart
	}
	if dead.OldestAge != oldest || dead.Poison != 0 {
		t.Fatalf("dead letters: oldest %v and %d poison, want %v and none", dead.OldestAge, dead.Poison, oldest)
	}
}
