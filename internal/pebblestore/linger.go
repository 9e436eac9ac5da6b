package pebblestore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/forebay-mq/forebay/internal/broker"
)

// lingerTime is how long a lazy group waits for somebody else's sync before it gets one of its own. Pebble keeps
// what was not synced in a buffer of the process, so without it a kill in a quiet hour would undo receives.
const lingerTime = 20 * time.Millisecond

// linger sees to it that lazy groups do not stay unsynced for long. It costs nothing while nothing is lazy, and
// next to nothing while there are syncs anyway.
type linger struct {
	wake     chan struct{} // holds an element while a lazy group may be unsynced
	unsynced atomic.Bool   // a lazy group was written since the last sync
}

func newLinger() linger { return linger{wake: make(chan struct{}, 1)} }

// wrote notes that a group was written, lazily or with a sync that covers all before it.
func (l *linger) wrote(lazy bool) {
	if l.unsynced.Swap(lazy) || !lazy {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run asks for a sync, by an empty batch, when none has come by itself.
func (l *linger) run(ctx context.Context, commit func(*broker.Batch, func(error))) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		if !pause(ctx, lingerTime) {
			return
		}
		if l.unsynced.Load() {
			// A failure reaches everybody by its own way.
			commit(&broker.Batch{}, func(error) {})
		}
	}
}
