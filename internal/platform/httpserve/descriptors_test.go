package httpserve

import (
	"log/slog"
	"testing"
)

func TestConnectionsLeaveDescriptorsToTheStore(t *testing.T) {
	for _, row := range []struct {
		name                      string
		wanted, descriptors, want int
	}{
		{"the limit is not known", 0, 0, ConnectionsDefault},
		{"plenty", 0, 1 << 20, ConnectionsDefault},
		{"just enough", 0, ConnectionsDefault + descriptorsKept, ConnectionsDefault},
		{"a usual limit", 0, 10_000, 10_000 - descriptorsKept},
		{"a small limit", 0, 1024, 512},
		{"a tiny limit", 0, 100, 50},
		{"fewer are wanted than there could be", 300, 10_000, 300},
		{"more are wanted than there can be", 50_000, 10_000, 10_000 - descriptorsKept},
	} {
		if got := connectionsWithin(row.wanted, row.descriptors, slog.New(slog.DiscardHandler)); got != row.want {
			t.Errorf("%s: connectionsWithin(%d, %d): got %d, want %d", row.name, row.wanted, row.descriptors, got, row.want)
		}
	}
}
