//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/history"
)

// The load of a soak.
const (
	soakVisibility = 3    // seconds: of the queues
	soakAhead      = 2000 // messages that senders may be ahead of consumers
	soakGroups     = 48   // of the FIFO queue; each sender has its own
	soakFIFO       = 3    // senders of the FIFO queue
	soakBody       = 2048 // bytes of a body, at most, where bodies are small
	soakBigBody    = 1<<20 - 1024
)

// soakQueue is one of the queues of a round.
type soakQueue struct {
	name, url   string
	fifo, big   bool
	poison      bool       // some of its messages can never be handled
	deadLetters *soakQueue // where they go
	outstanding atomic.Int64
}

// soakLoad is the clients of a round.
type soakLoad struct {
	s           *soak
	record      *history.Recorder
	round       int
	seed        uint64
	client, cut *sqs.Client // directly, and through the proxy
	queues      []*soakQueue
	next        atomic.Int64
	calls       sync.RWMutex // read-locked by each call; locked, all clients rest
	repeat      [soakGroups]soakSend
}

// soakSend is a message on its way.
type soakSend struct{ key, body, tag, group string }

// newSoakLoad makes the queues of a round.
func newSoakLoad(s *soak, record *history.Recorder, round int, seed uint64) *soakLoad {
	l := &soakLoad{s: s, record: record, round: round, seed: seed, client: s.p.client(), cut: s.p.clientAt("http://" + s.proxy.address)}
	seconds := fmt.Sprint(soakVisibility)
	l.create(&soakQueue{name: "plain"}, "VisibilityTimeout", seconds)
	l.create(&soakQueue{name: "big", big: true}, "VisibilityTimeout", seconds)
	l.create(&soakQueue{name: "orders.fifo", fifo: true}, "VisibilityTimeout", seconds, "FifoQueue", "true")
	dead := l.create(&soakQueue{name: "dead"}, "VisibilityTimeout", seconds)
	tr := &tour{client: l.client}
	policy := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":2}`, tr.attribute(s.t, dead.url, "QueueArn"))
	l.create(&soakQueue{name: "poison", poison: true, deadLetters: dead}, "VisibilityTimeout", seconds, "RedrivePolicy", policy)
	return l
}

func (l *soakLoad) create(q *soakQueue, attributes ...string) *soakQueue {
	base := q.name
	q.name = fmt.Sprintf("soak-%d-%s", l.round, base)
	q.url = createQueue(l.s.t, l.client, q.name, attributes...)
	about := history.Event{Op: history.OpQueue, Queue: q.name, FIFO: q.fifo}
	if q.deadLetters != nil {
		about.DeadLetters, about.MaxReceives = q.deadLetters.name, 2
	}
	l.record.Add(about)
	l.queues = append(l.queues, q)
	return q
}

// begin starts the clients. Each has a source of chance of its own, so a seed replays what each asks for.
func (l *soakLoad) begin(ctx context.Context) *sync.WaitGroup {
	var running sync.WaitGroup
	stream := uint64(0)
	run := func(q *soakQueue, via *sqs.Client, work func(*soakClient)) {
		stream++
		c := &soakClient{l: l, q: q, ctx: ctx, rng: rand.New(rand.NewPCG(l.seed, stream)), via: via}
		running.Go(func() {
			for ctx.Err() == nil {
				work(c)
			}
		})
	}
	for _, q := range l.queues {
		consumers := 2
		switch {
		case q.fifo:
			for n := range soakFIFO {
				run(q, l.client, func(c *soakClient) { c.sendOrdered(n) })
			}
		case q.big:
			run(q, l.client, (*soakClient).sendOne)
			consumers = 1
		case strings.HasSuffix(q.name, "dead"):
			consumers = 1
		default:
			run(q, l.client, (*soakClient).sendBatch)
			run(q, l.client, (*soakClient).sendOne)
			run(q, l.cut, (*soakClient).sendOne)
		}
		for range consumers {
			run(q, l.client, func(c *soakClient) { c.consume(true) })
		}
		run(q, l.cut, func(c *soakClient) { c.consume(true) })
	}
	return &running
}

