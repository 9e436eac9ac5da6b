package commands

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/pool"
	"github.com/forebay-mq/forebay/internal/testkit"
	"github.com/forebay-mq/forebay/worker"
)

// fakeDriver notes what it is asked, and lets a test end its workers.
type fakeDriver struct {
	refuse error
	deaf   bool // it cannot drain
	events chan pool.Event

	mu      sync.Mutex
	started []pool.Spec
	drained []string
}

func (d *fakeDriver) Start(_ context.Context, o pool.Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse == nil {
		d.started = append(d.started, o.Workers...)
	}
	return d.refuse
}

func (d *fakeDriver) Drain(_ context.Context, ids []string) error {
	if d.deaf {
		return errors.ErrUnsupported
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drained = append(d.drained, ids...)
	return nil
}

func (d *fakeDriver) Count(context.Context) (pool.Count, error) {
	return pool.Count{}, errors.ErrUnsupported
}
func (d *fakeDriver) Events() <-chan pool.Event   { return d.events }
func (d *fakeDriver) Close(context.Context) error { return nil }

// commanded runs a test with a driver around a fake one, on a server.
func commanded(t *testing.T, f func(t *testing.T, client *sqs.Client, d *Driver, inner *fakeDriver)) {
	t.Helper()
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		inner := &fakeDriver{events: make(chan pool.Event, 10)}
		client := k.SDK()
		d, err := New(Options{Driver: inner, Client: client, Pool: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		f(t, client, d, inner)
	})
}

func start(t *testing.T, d *Driver, ids ...string) {
	t.Helper()
	o := pool.Order{Pool: "orders", Queues: []string{"orders"}}
	for _, id := range ids {
		o.Workers = append(o.Workers, pool.Spec{ID: id})
	}
	if err := d.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// names are the queues there are.
func names(t *testing.T, client *sqs.Client) string {
	t.Helper()
	out, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, url := range out.QueueUrls {
		all = append(all, url[strings.LastIndexByte(url, '/')+1:])
	}
	return strings.Join(all, " ")
}

// told are the commands that wait for a worker, each of which a worker understands.
func told(t *testing.T, client *sqs.Client, url string) []string {
	t.Helper()
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range out.Messages {
		if _, err := worker.ParseCommand([]byte(*m.Body)); err != nil {
			t.Errorf("no worker understands %s: %v", *m.Body, err)
		}
		all = append(all, *m.Body)
	}
	return all
}

func TestAWorkerHasAQueueForAsLongAsItLives(t *testing.T) {
	commanded(t, func(t *testing.T, client *sqs.Client, d *Driver, inner *fakeDriver) {
		start(t, d, "orders-1-AAAAAA", "orders-2-BBBBBB")
		if got, want := names(t, client), "forebay-worker-orders-1-AAAAAA forebay-worker-orders-2-BBBBBB"; got != want {
			t.Errorf("queues %q, want %q", got, want)
		}
		for _, w := range inner.started {
			if !strings.HasSuffix(w.Commands, "/forebay-worker-"+w.ID) {
				t.Errorf("worker %s was given the queue %s", w.ID, w.Commands)
			}
		}
		inner.events <- pool.Event{ID: "orders-1-AAAAAA", Kind: pool.Ready}
		inner.events <- pool.Event{ID: "orders-1-AAAAAA", Kind: pool.Ended}
		if a, b := <-d.Events(), <-d.Events(); a.Kind != pool.Ready || b.Kind != pool.Ended {
			t.Errorf("events %v and %v were passed on, want both in their order", a, b)
		}
		for names(t, client) != "forebay-worker-orders-2-BBBBBB" {
			time.Sleep(10 * time.Millisecond) // virtual
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := names(t, client); got != "" {
			t.Errorf("queues %q are left at the end", got)
		}
	})
}

func TestWorkersAreToldAndThoseThatComeAreToldSettings(t *testing.T) {
	commanded(t, func(t *testing.T, client *sqs.Client, d *Driver, inner *fakeDriver) {
		defer d.Close(context.Background())
		start(t, d, "orders-1-AAAAAA")
		tell := func(c worker.Command) {
			t.Helper()
			if err := d.Tell(t.Context(), []string{"orders-1-AAAAAA", "orders-9-ZZZZZZ"}, c); err != nil {
				t.Fatal(err)
			}
		}
		tell(worker.Command{Command: worker.CommandPause})
		tell(worker.Command{Command: worker.CommandSettings, Settings: &worker.Change{Concurrency: new(4), Grace: new("1m")}})
		tell(worker.Command{Command: worker.CommandSettings, Settings: &worker.Change{Concurrency: new(8)}})
		first := inner.started[0].Commands
		want := []string{`{"command":"pause"}`, `{"command":"settings","settings":{"concurrency":4,"grace":"1m"}}`,
			`{"command":"settings","settings":{"concurrency":8}}`}
		if diff := cmp.Diff(want, told(t, client, first)); diff != "" {
			t.Errorf("the worker was told (-want +got)\n%s", diff)
		}
		start(t, d, "orders-2-BBBBBB")
		want = []string{`{"command":"settings","settings":{"concurrency":8,"grace":"1m"}}`}
		if diff := cmp.Diff(want, told(t, client, inner.started[1].Commands)); diff != "" {
			t.Errorf("the worker that came later was told (-want +got)\n%s", diff)
		}
	})
}

func TestADriverThatCannotDrainHasWorkersTold(t *testing.T) {
	commanded(t, func(t *testing.T, client *sqs.Client, d *Driver, inner *fakeDriver) {
		defer d.Close(context.Background())
		start(t, d, "orders-1-AAAAAA")
		for _, deaf := range []bool{false, true} {
			inner.deaf = deaf
			if err := d.Drain(t.Context(), []string{"orders-1-AAAAAA"}); err != nil {
				t.Fatal(err)
			}
		}
		if len(inner.drained) != 1 {
			t.Errorf("the driver drained %v, want the worker once", inner.drained)
		}
		if diff := cmp.Diff([]string{`{"command":"drain"}`}, told(t, client, inner.started[0].Commands)); diff != "" {
			t.Errorf("the worker was told (-want +got)\n%s", diff)
		}
	})
}

func TestAStartThatIsRefusedLeavesNoQueue(t *testing.T) {
	commanded(t, func(t *testing.T, client *sqs.Client, d *Driver, inner *fakeDriver) {
		inner.refuse = errors.New("no room")
		err := d.Start(t.Context(), pool.Order{Workers: []pool.Spec{{ID: "orders-1-AAAAAA"}}})
		if err == nil || err.Error() != "no room" {
			t.Errorf("the start was answered %v", err)
		}
		d.Close(t.Context())
		if got := names(t, client); got != "" {
			t.Errorf("queues %q are left", got)
		}
	})
}

func TestQueuesThatNobodySpeaksForAreSweptUp(t *testing.T) {
	commanded(t, func(t *testing.T, client *sqs.Client, d *Driver, _ *fakeDriver) {
		defer d.Close(context.Background())
		start(t, d, "orders-1-AAAAAA")
		for _, name := range []string{"forebay-worker-orders-7-DEADAA", "forebay-worker-orders-1-7-DEADAA", "forebay-worker-orders-mine"} {
			if _, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Tags: map[string]string{tagSpoken: stamp(time.Now())}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("forebay-worker-orders-8-UNTAGA")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(staleAfter - time.Minute)
		synctest.Wait()
		if got := names(t, client); !strings.Contains(got, "forebay-worker-orders-7-DEADAA") {
			t.Errorf("after %s only %q are left: it was too early", staleAfter-time.Minute, got)
		}
		time.Sleep(speakEvery + 2*time.Minute)
		synctest.Wait()
		want := "forebay-worker-orders-1-7-DEADAA forebay-worker-orders-1-AAAAAA forebay-worker-orders-8-UNTAGA forebay-worker-orders-mine"
		if got := names(t, client); got != want {
			t.Errorf("queues\n%s, want\n%s", got, want)
		}
	})
}

func TestNamesOfQueuesAreShortEnough(t *testing.T) {
	id := strings.Repeat("p", 64) + "-1234567-ABCDEF"
	if got := len(prefixOf(strings.Repeat("p", 64)) + "1234567-ABCDEF"); got > 80 {
		t.Errorf("the queue of %s has a name of %d letters, want 80 at most", id, got)
	}
	if prefixOf(strings.Repeat("p", 63)+"a") == prefixOf(strings.Repeat("p", 63)+"b") {
		t.Error("two pools with long names share their queues")
	}
}
