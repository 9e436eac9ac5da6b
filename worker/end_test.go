package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// until is a handler that takes so long, unless its context ends.
func until(d time.Duration) Handler {
	return func(ctx context.Context, _ *Message) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return nil
		}
	}
}

func TestDrainFinishesWhatFitsAndGivesBackTheRest(t *testing.T) {
	for _, row := range []struct {
		name           string
		takes          time.Duration
		begin          func(*rig)
		ends           time.Duration // after the start of the drain
		done, returned int
	}{
		{"work that fits in the grace is finished", 20 * time.Second, func(r *rig) { r.stop() }, 19 * time.Second, 2, 3},
		{"work that does not is given back at its end", time.Hour, func(r *rig) { r.Drain() }, 30 * time.Second, 0, 5},
		{"without a grace all is given back at once", 20 * time.Second, func(r *rig) { r.GiveBack() }, 0, 0, 5},
		{"a second order shortens the first", 20 * time.Second, func(r *rig) { r.Drain(); nap(2 * time.Second); r.GiveBack() }, 2 * time.Second, 0, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, Options{Handler: until(row.takes), Settings: Settings{Concurrency: 2, Prefetch: 3}}, func(r *rig) {
				r.send("q", "1", "2", "3", "4", "5", "6", "7")
				nap(time.Second)
				began := time.Now()
				row.begin(r)
				if err := <-r.ended; err != nil {
					t.Errorf("Run returned %v", err)
				}
				if took := time.Since(began); took < row.ends || took > row.ends+10*latency {
					t.Errorf("the drain took %s, want %s", took, row.ends)
				}
				if n := r.visible("q"); n != 7-row.done || r.left("q") != n {
					t.Errorf("%d of %d messages are visible at once, want %d", n, r.left("q"), 7-row.done)
				}
				if s := r.Stats(); int(s.Done) != row.done || int(s.GivenBack) != row.returned {
					t.Errorf("stats %+v, want %d done and %d given back", s, row.done, row.returned)
				}
			})
		})
	}
}

func TestAWorkerEndsThoughAHandlerDoesNot(t *testing.T) {
	play(t, Options{Handler: func(context.Context, *Message) error { take(24 * time.Hour); return nil }, Settings: Settings{Grace: -1}}, func(r *rig) {
		r.send("q", "1")
		nap(time.Second)
		r.stop()
		if err := <-r.ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if n := r.visible("q"); n != 1 {
			t.Errorf("%d messages are visible, want the one that was given back", n)
		}
	})
}

func TestAWorkerEndsThoughItsServerIsAway(t *testing.T) {
	play(t, Options{Handler: until(5 * time.Second)}, func(r *rig) {
		r.send("q", "1")
		nap(time.Second)
		r.answer(errors.New("connection refused"))
		r.stop()
		err := <-r.ended
		if err == nil || !strings.Contains(err.Error(), "1 messages could not be settled") {
			t.Errorf("Run returned %v, want that a message could not be settled", err)
		}
	})
}

func TestFIFOGroupsKeepTheirOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	busy := make(map[string]bool)
	handler := func(_ context.Context, m *Message) error {
		mu.Lock()
		defer mu.Unlock()
		if busy[m.Group()] {
			t.Errorf("two of group %s run at once", m.Group())
		}
		busy[m.Group()] = true
		mu.Unlock()
		take(time.Second)
		mu.Lock()
		busy[m.Group()] = false
		order = append(order, m.Group()+":"+*m.Body)
		if *m.Body == "2" && m.Receives() < 3 {
			return errOnPurpose
		}
		return nil
	}
	play(t, Options{QueueURL: "q.fifo", Handler: handler, Settings: Settings{Concurrency: 4, Prefetch: 16}}, func(r *rig) {
		for _, body := range []string{"1", "2", "3"} {
			r.send("q.fifo", "a:"+body, "b:"+body)
		}
		r.send("q.fifo", "c:x")
		nap(3 * time.Minute)
		for _, group := range []string{"a", "b"} {
			var of []string
			for _, name := range order {
				if strings.HasPrefix(name, group) {
					of = append(of, name[2:])
				}
			}
			if want := []string{"1", "2", "2", "2", "3"}; !slices.Equal(of, want) {
				t.Errorf("group %s was handled in the order %v, want %v", group, of, want)
			}
		}
		if first := order[:3]; !slices.Contains(first, "c:x") {
			t.Errorf("the first three were %v: a group waited for another", first)
		}
		if n := r.left("q.fifo"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestCommands(t *testing.T) {
	var running atomic.Int32
	handler := func(context.Context, *Message) error {
		running.Add(1)
		take(time.Minute)
		running.Add(-1)
		return nil
	}
	play(t, Options{Handler: handler, CommandsURL: "c"}, func(r *rig) {
		for i := range 20 {
			r.send("q", fmt.Sprint(i))
		}
		step := func(command string, want int32) {
			t.Helper()
			r.send("c", command)
			nap(61 * time.Second)
			if n := running.Load(); n != want {
				t.Errorf("after %s %d handlers run, want %d", command, n, want)
			}
		}
		step(`{"command":"settings","settings":{"concurrency":3}}`, 3)
		step(`{"command":"pause"}`, 0)
		step(`{"command":"settings","settings":{"concurrency":0}}`, 0)
		step(`nonsense`, 0)
		step(`{"command":"resume"}`, 3)
		r.send("c", `{"command":"drain"}`)
		if err := <-r.ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if n := r.left("c"); n != 0 {
			t.Errorf("%d commands are left", n)
		}
		if n := strings.Count(r.log.String(), "a command was refused"); n != 2 {
			t.Errorf("%d commands were refused, want 2", n)
		}
	})
}

func TestParseCommandSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{"command":"drain"}`: "",
		`{"command":"settings","settings":{"idle_time":"2m","prefetch":0}}`: "",
		`{"command":"stop"}`:                                        `command "stop" is not one of`,
		`{"command":"settings"}`:                                    "no settings",
		`{"command":"settings","settings":{"speed":1}}`:             `unknown field "speed"`,
		`{"command":"settings","settings":{"grace":"soon"}}`:        `grace: "soon" is no duration`,
		`{"command":"settings","settings":{"concurrency":1000000}}`: "concurrency 1000000 is not between",
		`{"command":"pause","settings":{}}`:                         "takes no settings",
	} {
		_, err := ParseCommand([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
