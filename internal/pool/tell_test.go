package pool

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/worker"
)

// tellingDriver is a fakeDriver whose workers can be told things.
type tellingDriver struct {
	*fakeDriver
	away error
	told []string // "command to ids"
}

func (d *tellingDriver) Tell(_ context.Context, ids []string, c worker.Command) error {
	if d.away != nil {
		return d.away
	}
	text, err := json.Marshal(c)
	d.told = append(d.told, string(text)+" to "+strings.Repeat("w", len(ids)))
	return err
}

// telling runs a controller with workers that hear, of which it has started one when f begins.
func telling(t *testing.T, f func(t *testing.T, r *rig, d *tellingDriver)) {
	t.Helper()
	var d *tellingDriver
	running(t, func(o *Options) {
		d = &tellingDriver{fakeDriver: o.Driver.(*fakeDriver)}
		o.Driver, o.Size.Min, o.Size.Max = d, 1, 5
	}, func(t *testing.T, r *rig) {
		if n := len(r.driver.workers()); n != 1 {
			t.Fatalf("%d workers were started, want one", n)
		}
		f(t, r, d)
	})
}

func TestAPausedPoolKeepsItsWorkersAndStartsNone(t *testing.T) {
	telling(t, func(t *testing.T, r *rig, d *tellingDriver) {
		if _, _, err := r.Set(Change{Paused: new(true)}); err != nil {
			t.Fatal(err)
		}
		r.queue.set(func(s *Signals) { s.Visible = 100 })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		s, _ := r.Status()
		if !s.Paused || s.Desired != 1 || len(r.driver.drained) != 0 || !strings.HasPrefix(s.Reason, "paused: ") {
			t.Errorf("paused %t, %d workers, drained %v, because %q", s.Paused, s.Desired, r.driver.drained, s.Reason)
		}
		if _, _, err := r.Set(Change{Paused: new(false), Drained: new(false)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s, _ := r.Status(); s.Paused || s.Desired < 2 {
			t.Errorf("after it was resumed: paused %t, %d workers for 100 messages", s.Paused, s.Desired)
		}
		if diff := cmp.Diff([]string{`{"command":"pause"} to w`, `{"command":"resume"} to w`}, d.told); diff != "" {
			t.Errorf("workers were told (-want +got)\n%s", diff)
		}
	})
}

func TestWorkersAreGivenSettingsAndThePoolItsSlots(t *testing.T) {
	telling(t, func(t *testing.T, r *rig, d *tellingDriver) {
		s, _, err := r.Set(Change{Worker: &worker.Change{Concurrency: new(4), IdleTime: new("90s")}})
		if err != nil || s.Settings.Slots != 4 {
			t.Errorf("slots %d and %v, want 4", s.Settings.Slots, err)
		}
		if diff := cmp.Diff([]string{`{"command":"settings","settings":{"concurrency":4,"idle_time":"90s"}} to w`}, d.told); diff != "" {
			t.Errorf("workers were told (-want +got)\n%s", diff)
		}
		_, _, err = r.Set(Change{Worker: &worker.Change{Grace: new("soon")}, Max: new(7)})
		if bad, ok := errors.AsType[*SettingError](err); !ok || bad.Key != "worker" {
			t.Errorf("a grace of soon: %v", err)
		}
		if s, _ := r.Status(); s.Settings.Max != 5 || len(d.told) != 1 {
			t.Errorf("what was refused has changed max to %d and told %v", s.Settings.Max, d.told)
		}
	})
}

func TestWorkersThatCouldNotBeToldAreNotPaused(t *testing.T) {
	telling(t, func(t *testing.T, r *rig, d *tellingDriver) {
		d.away = errors.New("no server answers")
		if _, _, err := r.Set(Change{Paused: new(true)}); err == nil {
			t.Error("nobody was told, and there is no error")
		}
		if s, _ := r.Status(); s.Paused {
			t.Error("the pool says that it is paused")
		}
	})
}

func TestDeafWorkersCannotBePaused(t *testing.T) {
	running(t, nil, func(t *testing.T, r *rig) {
		_, _, err := r.Set(Change{Paused: new(true)})
		if bad, ok := errors.AsType[*SettingError](err); !ok || !strings.Contains(bad.Error(), "--commands {commands}") {
			t.Errorf("pause: %v, want what to do", err)
		}
		if _, _, err := r.Set(Change{Drained: new(false), Paused: new(false)}); err != nil {
			t.Errorf("to resume needs nobody to be told: %v", err)
		}
	})
}
