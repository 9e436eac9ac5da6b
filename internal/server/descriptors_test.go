package server

import (
	"log/slog"
	"testing"
)

func TestConnectionsLeaveDescriptorsToTheStore(t *testing.T) {
	for _, row := range []struct {
		name              string
		descriptors, want int
	}{
		{"nobody knows", 0, connectionsMax},
		{"plenty", 1 << 20, connectionsMax},
		{"just enough", connectionsMax + descriptorsKept, connectionsMax},
		{"a usual limit", 10_000, 10_000 - descriptorsKept},
		{"a small limit", 1024, 512},
		{"a tiny limit", 100, 50},
	} {
		if got := connectionsWithin(row.descriptors, slog.New(slog.DiscardHandler)); got != row.want {
			t.Errorf("%s: connectionsWithin(%d): got %d, want %d", row.name, row.descriptors, got, row.want)
		}
	}
}
