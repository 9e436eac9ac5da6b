package httpserve

import (
	"context"
	"log/slog"
)

// descriptorsKept is how many file descriptors connections leave to the rest of the process, where there are enough.
// A store that cannot open a file has failed, and clients must not be able to bring that about by connecting.
const descriptorsKept = 2048

// ConnectionsWithin is how many connections of those that are wanted may be open at a time, since each takes a file
// descriptor. Zero wanted stands for [ConnectionsDefault]. It tells the log when there may be fewer, as a warning when
// somebody has asked for them. Go itself raises the soft limit of descriptors to the hard one as a process starts.
func ConnectionsWithin(wanted int, log *slog.Logger) int {
	return connectionsWithin(wanted, descriptorsMax(), log)
}

func connectionsWithin(wanted, descriptors int, log *slog.Logger) int {
	asked := wanted != 0
	if !asked {
		wanted = ConnectionsDefault
	}
	if descriptors == 0 {
		return wanted
	}
	within := descriptors - min(descriptors/2, descriptorsKept)
	if within >= wanted {
		return wanted
	}
	level := slog.LevelInfo
	if asked {
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, "the limit of file descriptors bounds the connections; raise it with LimitNOFILE= or ulimit -n",
		"descriptors", descriptors, "wanted", wanted, "connections", within)
	return within
}