// soakClient is one client with its own chances.
type soakClient struct {
	l   *soakLoad
	q   *soakQueue
	ctx context.Context
	rng *rand.Rand
	via *sqs.Client
}

// call makes a call while nobody wants the clients to rest, and returns its times and how it ended.
func (c *soakClient) call(f func(context.Context) error) (called, returned int64, result history.Result) {
	c.l.calls.RLock()
	defer c.l.calls.RUnlock()
	called = c.l.record.Now()
	err := f(context.WithoutCancel(c.ctx))
	return called, c.l.record.Now(), resultOf(err)
}

// resultOf tells an answer that nothing was done from one that leaves it open.
func resultOf(err error) history.Result {
	if err == nil {
		return history.Done
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() < http.StatusInternalServerError && response.HTTPStatusCode() >= http.StatusBadRequest {
		return history.Failed
	}
	return history.Unknown
}

// ready waits while the consumers are too far behind.
func (c *soakClient) ready() bool {
	most := int64(soakAhead)
	if c.q.big {
		most = 20
	}
	if c.q.outstanding.Load() < most {
		return true
	}
	pause(c.ctx)
	return false
}

// message makes one up. What it says is in its body and in an attribute.
func (c *soakClient) message() soakSend {
	m := soakSend{key: fmt.Sprintf("r%d-%d", c.l.round, c.l.next.Add(1)), tag: fmt.Sprint(c.rng.IntN(1000))}
	if c.q.poison && c.rng.IntN(4) == 0 {
		m.key += "-bad"
	}
	size := c.rng.IntN(soakBody)
	if c.q.big {
		size = c.rng.IntN(soakBigBody)
	}
	m.body = m.key + "\n" + strings.Repeat(string(rune('a'+c.rng.IntN(26))), size)
	return m
}

func (m soakSend) attributes() map[string]types.MessageAttributeValue {
	return map[string]types.MessageAttributeValue{"tag": {DataType: aws.String("Number"), StringValue: &m.tag}}
}

// digest stands for all that a message says.
func digest(body, tag string) string { return brief(body + "\x00" + tag) }

// brief is enough of a text to tell it from others.
func brief(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return fmt.Sprintf("%016x", h.Sum64())
}

// sent is the event of a send.
func (c *soakClient) sent(m soakSend, called, returned int64, result history.Result, delay int32) history.Event {
	if result == history.Done {
		c.q.outstanding.Add(1)
	}
	return history.Event{Op: history.OpSend, Queue: c.q.name, Call: called, Return: returned, Result: result,
		Key: m.key, Digest: digest(m.body, m.tag), Delay: float64(delay)}
}

func (c *soakClient) delay() int32 {
	if c.rng.IntN(5) > 0 {
		return 0
	}
	return c.rng.Int32N(soakTimeouts)
}

// sendOne sends a message. One without an answer is not repeated: it may have happened or not.
func (c *soakClient) sendOne() {
	if c.ready() {
		c.rest(c.send())
	}
}

// send makes one call and records it.
func (c *soakClient) send() history.Result {
	m, delay := c.message(), c.delay()
	var out *sqs.SendMessageOutput
	called, returned, result := c.call(func(ctx context.Context) (err error) {
		out, err = c.via.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &c.q.url, MessageBody: &m.body, MessageAttributes: m.attributes(), DelaySeconds: delay})
		return err
	})
	e := c.sent(m, called, returned, result, delay)
	if result == history.Done {
		e.ID = *out.MessageId
	}
	c.l.record.Add(e)
	return result
}

