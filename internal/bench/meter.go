package bench

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// step is a part of a message's way that is measured.
type step int

const (
	stepSend step = iota
	stepCall      // the same without the wait for a free connection; open loop only
	stepReceive
	stepDelete
	stepThrough // from send to receive, for each message
	stepCount
)

var stepNames = [stepCount]string{"send", "send call", "receive", "delete", "send to receive"}

// Latencies are recorded from a microsecond to ten minutes, to three digits.
const (
	latencyMin    = int64(time.Microsecond)
	latencyMax    = int64(10 * time.Minute)
	latencyDigits = 3
)

// meterStripes is how many recorders share the work: a histogram takes some 200 KiB, too much for one of each
// connection.
const meterStripes = 8

// meter counts and times requests while it is on. All methods are safe for concurrent use.
type meter struct {
	on      atomic.Bool
	steps   [stepCount]meterStep
	errors  errorCounts
	started time.Time
	elapsed time.Duration // while it was on
}

type meterStep struct {
	messages atomic.Int64
	stripes  [meterStripes]meterStripe
}

type meterStripe struct {
	mu              sync.Mutex
	histogram       *hdrhistogram.Histogram
	requests, bytes int64
	_               [32]byte // the neighbour's lock is in another cache line
}

func newMeter() *meter {
	m := &meter{}
	for i := range m.steps {
		for j := range m.steps[i].stripes {
			m.steps[i].stripes[j].histogram = hdrhistogram.New(latencyMin, latencyMax, latencyDigits)
		}
	}
	return m
}

func (m *meter) start() {
	m.started = time.Now()
	m.on.Store(true)
}

// stop ends the measurement. It may be called more than once, by one goroutine.
func (m *meter) stop() {
	if m.on.CompareAndSwap(true, false) {
		m.elapsed = time.Since(m.started)
	}
}

// record counts a request of a worker that took so long and moved so many messages with so many bytes of bodies.
func (m *meter) record(s step, worker int, took time.Duration, messages, bytes int) {
	if !m.on.Load() {
		return
	}
	m.steps[s].messages.Add(int64(messages))
	stripe := &m.steps[s].stripes[worker%meterStripes]
	stripe.mu.Lock()
	stripe.requests++
	stripe.bytes += int64(bytes)
	_ = stripe.histogram.RecordValue(min(max(int64(took), latencyMin), latencyMax)) // within its bounds it cannot fail
	stripe.mu.Unlock()
}

// sum returns all that was recorded of a step.
func (m *meter) sum(s step) (all *hdrhistogram.Histogram, requests, bytes int64) {
	all = hdrhistogram.New(latencyMin, latencyMax, latencyDigits)
	for i := range m.steps[s].stripes {
		stripe := &m.steps[s].stripes[i]
		stripe.mu.Lock()
		all.Merge(stripe.histogram)
		requests += stripe.requests
		bytes += stripe.bytes
		stripe.mu.Unlock()
	}
	return all, requests, bytes
}

// errorCounts counts errors by code, also while nothing is measured.
type errorCounts struct {
	mu    sync.Mutex
	codes map[string]int64
	total atomic.Int64
	first error
}

func (e *errorCounts) add(code string, err error) {
	e.total.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.codes == nil {
		e.codes = make(map[string]int64)
	}
	e.codes[code]++
	if e.first == nil {
		e.first = err
	}
}
