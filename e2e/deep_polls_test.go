package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestDeepIdlePolls lets many receives wait for messages, looks what they cost while none come, and then sends one
// message for each.
func TestDeepIdlePolls(t *testing.T) {
	p, n := start(t), fully(10_000, 100)
	idle := time.Duration(fully(10_000, 10)) * time.Millisecond
	used := func() time.Duration {
		from := p.processor()
		time.Sleep(idle)
		return p.processor() - from
	}
	createQueue(t, p.client(), "idle")
	alone, rss := used(), p.number("process_resident_memory_bytes")/(1<<20)

	received := make(chan error, 1)
	var m measured
	began := time.Now()
	go func() {
		var err error
		m, err = p.tryBench("receive", "--queue", "idle", "--consumers", fmt.Sprint(n), "--messages", fmt.Sprint(n),
			"--duration", fmt.Sprint(2*patience))
		received <- err
	}()
	waitFor(t, fmt.Sprint(n, " receives wait"), func() bool { return int(p.number("forebay_long_polls")) == n })
	opened := time.Since(began)
	beside := used()
	t.Logf("%d idle long polls, all waiting after %.1f s: server memory %.0f MiB, at most %.0f (target 300 or less), %.0f without them",
		n, opened.Seconds(), p.number("process_resident_memory_bytes")/(1<<20), p.memory(), rss)
	t.Logf("processor time in %v: %v with them (target 0), %v without any", idle, beside, alone)
	if lasted := opened + idle; lasted > 19*time.Second {
		t.Logf("the first polls ended within that, after 20 s of theirs, and were asked anew: do not read it as idle")
	}

	began = time.Now()
	p.bench("fill", "--queue", "idle", "--batch", "1", "--messages", fmt.Sprint(n))
	if err := <-received; err != nil {
		t.Fatal(err)
	}
	p.figure(t, "sent one by one to the receives that waited", n, began)
	for _, s := range m.Steps {
		if s.Step == "receive" && s.Messages < int64(n) || s.Step == "receive" && m.Duplicates > 0 {
			t.Errorf("received %d messages, %d of them again, want %d once", s.Messages, m.Duplicates, n)
		}
	}
}
