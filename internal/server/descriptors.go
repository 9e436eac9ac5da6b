package server

import "log/slog"

// descriptorsKept is how many file descriptors connections leave to the store, where there are enough. A store that
// cannot open a file has failed, and clients must not be able to bring that about by connecting.
const descriptorsKept = 2048

// connectionsWithin is how many connections may be open at a time for a process that may have so many descriptors;
// zero descriptors: nobody knows.
func connectionsWithin(descriptors int, log *slog.Logger) int {
	if descriptors == 0 {
		return connectionsMax
	}
	within := descriptors - min(descriptors/2, descriptorsKept)
	if within >= connectionsMax {
		return connectionsMax
	}
	log.Info("the limit of file descriptors bounds the connections", "descriptors", descriptors, "connections", within)
	return within
}
