package conformance

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

var deep = flag.Bool("deep", false, "let retention take the 14 days that it may; some minutes of real time")

// TestRetentionEndsUnderLoad sends at a steady rate for longer than the retention of a queue, while another queue is
// busy and the server is restarted and loses its power. Each message must be there until its time, and not after.
func TestRetentionEndsUnderLoad(t *testing.T) {
	retention, pause := 20*time.Minute, time.Minute
	if *deep {
		retention, pause = 14*24*time.Hour, 3*time.Hour
	}
	kept := int(retention / pause) // messages that live at once
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		c := k.Client(testkit.JSON)
		url := c.CreateQueue("old", Map{"MessageRetentionPeriod": fmt.Sprint(int(retention.Seconds())), "VisibilityTimeout": "0"})
		busy := c.CreateQueue("busy", nil)
		for n := range kept + kept/2 {
			switch n {
			case kept / 2:
				k.Restart()
			case kept + kept/4:
				k.Crash()
			}
			c.Send(url, fmt.Sprint("old ", n))
			c.Send(busy, fmt.Sprint("busy ", n))
			c.Delete(busy, c.ReceiveOne(busy).Receipt)
			k.Advance(pause / 2)
			live := min(n+1, kept)
			same(t, fmt.Sprintf("counts after %v", time.Duration(n)*pause+pause/2), c.Counts(url), fmt.Sprintf("%d visible, 0 in flight, 0 delayed", live))
			same(t, "the oldest", c.ReceiveOne(url).Body, fmt.Sprint("old ", n+1-live))
			k.Advance(pause / 2)
		}
		k.Advance(retention)
		same(t, "counts at the end", c.Counts(url), "0 visible, 0 in flight, 0 delayed")
		bodies(t, "at the end", c.Receive(url))
	})
}
