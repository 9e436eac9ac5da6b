package lease

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/pool"
	"github.com/forebay-mq/forebay/internal/testkit"
)

const leaseTime = 15 * time.Second

func contender(t *testing.T, k *testkit.Kit) *Lease {
	t.Helper()
	l, err := Start(t.Context(), Options{Client: k.SDK(), Queue: "pool.fifo", Time: leaseTime})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// leaders says who leads, as a text of one letter each.
func leaders(all ...*Lease) string {
	text := ""
	for _, l := range all {
		if _, leads := l.Lead(); leads {
			text += "L"
		} else {
			text += "-"
		}
	}
	return text
}

func TestOneLeadsAndTheOtherStandsBy(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		a := contender(t, k)
		time.Sleep(leaseTime + time.Second) // the first look at the empty queue takes a poll
		b := contender(t, k)
		defer b.Resign(context.Background())
		first, _ := a.Lead()
		for range 600 {
			time.Sleep(time.Second)
			if got := leaders(a, b); got != "L-" {
				t.Fatalf("leaders %s, want the first alone", got)
			}
		}
		a.Resign(t.Context())
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		second, leads := b.Lead()
		if !leads || second <= first {
			t.Errorf("after the first has resigned the second leads: %t, with epoch %d after %d", leads, second, first)
		}
	})
}

func TestALeaderThatIsGoneIsFollowedWithinTheLease(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		a := contender(t, k)
		time.Sleep(leaseTime + time.Second)
		b := contender(t, k)
		defer b.Resign(context.Background())
		time.Sleep(time.Minute)
		a.stop() // as a process that stands still: it neither renews nor gives back
		a.done.Wait()
		died := time.Now()
		for leaders(b) != "L" {
			if leaders(a, b) == "LL" {
				t.Fatal("two lead at the same time")
			}
			if time.Since(died) > leaseTime+time.Second {
				t.Fatalf("nobody leads %s after the leader has gone", time.Since(died))
			}
			time.Sleep(50 * time.Millisecond)
		}
		if got := leaders(a, b); got != "-L" {
			t.Errorf("leaders %s, want the second alone", got)
		}
		a.release(t.Context()) // it wakes up: what it held is another's now
		time.Sleep(time.Minute)
		if got := leaders(a, b); got != "-L" {
			t.Errorf("leaders %s after the first has woken up, want the second alone", got)
		}
	})
}

func TestNeverTwoLeaders(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		const contenders = 4
		all := make([]*Lease, contenders)
		for i := range all {
			all[i] = contender(t, k)
		}
		epochs := map[int64]int{}
		led := 0
		for step := range 600 {
			time.Sleep(500 * time.Millisecond)
			now := 0
			for i, l := range all {
				epoch, leads := l.Lead()
				if !leads {
					continue
				}
				now++
				led++
				if who, ok := epochs[epoch]; ok && who != i {
					t.Fatalf("epoch %d is that of two leaders", epoch)
				}
				epochs[epoch] = i
				if step%97 == 0 { // one that leads goes away, and somebody else comes
					l.Resign(t.Context())
					all[i] = contender(t, k)
					clear(epochs)
					break // the next one may lead already: it is counted at the next moment
				}
			}
			if now > 1 {
				t.Fatalf("%d lead at the same time", now)
			}
		}
		if led < 450 {
			t.Errorf("somebody led at %d of 600 moments", led)
		}
		for _, l := range all {
			l.Resign(context.Background())
		}
	})
}

func TestAHoldEndsBeforeTheServiceEndsIt(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		a := contender(t, k)
		defer func() { a.Resign(context.Background()) }()
		time.Sleep(leaseTime + time.Second)
		first, _ := a.Lead()
		time.Sleep(13 * time.Hour) // a message can be held for 12
		second, leads := a.Lead()
		if !leads || second <= first {
			t.Errorf("after 13 hours it leads: %t, with epoch %d after %d", leads, second, first)
		}
		a.mu.Lock() // and kept for 14 days: make this hold an old one of an old message
		old := *a.held
		a.held.sent, a.held.since = old.sent.Add(-messageMax), old.since.Add(-holdMax)
		a.mu.Unlock()
		time.Sleep(2 * leaseTime)
		third, leads := a.Lead()
		if !leads || third <= second || !a.held.sent.After(old.sent) {
			t.Errorf("with a week-old message it leads: %t, with epoch %d after %d, under a message of %s after %s", leads, third, second, a.held.sent, old.sent)
		}
	})
}

func TestWhatOneLeaderLeavesTheNextFinds(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		a, b := contender(t, k), contender(t, k)
		defer a.Resign(context.Background())
		defer b.Resign(context.Background())
		if got, err := b.Load(t.Context()); got != nil || err != nil {
			t.Errorf("before anything was saved: %v, %v", got, err)
		}
		at := time.UnixMilli(1763735494123)
		for _, want := range []pool.Memo{
			{Boot: 60, Service: []float64{5.25, 0}, Crew: []pool.Batch{{Started: at, Up: 12, Stay: 2}, {Started: at.Add(time.Second), Booting: 7}}},
			{Boot: 60, Service: []float64{5.25, 0}}, // all have gone
		} {
			if err := a.Save(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			got, err := b.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("memo (-want +got):\n%s", diff)
			}
		}
	})
}

func TestAMemoFitsIntoTags(t *testing.T) {
	m := pool.Memo{Boot: 1e6}
	for i := range 16 {
		m.Service = append(m.Service, 123456.789)
		m.Crew = append(m.Crew, pool.Batch{Started: time.UnixMilli(1763735494123), Up: 100000, Booting: 100000, Stay: 100000 + i})
	}
	for name, text := range encodeMemo(m) {
		if len(text) > tagMax {
			t.Errorf("%s has %d letters", name, len(text))
		}
	}
	for _, bad := range []map[string]string{
		{tagCrew: "x"}, {tagCrew: "zz:1:2"}, {tagCrew: "zz:-1:2:0"}, {tagCrew: "zz:999999999:2:0"}, {tagEstimates: "1 two"},
	} {
		if m, err := decodeMemo(bad); err == nil {
			t.Errorf("%v was read as %v", bad, m)
		}
	}
}

func TestTheQueueMayBeDeletedUnderIt(t *testing.T) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		a := contender(t, k)
		defer func() { a.Resign(context.Background()) }()
		time.Sleep(leaseTime + time.Second)
		url := a.url
		if _, err := k.SDK().DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(leaseTime)
		if got := leaders(a); got != "-" {
			t.Error("it leads without a queue")
		}
		time.Sleep(3 * time.Minute) // the service makes a queue of the same name only after a minute
		if got := leaders(a); got != "L" {
			t.Error("it does not lead again")
		}
	})
}

func TestTheTimeOfALeaseIsChecked(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 3500 * time.Millisecond, time.Hour} {
		if _, err := Start(t.Context(), Options{Time: d}); err == nil {
			t.Errorf("%s was accepted", d)
		}
	}
}

func TestElapsedIsThatOfTheClockThatWentFurther(t *testing.T) {
	now := time.Now()
	if got := elapsed(now, now.Add(time.Second)); got != time.Second {
		t.Errorf("%s, want 1s", got)
	}
	slept := now.Add(time.Hour).Round(0) // the wall clock alone
	if got := elapsed(now, slept); got != time.Hour {
		t.Errorf("%s, want 1h", got)
	}
}
