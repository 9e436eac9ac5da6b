package main

import "testing"

func TestGarbageIsHalfOfWhatIsInUse(t *testing.T) {
	for _, row := range []struct {
		name        string
		inUse, want int64
	}{
		{"a small server may have what Go lets it have, up to the aim", 20 << 20, memoryAim},
		{"one that needs as much as the aim has half of it besides", memoryAim, memoryAim * 3 / 2},
		{"a deep backlog has half of it besides", 2 << 30, 3 << 30},
	} {
		if got := garbageLimit(row.inUse); got != row.want {
			t.Errorf("%s: garbageLimit(%d): got %d, want %d", row.name, row.inUse, got, row.want)
		}
	}
	if got := memoryInUse(); got <= 0 {
		t.Errorf("memoryInUse: got %d, want more than nothing", got)
	}
}
