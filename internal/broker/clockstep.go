//go:build !clockstep

package broker

import "time"

// clockStep is how far the wall clock has been made to step. An ordinary build has no such thing; `make soak` builds
// the other, since nobody can set the clock of a machine for one process alone.
func clockStep() time.Duration { return 0 }
