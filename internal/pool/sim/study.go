package sim

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// Source makes the trace of a seed.
type Source struct {
	Name string
	Make func(seed uint64) Trace
}

// Generated is the source of a generator.
func Generated(g Generator, length time.Duration, times Times) Source {
	return Source{Name: g.Name, Make: func(seed uint64) Trace { return g.Trace(seed, length, times) }}
}

// Study plays every policy on every trace with every seed.
type Study struct {
	Sources  []Source
	Policies []string // texts for policy.Parse, or Oracle
	Seeds    int      // seeds 1 to Seeds
	Config   Config   // Seed is set for each run

	// Progress is told after each run how many of all are done. It may be nil, and is called from several goroutines.
	Progress func(done, all int)
}

// Row is a policy on a trace, averaged over the seeds.
type Row struct {
	Trace  string `json:"trace"`
	Policy string `json:"policy"`
	Seeds  int    `json:"seeds"`
	Result
}

// Run plays the study on all processors and answers its rows by trace and policy, in the order of the study. All
// policies see the same messages. It ends early with the error of ctx.
func (s Study) Run(ctx context.Context) ([]Row, error) {
	for _, text := range s.Policies {
		if _, err := policy.Parse(text); text != Oracle && err != nil {
			return nil, err
		}
	}
	results := make([]Result, len(s.Sources)*s.Seeds*len(s.Policies))
	var done atomic.Int64
	told := func() {
		if n := done.Add(1); s.Progress != nil {
			s.Progress(int(n), len(results))
		}
	}
	days := make(chan int) // a trace and a seed: numbers below len(Sources)*Seeds
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(s.Sources)*s.Seeds) {
		workers.Go(func() {
			for day := range days {
				s.play(ctx, day, results[day*len(s.Policies):][:len(s.Policies)], told)
			}
		})
	}
	for day := range len(s.Sources) * s.Seeds {
		days <- day
	}
	close(days)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return s.rows(results), nil
}

// play runs all policies on one trace of one seed, and calls told after each.
func (s Study) play(ctx context.Context, day int, results []Result, told func()) {
	seed := uint64(day%s.Seeds + 1)
	trace := s.Sources[day/s.Seeds].Make(seed)
	config := s.Config
	config.Seed = seed
	for i, text := range s.Policies {
		if ctx.Err() != nil {
			return
		}
		results[i] = One(trace, text, config)
		told()
	}
}

// One runs the policy of a text that policy.Parse knows, or the lower bound. Other texts give a zero Result.
func One(trace Trace, text string, config Config) Result {
	if text == Oracle {
		return LowerBound(trace, config)
	}
	p, err := policy.Parse(text)
	if err != nil {
		return Result{}
	}
	return Run(trace, p, config)
}

func (s Study) rows(results []Result) []Row {
	var rows []Row
	for i, source := range s.Sources {
		for j, text := range s.Policies {
			of := make([]Result, s.Seeds)
			for k := range of {
				of[k] = results[(i*s.Seeds+k)*len(s.Policies)+j]
			}
			rows = append(rows, Row{Trace: source.Name, Policy: text, Seeds: s.Seeds, Result: mean(of, s.Config.Pool.Wait)})
		}
	}
	return rows
}

// mean averages results over seeds. The score is that of the averages, so that a reader can check it.
func mean(of []Result, objective time.Duration) Result {
	var m Result
	n := float64(len(of))
	for _, r := range of {
		m.Messages += r.Messages
		m.Redelivered += r.Redelivered
		m.Starts += r.Starts
		m.Peak = max(m.Peak, r.Peak)
		m.WorkerHours += r.WorkerHours / n
		m.WaitP50 += r.WaitP50 / n
		m.WaitP95 += r.WaitP95 / n
		m.WaitP99 += r.WaitP99 / n
		m.WaitMax = max(m.WaitMax, r.WaitMax)
		m.Late += r.Late / n
		m.Repeated += r.Repeated / n
	}
	m.Messages /= len(of)
	m.Redelivered /= len(of)
	m.Starts /= len(of)
	m.Score = Score(m.WorkerHours, m.WaitP95, objective)
	return m
}
