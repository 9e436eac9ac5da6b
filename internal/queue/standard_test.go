package queue

import (
	"fmt"
	"strings"
	"testing"
)

func TestAQuietTenantsBurstDoesNotWaitBehindABacklog(t *testing.T) {
	const backlog, burst = windowStandard + 8000, 300
	for _, row := range []struct {
		name     string
		received int // of the noisy tenant before the quiet one sends
	}{
		{"consumers are at work", 50},
		{"nobody has received yet", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &story{world: newWorld(t, Options{NoCoolDown: true}), handles: make(map[string]Receipt)}
			s.began = s.now
			s.play("create fair")
			sendMany(s, "n", backlog, "noisy")
			for range row.received / 10 {
				s.play("receive fair max=10")
			}
			sendMany(s, "q", burst, "quiet")
			came := 0
			for range 2 * burst / 10 {
				came += strings.Count(s.play("receive fair max=10"), "group=quiet")
			}
			if came != burst {
				t.Errorf("of the quiet tenant's %d messages %d came with the first %d received after them, want all: the others wait behind %d of the noisy tenant",
					burst, came, 2*burst, backlog)
			}
		})
	}
}

// TestABacklogIsReachedWhileManyTenantsSend has as much come as goes. What is in memory is enough to serve everybody, and
// still the backlog must have its turn.
func TestABacklogIsReachedWhileManyTenantsSend(t *testing.T) {
	const tenants, backlog = 200, windowStandard + 2000
	s := &story{world: newWorld(t, Options{NoCoolDown: true}), handles: make(map[string]Receipt)}
	s.began = s.now
	s.play("create fair VisibilityTimeout=43200")
	waiting := backlog
	for i := 0; i < backlog; i += 10 {
		sendMany(s, fmt.Sprint("old", i, "-"), 10, fmt.Sprint("t", i/10%tenants))
	}
	for i := 0; i < 2*backlog && waiting > 0; i += 10 {
		sendMany(s, fmt.Sprint("new", i, "-"), 10, fmt.Sprint("t", i/10%tenants))
		waiting -= strings.Count(s.play("receive fair max=10"), "old")
	}
	if waiting > 0 {
		t.Errorf("%d of a backlog of %d wait when %d messages were received", waiting, backlog, 2*backlog)
	}
}

// sendMany sends n messages of a group to the queue fair, ten at a time.
func sendMany(s *story, prefix string, n int, group string) {
	for from := 0; from < n; from += 10 {
		line := "send fair"
		for i := range min(10, n-from) {
			line += fmt.Sprintf(" %s%d", prefix, from+i)
		}
		s.play(line + " group=" + group)
	}
}
