package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/testkit"
	"github.com/forebay-mq/forebay/worker"
)

var errOnPurpose = errors.New("on purpose")

// mortal is a queue with a dead-letter queue on a whole server in virtual time, and what handlers did with its messages.
type mortal struct {
	t          *testing.T
	kit        *testkit.Kit
	client     *sqs.Client
	live, dead string // URLs

	mu      sync.Mutex
	started map[string]int      // by body
	done    map[string][]string // bodies in the order in which they were first completed, by group
	busy    map[string]int      // handlers at work, by group
}

// playMortal runs test with a queue whose messages die after receives of them.
func playMortal(t *testing.T, fifo bool, receives int, test func(*mortal)) {
	t.Helper()
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		m := &mortal{t: t, kit: k, client: k.SDK(), started: map[string]int{}, done: map[string][]string{}, busy: map[string]int{}}
		suffix, attributes := "", map[string]string{}
		if fifo {
			suffix, attributes = ".fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
		}
		m.dead = m.create("dead"+suffix, attributes)
		if receives > 0 {
			attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:%s:%s:dead%s","maxReceiveCount":"%d"}`,
				testkit.Region, testkit.Account, suffix, receives)
		}
		m.live = m.create("live"+suffix, attributes)
		test(m)
	})
}

func (m *mortal) create(name string, attributes map[string]string) string {
	m.t.Helper()
	out, err := m.client.CreateQueue(m.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		m.t.Fatal(err)
	}
	return *out.QueueUrl
}

// send sends messages; "g1" goes to group g of a FIFO queue.
func (m *mortal) send(bodies ...string) {
	m.t.Helper()
	for _, body := range bodies {
		in := &sqs.SendMessageInput{QueueUrl: &m.live, MessageBody: aws.String(body)}
		if strings.HasSuffix(m.live, ".fifo") {
			in.MessageGroupId = aws.String(body[:1])
		}
		if _, err := m.client.SendMessage(m.t.Context(), in); err != nil {
			m.t.Fatal(err)
		}
	}
}

// handler notes what it is given, and does what do says.
func (m *mortal) handler(do func(ctx context.Context, body string, receives int) error) worker.Handler {
	return func(ctx context.Context, message *worker.Message) (err error) {
		body, group := *message.Body, message.Group()
		m.mu.Lock()
		m.started[body]++
		m.busy[group]++
		if group != "" && m.busy[group] > 1 {
			m.t.Errorf("two of group %s are at work at once", group)
		}
		m.mu.Unlock()
		err = errOnPurpose // a panic is a failure
		defer func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.busy[group]--
			switch {
			case err == nil:
				m.done[group] = append(m.done[group], body)
			case errors.Is(err, errNotThere):
				m.started[body]--
			}
		}()
		err = do(ctx, body, message.Receives())
		return err
	}
}

var errNotThere = errors.New("not there")

// agent runs a worker for a while and then ends it.
func (m *mortal) agent(o worker.Options, lives time.Duration, end func(*worker.Worker)) {
	m.t.Helper()
	if o.Client == nil {
		o.Client = m.client
	}
	o.QueueURL, o.Logger = m.live, slog.New(slog.NewTextHandler(io.Discard, nil))
	w, err := worker.New(o)
	if err != nil {
		m.t.Fatal(err)
	}
	time.AfterFunc(lives, func() { end(w) })
	if err := w.Run(context.WithoutCancel(m.t.Context())); err != nil {
		m.t.Errorf("Run returned %v", err)
	}
}

// left is how many messages the queue has, in flight or not.
func (m *mortal) left() int {
	out, err := m.client.GetQueueAttributes(m.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &m.live, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		m.t.Fatal(err)
	}
	n := 0
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
		count, _ := strconv.Atoi(out.Attributes[name])
		n += count
	}
	return n
}

// bury receives what still can be received, so that what is due to die does, and returns the bodies of the dead.
func (m *mortal) bury() []string {
	m.t.Helper()
	var dead []string
	for {
		out, err := m.client.ReceiveMessage(m.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &m.dead, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600})
		if err != nil {
			m.t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return dead
		}
		for _, message := range out.Messages {
			dead = append(dead, *message.Body)
		}
	}
}

// judge checks what a queue with a dead-letter queue has to keep, whatever happened.
func (m *mortal) judge(note string) {
	m.t.Helper()
	for _, body := range m.bury() {
		if m.started[body] == 0 {
			m.t.Errorf("%s: %s died and was never started", note, body)
		}
	}
	for group, bodies := range m.done {
		last := 0
		for _, body := range bodies {
			n, _ := strconv.Atoi(body[1:])
			if group != "" && n <= last {
				m.t.Errorf("%s: group %s was done in the order %v", note, group, bodies)
				break
			}
			last = n
		}
	}
}

func drain(w *worker.Worker)    { w.Drain() }
func giveBack(w *worker.Worker) { w.GiveBack() }

// slow takes so long, unless its context ends.
func slow(d time.Duration) func(context.Context, string, int) error {
	return func(ctx context.Context, _ string, _ int) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return nil
		}
	}
}

// firstFails fails for the first message of group g.
func firstFails(_ context.Context, body string, _ int) error {
	if body == "g1" {
		return errOnPurpose
	}
	return nil
}

