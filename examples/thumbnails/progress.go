package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
)

// lookEvery is how often the results are counted.
const lookEvery = 200 * time.Millisecond

// Progress knows how far the work is: what is done can be seen in the folder, and what is given up in its queue.
type Progress struct {
	results *os.Root
	total   map[string]string // the results that are wanted, and by which run
	pool    string            // URL of the pool; empty when there is none

	mu     sync.Mutex
	failed map[string]bool // results that are given up
}

func newProgress(results *os.Root, wanted []Job) *Progress {
	p := &Progress{results: results, total: make(map[string]string), failed: make(map[string]bool)}
	for _, j := range wanted {
		p.total[j.Result] = j.Run
	}
	return p
}

// State is how far the work is at one moment.
type State struct {
	Total, Done int
	Results     []string // all thumbnails of the folder, with those of earlier runs
	Failures    []Failure
}

// Failure is a thumbnail that could not be made.
type Failure struct{ Result, Reason string }

// Over reports whether nothing is left to do.
func (s State) Over() bool { return s.Done+len(s.Failures) >= s.Total }

// now looks how far the work is.
func (p *Progress) now() State {
	s := State{Total: len(p.total)}
	s.Results, _ = names(p.results, func(name string) bool { return strings.HasSuffix(name, ".jpg") }) // a folder that has gone has no results
	for _, name := range s.Results {
		if _, wanted := p.total[name]; wanted {
			s.Done++
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.failed {
		if _, done := slices.BinarySearch(s.Results, name); !done { // somebody may have moved it back
			s.Failures = append(s.Failures, Failure{name, p.reason(name)})
		}
	}
	slices.SortFunc(s.Failures, func(a, b Failure) int { return strings.Compare(a.Result, b.Result) })
	return s
}

// reason is what the worker has written about a failure.
func (p *Progress) reason(result string) string {
	text, err := p.results.ReadFile(result + excuseSuffix)
	if err != nil {
		return "its worker gave no reason"
	}
	return strings.TrimSpace(string(text))
}

// follow returns when nothing is left to do.
func (p *Progress) follow(ctx context.Context, q *jobs.Queue) error {
	watching, stop := context.WithCancelCause(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer stop(nil)
	watcher.Go(func() { stop(p.watch(watching, q)) })
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for !p.now().Over() {
		select {
		case <-watching.Done():
			return context.Cause(watching)
		case <-ticker.C:
		}
	}
	return nil
}

// watch notes which results are given up, until ctx ends.
func (p *Progress) watch(ctx context.Context, q *jobs.Queue) error {
	for {
		given, err := givenUp(ctx, q)
		if err != nil {
			return err
		}
		p.mu.Lock()
		for _, j := range given {
			if run, wanted := p.total[j.Result]; wanted && run == j.Run {
				p.failed[j.Result] = true
			}
		}
		p.mu.Unlock()
	}
}

// poolState is what is shown of what a pool tells.
type poolState struct {
	Desired int    `json:"desired"`
	Reason  string `json:"reason"`
}

// workers asks the pool how large it is, and answers in words.
func (p *Progress) workers(ctx context.Context) string {
	if p.pool == "" {
		return "unknown"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.pool, nil)
	if err != nil {
		return "unknown: " + err.Error()
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "unknown: " + err.Error()
	}
	defer answer.Body.Close()
	var s poolState
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		return "unknown: " + err.Error()
	}
	return fmt.Sprintf("%d (%s)", s.Desired, s.Reason)
}
