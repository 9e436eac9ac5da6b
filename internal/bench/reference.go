package bench

import (
	"context"
	"fmt"
	"time"
)

// ReferenceOptions say where to measure what the machine can do.
type ReferenceOptions struct {
	Noop    string        // URL of a NoopHandler for batches like those of the run
	NoopPID int           // its process; zero: unknown
	Folder  string        // for the disk, best the server's data folder; empty: the disk is not measured
	Long    time.Duration // for each of the measurements; zero: 3 s
}

// Reference is what the machine can do, measured around a run with the same requests.
type Reference struct {
	NoopRequestsPerSecond float64    `json:"noopRequestsPerSecond"`
	NoopSpread            float64    `json:"noopSpread"`     // between before and after, as a fraction of the mean
	NoopCPUMicros         float64    `json:"noopCPUMicros"`  // a request; zero: not known
	Disk                  *Disk      `json:"disk,omitempty"` // before the run
	Fractions             []Fraction `json:"fractions"`
}

// Fraction is a figure of the server beside what the machine can do.
type Fraction struct {
	What      string  `json:"what"`
	Server    float64 `json:"server"`
	Reference float64 `json:"reference"`
	Fraction  float64 `json:"fraction"`
}

// Compare is Run between measurements of what the machine can do: the disk and the no-op handler before, the
// no-op handler again after. Result.Reference has them and the run as a fraction of each.
func Compare(ctx context.Context, opts Options, ref ReferenceOptions) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if ref.Long == 0 {
		ref.Long = 3 * time.Second
	}
	out := &Reference{}
	if ref.Folder != "" {
		opts.tell(Disks)
		disk, err := MeasureDisk(ctx, ref.Folder, ref.Long)
		if err != nil {
			return nil, fmt.Errorf("measure the disk: %w", err)
		}
		out.Disk = &disk
	}
	noop := noopOptions(opts.withDefaults(), ref)
	opts.tell(Machine)
	before, err := Run(ctx, noop)
	if err != nil {
		return nil, fmt.Errorf("the no-op handler: %w", err)
	}
	result, err := Run(ctx, opts)
	if err != nil {
		return result, err
	}
	opts.tell(Machine)
	after, err := Run(ctx, noop)
	if err != nil {
		return result, fmt.Errorf("the no-op handler: %w", err)
	}
	out.setNoop(before, after)
	out.compare(result)
	result.Reference = out
	return result, nil
}

// noopOptions are those of the run, with all its requests made sends to the no-op handler, as fast as possible.
func noopOptions(o Options, ref ReferenceOptions) Options {
	o.Mode, o.Endpoint, o.ServerPID, o.Duration = Send, ref.Noop, ref.NoopPID, ref.Long
	o.Queue, o.Queues, o.Groups = "noop", 1, 0
	o.Rate, o.Messages, o.Verify = 0, 0, false
	o.Progress, o.Phase = nil, nil
	return o
}

func (ref *Reference) setNoop(before, after *Result) {
	a, b := before.Step(stepNames[stepSend]), after.Step(stepNames[stepSend])
	ref.NoopRequestsPerSecond = (a.RequestsPerSecond + b.RequestsPerSecond) / 2
	if ref.NoopRequestsPerSecond > 0 {
		ref.NoopSpread = max(a.RequestsPerSecond-b.RequestsPerSecond, b.RequestsPerSecond-a.RequestsPerSecond) / ref.NoopRequestsPerSecond
	}
	if requests := float64(a.Requests + b.Requests); before.Server != nil && after.Server != nil && requests > 0 {
		ref.NoopCPUMicros = (before.Server.CPUSeconds + after.Server.CPUSeconds) * 1e6 / requests
	}
}

// compare puts the run's figures beside those of the machine. In an open loop the rate is the user's, and says
// nothing of the server.
func (ref *Reference) compare(r *Result) {
	var all float64
	for _, s := range r.Steps {
		if s.Step != stepNames[stepThrough] && s.Step != stepNames[stepCall] {
			all += s.RequestsPerSecond
		}
	}
	send, through := r.Step(stepNames[stepSend]), r.Step(stepNames[stepThrough])
	if r.Rate == 0 {
		ref.add("requests/s, no-op handler", all, ref.NoopRequestsPerSecond)
	}
	if r.Server != nil && all > 0 {
		ref.add("µs CPU a request, no-op handler", r.Server.CPUSeconds*1e6/(all*r.Seconds), ref.NoopCPUMicros)
	}
	if ref.Disk == nil {
		return
	}
	if r.Rate == 0 {
		ref.add("messages sent/s, syncs/s", send.MessagesPerSecond, ref.Disk.SyncsPerSecond)
		ref.add("bytes sent/s, sequential write", send.BytesPerSecond, ref.Disk.BytesPerSecond)
	}
	latency, name := send, "send"
	if r.Mode == Latency {
		latency, name = through, "send to receive"
	}
	ref.add("ms "+name+" p50, sync p50", latency.P50, ref.Disk.SyncP50)
	ref.add("ms "+name+" p99, sync p99", latency.P99, ref.Disk.SyncP99)
}

// add adds a fraction, unless one of its sides is not known.
func (ref *Reference) add(what string, server, reference float64) {
	if server > 0 && reference > 0 {
		ref.Fractions = append(ref.Fractions, Fraction{what, server, reference, server / reference})
	}
}
