package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Result is what a run has measured.
type Result struct {
	Mode     Mode   `json:"mode"`
	Endpoint string `json:"endpoint"`
	Protocol string `json:"protocol"`
	Signed   bool   `json:"signed"`

	Producers int     `json:"producers"`
	Consumers int     `json:"consumers"`
	Batch     int     `json:"batch"`
	Size      int     `json:"size"` // bytes, the mean
	SizeDist  string  `json:"sizeDist"`
	Queues    int     `json:"queues"`
	Groups    int     `json:"groups,omitzero"`
	Rate      float64 `json:"rate,omitzero"` // messages a second that were asked for
	Loop      Loop    `json:"loop"`          // what the latencies of sends mean

	// Behind is how many seconds late requests were in the end, zero if the rate was kept. A rate that was not kept is above
	// what server, machine or connections can do, and then latencies grow with the length of the run.
	Behind   float64 `json:"behindSeconds,omitzero"`
	Leftover int64   `json:"leftover,omitzero"` // messages of before, which mode latency took out of the queue first

	Interrupted bool             `json:"interrupted,omitzero"`
	Seconds     float64          `json:"seconds"` // that were measured
	Steps       []StepResult     `json:"steps"`
	Errors      map[string]int64 `json:"errors"` // by code

	// Of the messages of this run, and for Duplicates and the violations also of other runs.
	Acknowledged int64 `json:"acknowledged"`
	Delivered    int64 `json:"delivered"`
	Lost         int64 `json:"lost"`       // acknowledged and not delivered; counted when verifying
	Duplicates   int64 `json:"duplicates"` // deliveries after the first, also those that are allowed
	Twice        int64 `json:"twice"`      // deliveries within the visibility timeout or after the delete
	Misordered   int64 `json:"misordered"` // deliveries behind a later message of the group
	Strangers    int64 `json:"strangers"`  // messages received that no run has sent

	Verified   bool     `json:"verified"`             // the run went on until all was out, see Options.Verify
	Violations []string `json:"violations,omitempty"` // the first of them, in words

	GeneratorMicros float64      `json:"generatorMicrosPerMessage"` // of processor time
	Server          *ServerUsage `json:"server,omitempty"`
	Reference       *Reference   `json:"reference,omitempty"` // see Compare
}

