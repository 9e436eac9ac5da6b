package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRoomForGarbageIsLeftWhereThereIsSome(t *testing.T) {
	for _, c := range []struct {
		name, limit string
		env         string
		want        int
	}{
		{"no container", "", "", garbageRoom},
		{"a container without limit", "max\n", "", garbageRoom},
		{"a large container", "1073741824\n", "", garbageRoom},
		{"a small container", "134217728\n", "", 0},
		{"told how often to collect", "", "GOGC", 0},
		{"told how much memory there is", "", "GOMEMLIMIT", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := cgroupLimits
			t.Cleanup(func() { cgroupLimits, ballast = before, nil })
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			if c.env != "" {
				t.Setenv(c.env, "100")
			}
			file := filepath.Join(t.TempDir(), "memory.max")
			cgroupLimits = []string{file}
			if c.limit != "" {
				if err := os.WriteFile(file, []byte(c.limit), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if leaveRoom(); len(ballast) != c.want {
				t.Errorf("room for %d bytes, want %d", len(ballast), c.want)
			}
		})
	}
}
