package e2e

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestDeepFlood has a quiet tenant send to consumers that wait, on a queue of its own, alone and while another tenant
// floods another queue: as fast as it is let, and at a rate that leaves some of the machine. How long the messages wait
// while the same flood goes to a handler that does nothing is what the machine's being busy costs.
func TestDeepFlood(t *testing.T) {
	p, n := start(t), fully(1_000_000, 3000)
	var alone, beside, paced, elsewhere wait
	for round := range fully(2, 1) {
		alone = alone.and(p.quiet(t, "alone"))
		beside = beside.and(p.flood(t, fmt.Sprint("flood-", round), n))
		paced = paced.and(p.flood(t, fmt.Sprint("paced-", round), n, "--rate", "20000"))
		elsewhere = elsewhere.and(p.floodElsewhere(t))
	}
	alone = alone.and(p.quiet(t, "alone"))
	t.Logf("a quiet tenant beside a flood of %d: p95 %.2f times that without (target 2 or less), p50 %.2f times; at 20,000 a second %.2f and %.2f times; when another process takes the flood %.2f and %.2f times",
		n, beside.p95()/alone.p95(), beside.p50()/alone.p50(), paced.p95()/alone.p95(), paced.p50()/alone.p50(),
		elsewhere.p95()/alone.p95(), elsewhere.p50()/alone.p50())
}

// wait is how long messages of a quiet tenant have waited from send to receive, by rounds or by messages.
type wait struct{ middle, most []float64 } // milliseconds: p50 and p95 of each round

func (w wait) and(other wait) wait {
	return wait{append(w.middle, other.middle...), append(w.most, other.most...)}
}

func (w wait) p50() float64 { return median(w.middle) }
func (w wait) p95() float64 { return median(w.most) }

// quiet sends a hundred messages a second to a queue with consumers in long polls.
func (p *process) quiet(t *testing.T, how string) wait {
	t.Helper()
	n := fully(1500, 30)
	m := p.bench("latency", "--queue", "quiet", "--rate", "100", "--messages", fmt.Sprint(n), "--verify")
	if m.Acknowledged != int64(n) || m.Delivered != int64(n) {
		t.Errorf("%s: the quiet tenant had %d messages acknowledged and %d delivered, want %d", how, m.Acknowledged, m.Delivered, n)
	}
	for _, s := range m.Steps {
		if s.Step == "send to receive" {
			t.Logf("  %s: from send to receive p50 %.2f ms, p95 %.2f ms, p99 %.2f ms, most %.2f ms", how, s.P50, s.P95, s.P99, s.Max)
			return wait{[]float64{s.P50}, []float64{s.P95}}
		}
	}
	t.Errorf("%s: the quiet tenant's messages were not measured", how)
	return wait{[]float64{0}, []float64{0}}
}

// flood fills another queue with n messages while the quiet tenant goes on, and deletes it afterwards.
func (p *process) flood(t *testing.T, queue string, n int, args ...string) wait {
	t.Helper()
	client := p.client()
	url := createQueue(t, client, queue)
	over := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := p.tryBench(append([]string{"fill", "--queue", queue, "--size", "200", "--messages", fmt.Sprint(n)}, args...)...)
		over <- err
	}()
	tr := &tour{client: client}
	waitFor(t, "the flood begins", func() bool { return tr.visible(t, url) > 0 })
	w := p.quiet(t, strings.Join(append([]string{"beside a flood"}, args...), " "))
	came := tr.visible(t, url)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	t.Logf("  of the flood's %d messages %d had come when the quiet tenant was done; %.0f a second", n, came, float64(n)/time.Since(began).Seconds())
	tr.counted(t, url, n, 0)
	must(client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url}))(t)
	return w
}

// floodElsewhere has the quiet tenant go on while a handler that does nothing takes the flood, in a process of its own.
func (p *process) floodElsewhere(t *testing.T) wait {
	t.Helper()
	cmd := exec.Command(p.binary, "bench", "noop", "10")
	in, out := must(cmd.StdinPipe())(t), must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close() // it ends with its input
		_ = cmd.Wait()
	}()
	address := strings.TrimSpace(must(bufio.NewReader(out).ReadString('\n'))(t))
	over := make(chan error, 1)
	go func() {
		_, err := p.tryBench("send", "--endpoint", "http://"+address, "--batch", "10", "--producers", "16", "--size", "200",
			"--duration", fmt.Sprint(time.Duration(fully(18_000, 300))*time.Millisecond))
		over <- err
	}()
	w := p.quiet(t, "beside a flood elsewhere")
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	return w
}