// sendBatch sends ten.
func (c *soakClient) sendBatch() {
	if !c.ready() {
		return
	}
	in := &sqs.SendMessageBatchInput{QueueUrl: &c.q.url}
	messages := make([]soakSend, 1+c.rng.IntN(10))
	delay := c.delay()
	for i := range messages {
		messages[i] = c.message()
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &messages[i].body,
			MessageAttributes: messages[i].attributes(), DelaySeconds: delay})
	}
	var out *sqs.SendMessageBatchOutput
	called, returned, result := c.call(func(ctx context.Context) (err error) {
		out, err = c.via.SendMessageBatch(ctx, in)
		return err
	})
	ids, failed := make(map[string]string), make(map[string]history.Result)
	if result == history.Done {
		for _, e := range out.Successful {
			ids[*e.Id] = *e.MessageId
		}
		for _, e := range out.Failed {
			failed[*e.Id] = map[bool]history.Result{true: history.Failed, false: history.Unknown}[e.SenderFault]
		}
	}
	for i, m := range messages {
		own := result
		if r, ok := failed[fmt.Sprint(i)]; ok {
			own = r
		}
		e := c.sent(m, called, returned, own, delay)
		e.ID = ids[fmt.Sprint(i)]
		c.l.record.Add(e)
	}
	c.rest(result)
}

// sendOrdered sends to one of the sender's groups, in order: a send without an answer is repeated with its
// deduplication id until there is one, over restarts. Now and then one that was answered is repeated, too.
func (c *soakClient) sendOrdered(sender int) {
	if !c.ready() {
		return
	}
	group := sender + soakFIFO*c.rng.IntN(soakGroups/soakFIFO)
	m := c.l.repeat[group]
	if m.key == "" {
		m = c.message()
		m.group = fmt.Sprint("g", group)
		c.l.repeat[group] = m
	}
	var out *sqs.SendMessageOutput
	called, returned, result := c.call(func(ctx context.Context) (err error) {
		out, err = c.via.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &c.q.url, MessageBody: &m.body,
			MessageAttributes: m.attributes(), MessageGroupId: &m.group, MessageDeduplicationId: &m.key})
		return err
	})
	e := c.sent(m, called, returned, result, 0)
	e.Group, e.Dedup = m.group, m.key
	if result == history.Done {
		e.ID, e.Sequence = *out.MessageId, aws.ToString(out.SequenceNumber)
		if c.rng.IntN(10) > 0 {
			c.l.repeat[group] = soakSend{}
		} else {
			c.q.outstanding.Add(-1) // it will be counted again
		}
	}
	c.l.record.Add(e)
	c.rest(result)
}

// rest lets a client that was not served wait a moment.
func (c *soakClient) rest(result history.Result) {
	if result != history.Done {
		pause(c.ctx)
	}
}

// look lets the clients rest, compares the server's counters with what it has, message by message, and records them.
func (l *soakLoad) look() {
	l.calls.Lock()
	defer l.calls.Unlock()
	args := []string{"verify", "--live", "-o", "json"}
	for _, q := range l.queues {
		args = append(args, q.name)
	}
	called := l.record.Now()
	text, err := l.s.p.tryForebay(args...)
	var seen []struct {
		Queue                               string
		Visible, InFlight, Delayed, Scanned int64
		Quiet                               bool
	}
	if jsonErr := json.Unmarshal([]byte(text), &seen); jsonErr != nil {
		l.s.t.Errorf("forebay verify --live: %v, %v", err, jsonErr)
		return
	}
	if err != nil {
		l.s.t.Errorf("round %d, seed %d: %v", l.round, l.seed, err)
	}
	for _, q := range seen {
		if !q.Quiet {
			continue // a call that was given up is still on its way
		}
		l.record.Add(history.Event{Op: history.OpCounts, Queue: q.Queue, Call: called, Return: l.record.Now(),
			Visible: q.Visible, InFlight: q.InFlight, Delayed: q.Delayed, Scanned: &q.Scanned})
	}
}
