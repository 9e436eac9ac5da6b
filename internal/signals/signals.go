package signals

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Source is where figures come from. Every function must be safe for concurrent use.
type Source struct {
	Stats  func(max int) ([]queue.Stats, int) // each queue by name, and how many there are; max zero: all
	Queue  func(name string) (queue.Stats, bool)
	Names  func() []string // sorted
	Sample func(kept []queue.ID) (samples []queue.Sample, at time.Time, ok bool)
	// AwaitWork returns when the queue has a message for which nobody polls, or is gone, or ctx ends. An error says
	// that too many wait.
	AwaitWork func(ctx context.Context, id queue.ID) error
}

// Options are what a Recorder is made of. Source is needed.
type Options struct {
	Source Source

	// HistoryQueues is how many queues have a history, the most recently active ones; zero: HistoryQueuesDefault.
	// Each needs up to 220 KB.
	HistoryQueues int

	// Load returns what Save was given last, nil when there is nothing. Both are nil where nothing is kept.
	Load func() ([]byte, error)
	Save func([]byte) error
	// Discard puts aside what Load returned and could not be read; nil: it is overwritten.
	Discard func() error

	Logger *slog.Logger // nil: nobody is told
}

// HistoryQueuesDefault is how many queues have a history unless told otherwise.
const HistoryQueuesDefault = 100

const (
	samplePeriod = time.Second
	savePeriod   = time.Minute
	tidyPeriod   = 10 * time.Minute // how often the rates of queues that are gone are forgotten
)

// Recorder takes a sample of the queues every second, and answers for what it has seen. It is safe for concurrent
// use.
type Recorder struct {
	opts Options
	log  *slog.Logger

	mu      sync.Mutex        // of the rest
	at      time.Time         // of the newest sample
	rates   map[string]*rates // by name of the queue
	history history
}

// New returns a recorder with the history that was saved, if any. What cannot be read is told to the log and left
// out.
func New(opts Options) *Recorder {
	if opts.HistoryQueues <= 0 {
		opts.HistoryQueues = HistoryQueuesDefault
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{
		opts: opts, log: opts.Logger, rates: make(map[string]*rates),
		history: history{max: opts.HistoryQueues, series: make(map[queue.ID]*series)},
	}
	r.load()
	return r
}

// load reads the saved history.
func (r *Recorder) load() {
	if r.opts.Load == nil {
		return
	}
	data, err := r.opts.Load()
	if err == nil && data != nil {
		err = r.history.decode(data)
	}
	if err == nil {
		return
	}
	r.log.Warn("the history of the queues cannot be read and begins anew", "err", err)
	if r.opts.Discard != nil {
		if err := r.opts.Discard(); err != nil {
			r.log.Warn("the history that cannot be read could not be put aside", "err", err)
		}
	}
}

// Run samples until ctx ends, and saves the history every minute and in the end.
func (r *Recorder) Run(ctx context.Context) {
	sample, save, tidy := time.NewTicker(samplePeriod), time.NewTicker(savePeriod), time.NewTicker(tidyPeriod)
	defer sample.Stop()
	defer save.Stop()
	defer tidy.Stop()
	for {
		select {
		case <-sample.C:
			r.Sample()
		case <-save.C:
			r.save()
		case <-tidy.C:
			r.tidy()
		case <-ctx.Done():
			r.Sample()
			r.save()
			return
		}
	}
}

// Sample takes a sample now.
func (r *Recorder) Sample() {
	r.mu.Lock()
	kept := r.history.ids()
	r.mu.Unlock()
	samples, at, ok := r.opts.Source.Sample(kept)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	since := r.at
	r.at = at
	before := make(map[queue.ID]counters)
	for i := range samples {
		if sample := &samples[i]; sample.Active {
			rates := r.ratesOf(sample.Name, sample.ID, since)
			before[sample.ID] = rates.last
			rates.fold(since, at, countersOf(sample))
		}
	}
	r.history.add(at, samples, before)
}

// ratesOf returns the rates of a queue; a new one has been counting from zero since the sample before.
func (r *Recorder) ratesOf(name string, id queue.ID, since time.Time) *rates {
	found := r.rates[name]
	if found == nil || found.id != id {
		found = &rates{id: id, at: since}
		r.rates[name] = found
	}
	return found
}

// tidy forgets the rates of queues that are gone.
func (r *Recorder) tidy() {
	names := r.opts.Source.Names()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.rates {
		if _, there := slices.BinarySearch(names, name); !there {
			delete(r.rates, name)
		}
	}
}

// Rates returns the rates of a queue as they are now, given its figures.
func (r *Recorder) Rates(s *queue.Stats) Rates {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := rates{at: r.at}
	if one := r.rates[s.Name]; one != nil && one.id == s.ID {
		now = *one
	}
	now.fold(r.at, s.Time, counters{s.Sent, s.Received, s.Deleted})
	return now.Rates
}

// save writes the history away.
func (r *Recorder) save() {
	if r.opts.Save == nil {
		return
	}
	r.mu.Lock()
	data := r.history.encode()
	r.mu.Unlock()
	if err := r.opts.Save(data); err != nil {
		r.log.Warn("the history of the queues was not saved", "err", err)
	}
}