// TestDeepFairQueue has two tenants share a standard queue and its consumers, each of which works for some
// milliseconds on each message: one tenant has a deep backlog there, and the messages of the other must not wait
// behind it.
func TestDeepFairQueue(t *testing.T) {
	p, n := start(t), int64(fully(1_000_000, 6000))
	noisy := newLoad(t, p.client(), n, "shared", "VisibilityTimeout", "3600")
	noisy.tenant = "noisy"
	alone := createQueue(t, p.client(), "alone", "VisibilityTimeout", "3600")
	began := time.Now()
	noisy.senders(6, n)
	noisy.check(t)
	p.figure(t, "sends of the noisy tenant", int(n), began)

	var without, with wait
	for range fully(3, 1) {
		without = without.and(p.share(t, alone, "alone"))
		with = with.and(p.share(t, noisy.url, "with the noisy tenant's backlog"))
	}
	left := (&tour{client: p.client()}).visible(t, noisy.url)
	if left == 0 {
		t.Error("the noisy tenant's backlog was gone before the quiet tenant's messages were: they have waited behind it")
	}
	t.Logf("a quiet tenant in one queue with a backlog of %d: p95 %.2f times that without (target 2 or less), p50 %.2f times; %d of the backlog are left",
		n, with.p95()/without.p95(), with.p50()/without.p50(), left)
}

// Consumers of the shared queue, and how long each works on a message, from half to one and a half of it, so that they do
// not all come free together: at most 800 messages a second.
const (
	sharers   = 16
	shareWork = 20 * time.Millisecond
)

// sharing is a queue whose consumers take one message at a time and work on it. The quiet tenant's message n has the
// body "quiet n".
type sharing struct {
	t    *testing.T
	url  string
	due  []time.Time   // by number: when a message should be sent; its wait begins then
	done chan struct{} // closed when all have come

	mu     sync.Mutex
	waits  map[int]float64 // by number, milliseconds
	others int             // messages of others that the consumers have worked on meanwhile
}

// share sends the quiet tenant's messages, fifty a second, and measures how long each has waited for a consumer.
func (p *process) share(t *testing.T, url, how string) wait {
	t.Helper()
	s := &sharing{t: t, url: url, due: make([]time.Time, fully(750, 20)), done: make(chan struct{}), waits: make(map[int]float64)}
	began := time.Now()
	for n := range s.due {
		s.due[n] = began.Add(time.Second + time.Duration(n)*20*time.Millisecond)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Second+time.Duration(len(s.due))*20*time.Millisecond+patience)
	defer stop()
	receiver, sender := p.client(), p.client()
	var consumers, senders sync.WaitGroup
	for range sharers {
		consumers.Go(func() { s.consume(ctx, receiver) })
	}
	for n, due := range s.due {
		time.Sleep(time.Until(due))
		senders.Go(func() { s.send(ctx, sender, n) })
	}
	senders.Wait()
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	lasted := time.Since(began)
	stop()
	consumers.Wait()
	equal(t, "messages of the quiet tenant received, "+how, len(s.waits), len(s.due))
	waits := slices.Collect(maps.Values(s.waits))
	w := wait{[]float64{quantile(waits, 0.5)}, []float64{quantile(waits, 0.95)}}
	rate := float64(s.others+len(waits)) / lasted.Seconds()
	t.Logf("  %s: waits p50 %.2f ms, p95 %.2f ms, p99 %.2f ms, most %.2f ms; %d consumers took %.0f messages a second, one every %.1f ms",
		how, w.p50(), w.p95(), quantile(waits, 0.99), slices.Max(waits), sharers, rate, 1000/rate)
	return w
}

// send sends message n.
func (s *sharing) send(ctx context.Context, client *sqs.Client, n int) {
	_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &s.url, MessageBody: aws.String(fmt.Sprint("quiet ", n)), MessageGroupId: aws.String("quiet"),
	})
	if err != nil {
		s.t.Errorf("send message %d of the quiet tenant: %v", n, err)
	}
}

// consume takes messages, one by one, and works on each until ctx ends.
func (s *sharing) consume(ctx context.Context, client *sqs.Client) {
	for ctx.Err() == nil {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &s.url, WaitTimeSeconds: 20})
		if err == nil && len(out.Messages) > 0 {
			s.note(*out.Messages[0].Body, time.Now())
			time.Sleep(shareWork/2 + rand.N(shareWork))
			_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: out.Messages[0].ReceiptHandle})
		}
		if err != nil && ctx.Err() == nil {
			s.t.Errorf("receive or delete: %v", err)
			return
		}
	}
}

// note writes down that a message has come.
func (s *sharing) note(body string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, quiet := strings.CutPrefix(body, "quiet ")
	if !quiet {
		s.others++
		return
	}
	n, err := strconv.Atoi(text)
	if _, again := s.waits[n]; err != nil || again || n < 0 || n >= len(s.due) {
		s.t.Errorf("received %q, which was not sent or came before", body)
		return
	}
	if s.waits[n] = float64(now.Sub(s.due[n])) / float64(time.Millisecond); len(s.waits) == len(s.due) {
		close(s.done)
	}
}
