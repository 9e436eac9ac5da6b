//go:build !unix

package bench

import "time"

// OwnCPU is not known on this system.
func OwnCPU() time.Duration { return 0 }