// StepResult is how one kind of request went.
type StepResult struct {
	Step              string  `json:"step"`
	Measures          string  `json:"measures"` // from when to when the latencies count
	Requests          int64   `json:"requests"`
	Messages          int64   `json:"messages"`
	RequestsPerSecond float64 `json:"requestsPerSecond"`
	MessagesPerSecond float64 `json:"messagesPerSecond"`
	BytesPerSecond    float64 `json:"bytesPerSecond"` // of bodies

	// Latencies, all in milliseconds.
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// ServerUsage is what the server's process has used while it was measured.
type ServerUsage struct {
	CPUSeconds       float64 `json:"cpuSeconds"`
	MicrosPerMessage float64 `json:"microsPerMessage"` // processor time for each message
	WrittenBytes     int64   `json:"writtenBytes"`     // given to the disk
	WrittenPerByte   float64 `json:"writtenPerByte"`   // for each byte of an accepted body; zero: none was sent
	ResidentBytes    int64   `json:"residentBytes"`    // memory, at the end
}

// Messages is the number of messages that went all the way that the mode has.
func (r *Result) messages() int64 {
	var n int64
	for _, s := range r.Steps {
		n = max(n, s.Messages)
	}
	return n
}

// Step returns how one kind of request went, the zero value when there was none.
func (r *Result) Step(name string) StepResult {
	for _, s := range r.Steps {
		if s.Step == name {
			return s
		}
	}
	return StepResult{Step: name}
}

// Verdict is nil when the run was good: it did something, and, if it verified, kept every promise.
func (r *Result) Verdict() error {
	switch {
	case r.messages() == 0 && len(r.Errors) > 0:
		return errors.New("not one message got through")
	case !r.Verified:
		return nil
	case r.Interrupted:
		return errors.New("interrupted before everything could be verified")
	case r.Lost > 0 || r.Twice > 0 || r.Misordered > 0:
		return fmt.Errorf("of %d acknowledged messages %d were lost, %d came twice and %d came out of order",
			r.Acknowledged, r.Lost, r.Twice, r.Misordered)
	}
	return nil
}

// sum makes the result of the run.
func (r *run) sum(ctx context.Context, before, after usage) *Result {
	o := r.opts
	res := &Result{
		Mode: o.Mode, Endpoint: o.Endpoint, Protocol: o.Protocol, Signed: !o.Unsigned,
		Batch: o.Batch, Size: o.Size, SizeDist: o.SizeDist,
		Queues: o.Queues, Groups: o.Groups, Rate: o.Rate,
		Loop: o.loop(), Leftover: r.leftover,
		Interrupted: ctx.Err() != nil, Seconds: r.meter.elapsed.Seconds(), Verified: o.Verify, Strangers: r.strangers.Load(),
	}
	if o.Mode.sends() {
		res.Producers, res.Behind = o.Producers, r.behindAtEnd().Seconds()
	}
	if o.Mode.receives() {
		res.Consumers = o.Consumers
	}
	for s := range stepCount {
		if step, any := r.stepResult(s); any {
			res.Steps = append(res.Steps, step)
		}
	}
	r.meter.errors.mu.Lock()
	res.Errors = make(map[string]int64)
	maps.Copy(res.Errors, r.meter.errors.codes)
	r.meter.errors.mu.Unlock()

	a := r.ledgers.audit(o.Verify && o.Mode.sends())
	res.Acknowledged, res.Delivered, res.Lost, res.Duplicates = a.acked, a.seen, a.lost, a.duplicates
	res.Twice, res.Misordered, res.Violations = a.twice, a.misordered, a.words
	r.addUsage(res, before, after)
	return res
}

func (r *run) stepResult(s step) (StepResult, bool) {
	histogram, requests, bytes := r.meter.sum(s)
	seconds := max(r.meter.elapsed, time.Nanosecond).Seconds()
	messages := r.meter.steps[s].messages.Load()
	millis := func(n int64) float64 { return float64(n) / float64(time.Millisecond) }
	return StepResult{
		Step: stepNames[s], Measures: r.opts.measures(s), Requests: requests, Messages: messages,
		RequestsPerSecond: float64(requests) / seconds, MessagesPerSecond: float64(messages) / seconds,
		BytesPerSecond: float64(bytes) / seconds,
		Mean:           histogram.Mean() / float64(time.Millisecond),
		P50:            millis(histogram.ValueAtQuantile(50)), P90: millis(histogram.ValueAtQuantile(90)), P95: millis(histogram.ValueAtQuantile(95)),
		P99: millis(histogram.ValueAtQuantile(99)), P999: millis(histogram.ValueAtQuantile(99.9)),
		Max: millis(histogram.Max()),
	}, requests > 0
}

// addUsage adds what the processes have used of the machine.
func (r *run) addUsage(res *Result, before, after usage) {
	messages := float64(max(1, res.messages()))
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / messages }
	res.GeneratorMicros = micros(after.own - before.own)
	if after.server == 0 {
		return
	}
	res.Server = &ServerUsage{
		CPUSeconds:       (after.server - before.server).Seconds(),
		MicrosPerMessage: micros(after.server - before.server),
		WrittenBytes:     after.written - before.written,
		ResidentBytes:    after.resident,
	}
	if accepted := res.Step(stepNames[stepSend]).BytesPerSecond * res.Seconds; accepted > 0 {
		res.Server.WrittenPerByte = float64(res.Server.WrittenBytes) / accepted
	}
}
