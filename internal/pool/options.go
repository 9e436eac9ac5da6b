package pool

import (
	"context"
	"log/slog"
	"time"
)

// Options are what a controller works with.
type Options struct {
	Settings

	Sources []Source // of Settings.Queues, in their order
	Driver  Driver
	Leader  Leader   // nil: this controller is the only one
	Memory  []Memory // where workers and estimates are remembered for the next controller; the first that knows is believed
	Folder  string   // state folder, for the decisions; empty: they are kept in memory alone
	Metrics *Metrics // nil: none
	Log     *slog.Logger
}

// Leader says whether this controller leads, when there are several for a pool.
type Leader interface {
	// Lead returns the epoch while this controller leads: a number that grows with each change. It answers from what
	// it knows, at once, and must be asked directly before every act.
	Lead() (epoch int64, leads bool)
	// Changed gets a value when the answer of Lead may have changed.
	Changed() <-chan struct{}
	// Resign gives the lead up at once, so that another controller need not wait for it.
	Resign(ctx context.Context)
}

// Memory keeps what the next controller of a pool should know.
type Memory interface {
	// Load returns what was saved last; nil when nothing was.
	Load(ctx context.Context) (*Memo, error)
	// Save replaces it.
	Save(ctx context.Context, m Memo) error
}

// Memo is what one controller leaves to the next.
type Memo struct {
	Service []float64 `json:"service,omitempty"` // by queue, seconds; zero is unknown
	Boot    float64   `json:"boot,omitempty"`    // seconds
	Crew    []Batch   `json:"crew,omitempty"`    // only of workers that outlive a controller
}

// Batch is workers that were ordered at one time.
type Batch struct {
	Started time.Time `json:"started"`
	Up      int       `json:"up,omitempty"`
	Booting int       `json:"booting,omitempty"`
	Stay    int       `json:"stay,omitempty"` // of these, that do not leave by themselves
}
