package pool

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of all pools of a controller process. A nil *Metrics counts nothing.
type Metrics struct {
	crew      *prometheus.GaugeVec
	desired   *prometheus.GaugeVec
	reachable *prometheus.GaugeVec
	leads     *prometheus.GaugeVec
	events    *prometheus.CounterVec
	restarts  *prometheus.CounterVec
	seconds   *prometheus.CounterVec
	wasted    *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"pool"}, labels...))
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"pool"}, labels...))
	}
	m := &Metrics{
		crew:      gauge("forebay_pool_workers", "Workers by state: starting, idle, busy, stopping.", "state"),
		desired:   gauge("forebay_pool_workers_desired", "Workers there should be."),
		reachable: gauge("forebay_pool_objective_reachable", "1 while no message has to wait longer than the objective."),
		leads:     gauge("forebay_pool_leads", "1 while this controller leads the pool."),
		events:    counter("forebay_pool_scale_events_total", "Decisions that started or drained workers, by direction and occasion.", "direction", "reason"),
		restarts:  counter("forebay_pool_worker_restarts_total", "Workers that ended and had not meant to.", "reason"),
		seconds:   counter("forebay_pool_worker_seconds_total", "Time of workers, from start order to end."),
		wasted:    counter("forebay_pool_wasted_seconds_total", "Time of workers that came to nothing.", "reason"),
	}
	registry.MustRegister(m.crew, m.desired, m.reachable, m.leads, m.events, m.restarts, m.seconds, m.wasted)
	return m
}

func (m *Metrics) workers(pool string, states map[string]int, desired int, reachable, leads bool) {
	if m == nil {
		return
	}
	for state, n := range states {
		m.crew.WithLabelValues(pool, state).Set(float64(n))
	}
	m.desired.WithLabelValues(pool).Set(float64(desired))
	m.reachable.WithLabelValues(pool).Set(truth(reachable))
	m.leads.WithLabelValues(pool).Set(truth(leads))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *Metrics) scaled(pool string, d *Decision) {
	if m == nil {
		return
	}
	if d.Start > 0 {
		m.events.WithLabelValues(pool, "up", d.Occasion).Inc()
	}
	if d.Stop > 0 {
		m.events.WithLabelValues(pool, "down", d.Occasion).Inc()
	}
}

func (m *Metrics) restart(pool, reason string) {
	if m != nil {
		m.restarts.WithLabelValues(pool, reason).Inc()
	}
}

func (m *Metrics) workerSeconds(pool string, s float64) {
	if m != nil {
		m.seconds.WithLabelValues(pool).Add(s)
	}
}

func (m *Metrics) waste(pool, reason string, s float64) {
	if m != nil {
		m.wasted.WithLabelValues(pool, reason).Add(max(s, 0))
	}
}