func TestOnlyWhatWasTriedDies(t *testing.T) {
	for _, row := range []struct {
		name     string
		fifo     bool
		receives int
		settings worker.Settings
		do       func(context.Context, string, int) error
		agents   int // one after the other
		lives    time.Duration
		end      func(*worker.Worker)
		dead     int // messages
	}{
		{"the first of a FIFO group fails always", true, 3, worker.Settings{Concurrency: 3}, firstFails, 1, time.Minute, drain, 1},
		{"the same with one try", true, 1, worker.Settings{Concurrency: 8}, firstFails, 1, time.Minute, drain, 1},
		{"the same with prefetch", true, 2, worker.Settings{Concurrency: 1, Prefetch: 10}, firstFails, 1, time.Minute, drain, 1},
		{"the same without a place to spare", true, 2, worker.Settings{Concurrency: 1}, firstFails, 1, time.Minute, drain, 1},
		{"a panic in a FIFO group", true, 2, worker.Settings{Concurrency: 4}, func(_ context.Context, body string, _ int) error {
			if body == "g1" {
				panic("on purpose")
			}
			return nil
		}, 1, time.Minute, drain, 1},
		{"redeployed again and again with prefetch", false, 2, worker.Settings{Concurrency: 1, Prefetch: 10}, slow(20 * time.Second), 8, 5 * time.Second, drain, 0},
		{"the same in a FIFO queue", true, 2, worker.Settings{Concurrency: 1, Prefetch: 10}, slow(20 * time.Second), 8, 5 * time.Second, drain, 0},
		{"the same where every receive may be the last", false, 1, worker.Settings{Concurrency: 2, Prefetch: 10}, slow(20 * time.Second), 8, time.Second, drain, 0},
		{"paused again and again", false, 2, worker.Settings{Concurrency: 1, Prefetch: 10}, slow(3 * time.Second), 1, time.Minute, func(w *worker.Worker) {
			for range 5 {
				w.Pause()
				time.Sleep(5 * time.Second)
				w.Resume()
				time.Sleep(time.Second)
			}
			time.Sleep(time.Minute)
			w.Drain()
		}, 0},
		{"given back without grace", false, 3, worker.Settings{Concurrency: 2, Prefetch: 10, Grace: -1}, slow(time.Second), 6, 1500 * time.Millisecond, giveBack, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			playMortal(t, row.fifo, row.receives, func(m *mortal) {
				m.send("g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8")
				o := worker.Options{Handler: m.handler(row.do), Settings: row.settings}
				for range row.agents {
					m.agent(o, row.lives, row.end)
				}
				o.Handler = m.handler(firstFails)
				m.agent(o, 5*time.Minute, drain)
				m.judge(row.name)
				if n := len(m.started); n != 8 {
					t.Errorf("%d of 8 messages were ever started: %v", n, m.started)
				}
				if n := m.left(); n != 0 {
					t.Errorf("%d messages are left", n)
				}
			})
		})
	}
}

// TestWhateverHappensOnlyWhatWasTriedDies plays failures, panics, absences, redeployments, pauses and kills by chance.
func TestWhateverHappensOnlyWhatWasTriedDies(t *testing.T) {
	seeds := uint64(15)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		chance := rand.New(rand.NewPCG(seed, 3))
		fifo, receives := chance.IntN(2) == 0, 1+chance.IntN(4)
		note := fmt.Sprintf("seed %d, FIFO %v, %d receives", seed, fifo, receives)
		playMortal(t, fifo, receives, func(m *mortal) { playByChance(m, chance, note) })
		if t.Failed() {
			return
		}
	}
}

func playByChance(m *mortal, chance *rand.Rand, note string) {
	counts := map[string]int{}
	for range 5 + chance.IntN(30) {
		group := string(rune('a' + chance.IntN(5)))
		counts[group]++
		m.send(group + strconv.Itoa(counts[group]))
	}
	var mu sync.Mutex // chance is used by handlers that run at once
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return chance.IntN(n)
	}
	absent := false
	handler := m.handler(func(ctx context.Context, _ string, _ int) error {
		mu.Lock()
		gone := absent
		mu.Unlock()
		if gone {
			return worker.Unavailable(errNotThere)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(roll(8000)) * time.Millisecond):
		}
		switch roll(8) {
		case 0:
			return errOnPurpose
		case 1:
			panic("on purpose")
		case 2:
			return worker.Later(time.Second)
		}
		return nil
	})
	ends := []func(*worker.Worker){drain, giveBack, func(w *worker.Worker) { w.Pause(); time.Sleep(time.Second); w.Drain() },
		func(w *worker.Worker) { w.Drain(); time.Sleep(300 * time.Millisecond); w.GiveBack() }}
	for round := 0; round < 60 && m.left() > 0; round++ {
		var agents sync.WaitGroup
		for range 1 + roll(2) {
			o := worker.Options{Handler: handler, Settings: worker.Settings{
				Concurrency: 1 + roll(6), Prefetch: roll(12), Grace: []time.Duration{-1, time.Second, 30 * time.Second}[roll(3)]}}
			lives, end := time.Duration(roll(15000))*time.Millisecond, ends[roll(len(ends))]
			agents.Go(func() { m.agent(o, lives, end) })
		}
		// The handler goes away for a while, and is there again before its agents end: what an agent holds that ends without
		// it cannot be saved.
		agents.Go(func() {
			mu.Lock()
			absent = round%5 == 4
			mu.Unlock()
			time.Sleep(time.Duration(roll(1000)) * time.Millisecond)
			mu.Lock()
			absent = false
			mu.Unlock()
		})
		agents.Wait()
	}
	m.agent(worker.Options{Handler: handler, Settings: worker.Settings{Concurrency: 8}}, 20*time.Minute, drain)
	m.judge(note)
	if n := m.left(); n != 0 {
		m.t.Errorf("%s: %d messages are left", note, n)
	}
}
