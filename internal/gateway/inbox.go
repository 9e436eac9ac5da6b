package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/queued"
)

// pollWait is how long one receive waits for replies: the longest that the API allows.
const pollWait = 20 * time.Second

// inbox takes replies out of one reply queue: the gateway's own, or one that it has taken over.
type inbox struct {
	g         *Gateway
	log       *slog.Logger
	name, url string
	ctx       context.Context
	cancel    context.CancelFunc
	started   time.Time
	failing   atomic.Bool
	emptied   atomic.Int64 // when a receive last found that nothing more waits, in seconds since 1970
	done      sync.WaitGroup
}

// openInbox begins to take replies out of a queue. It goes on until the gateway closes, or close is called.
func (g *Gateway) openInbox(name, url string) *inbox {
	b := &inbox{g: g, log: g.log.With("queue", name), name: name, url: url, started: time.Now()}
	b.ctx, b.cancel = context.WithCancel(g.ctx)
	for range g.opts.Pollers {
		b.done.Go(b.poll)
	}
	g.running.Go(b.done.Wait)
	return b
}

// close ends the inbox and waits for it.
func (b *inbox) close() {
	b.cancel()
	b.done.Wait()
}

// well reports whether the last receive went well.
func (b *inbox) well() bool { return !b.failing.Load() }

// emptySince reports whether every reply that was sent before at has been dealt with: the queue was empty since, and not
// only because a gateway that died had received what was in it.
func (b *inbox) emptySince(at time.Time) bool {
	emptied := time.Unix(b.emptied.Load(), 0)
	return emptied.After(at) && emptied.After(b.started.Add(visibility))
}

func (b *inbox) poll() {
	pause, heard := retryFirst, time.Now()
	for b.ctx.Err() == nil {
		err := b.receive()
		if b.ctx.Err() != nil {
			return
		}
		if err == nil {
			away := time.Since(heard) > max(b.g.opts.GoneAfter/2, 2*pollWait)
			pause, heard = retryFirst, time.Now()
			if away && b.name == b.g.queueName(b.g.opts.Instance) {
				b.g.running.Go(b.g.others.returned)
			}
			if b.failing.CompareAndSwap(true, false) {
				b.log.Info("replies arrive again")
			}
			continue
		}
		if b.failing.CompareAndSwap(false, true) {
			b.log.Warn("replies do not arrive for now", "err", err)
		}
		if noQueue(err) && !b.restore() {
			return
		}
		wait(b.ctx, pause)
		pause = min(2*pause, retryMost)
	}
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// restore makes the gateway's own queue again, which somebody has deleted. The queue of another is left as it is.
func (b *inbox) restore() bool {
	if b.name != b.g.queueName(b.g.opts.Instance) {
		return false
	}
	ctx, cancel := context.WithTimeout(b.ctx, sendTimeout)
	defer cancel()
	if _, err := b.g.ensureQueue(ctx, b.name); err != nil {
		b.log.Warn("the reply queue is gone and cannot be made again for now", "err", err)
		return true
	}
	b.log.Warn("the reply queue was gone and is made again; replies that were in it are lost")
	return true
}

// receive takes what is there, and returns when all of it is where it belongs.
func (b *inbox) receive() error {
	in := &sqs.ReceiveMessageInput{QueueUrl: &b.url, MaxNumberOfMessages: receiveMost, WaitTimeSeconds: int32(pollWait / time.Second)}
	if len(b.g.opts.Keyring) > 0 {
		in.MessageAttributeNames = []string{queued.AttributeSignature}
	}
	out, err := b.g.client.ReceiveMessage(b.ctx, in)
	if err != nil {
		return err
	}
	take := func(m types.Message) {
		b.g.take(m, func() { b.g.eraser.Delete(b.url, aws.ToString(m.ReceiptHandle)) })
	}
	var taken sync.WaitGroup
	for i, m := range out.Messages {
		if i == len(out.Messages)-1 {
			take(m)
		} else {
			taken.Go(func() { take(m) })
		}
	}
	taken.Wait()
	if len(out.Messages) == 0 {
		b.emptied.Store(time.Now().Unix())
	} else {
		runtime.Gosched() // the next poll can wait, the clients have done so already
	}
	return nil
}

// piece is one message of a reply.
type piece struct {
	text    string // as it came
	attempt string
	seq     int
	last    bool
	reply   *queued.Reply
}

func pieceOf(r *queued.Reply, text string) piece {
	return piece{text: text, attempt: r.Attempt, seq: r.Seq, last: r.Last, reply: r}
}

// whole reports whether the piece is a reply by itself.
func (p piece) whole() bool { return p.seq == 0 && p.last && !p.reply.Abort }

// take deals with one message from a reply queue. It calls erase once the message is needed no more.
func (g *Gateway) take(m types.Message, erase func()) {
	body := aws.ToString(m.Body)
	if q, ok := readQuestion(body); ok {
		g.others.hear(q)
		erase()
		return
	}
	t, p, result := g.read(m)
	if result != "" {
		g.metrics.reply(result)
		g.log.Debug("a message in the reply queue is dropped", "reason", result, "message_id", aws.ToString(m.MessageId))
		erase()
		return
	}
	switch held, given := g.desk.knows(t.id); {
	case held:
		return // the same again, while a client is being written it; it comes once more
	case given:
		g.metrics.reply(replyTwice)
		erase()
		return
	}
	if p.seq == 0 {
		g.answered(t.id)
	}
	if p.whole() && g.desk.offer(t.id, delivery{reply: p.reply, settle: func(written bool) {
		g.desk.settled(t.id, written)
		if written {
			g.metrics.reply(replyDirect)
			erase()
			return
		}
		g.keepReply(t, p, erase)
	}}) {
		return
	}
	g.keepReply(t, p, erase)
}

// keepReply stores a message of a reply, tells those who wait, and then lets go of the message.
func (g *Gateway) keepReply(t token, p piece, erase func()) {
	_, err := g.store.put(t, p, time.Now())
	switch {
	case err == nil:
		g.metrics.reply(replyStored)
		g.desk.wake(t.id)
		g.forwards.pass(t.id, p.text)
	case errors.Is(err, errLate):
		g.metrics.reply(replyLate)
	case errors.Is(err, errFull):
		g.metrics.reply(replyFull)
		return // it stays in its queue, and comes again
	default:
		g.log.Error("a reply stays in its queue", "err", err)
		return
	}
	erase()
}

// read says which request a message answers. result is what it counts as when it answers none.
func (g *Gateway) read(m types.Message) (t token, p piece, result string) {
	body := aws.ToString(m.Body)
	now := time.Now()
	if len(g.opts.Keyring) > 0 {
		signature, _ := queued.ReadAttributes(m)
		if g.opts.Keyring.Verify(queued.KindReply, body, signature, now) != nil {
			return t, p, replyForged
		}
	}
	r, err := queued.DecodeReply(body)
	if err != nil {
		r = garbled(body, err)
	}
	if r == nil {
		return t, p, replyGarbage
	}
	t, err = g.opts.Keys.open(r.Token, toAnswer, now)
	switch {
	case errors.Is(err, errExpired):
		return t, p, replyLate
	case err != nil || t.id.String() != r.Re:
		return t, p, replyForged
	}
	if r.Attempt == attemptGarbled {
		if body, err = r.Encode(); err != nil {
			return t, p, replyGarbage
		}
	}
	return t, pieceOf(r, body), ""
}

// attemptGarbled is the name of the answer that stands for one which nobody can read, attemptLate of the one for a
// request that nobody has answered in time.
const (
	attemptGarbled = "gateway-garbled"
	attemptLate    = "gateway-deadline"
)

// reasonGateway is the reason of an answer that the gateway has made.
const reasonGateway = "gateway"

// garbled returns the answer for a request whose backend has sent something that is no reply. It needs at least the
// address; without it the message is nobody's, and nil is returned.
func garbled(body string, err error) *queued.Reply {
	var address struct {
		Re    string `json:"re"`
		Token string `json:"token"`
	}
	if json.Unmarshal([]byte(body), &address) != nil || address.Token == "" {
		return nil
	}
	return ownReply(address.Re, address.Token, attemptGarbled, http.StatusBadGateway, "the backend's answer cannot be read: "+err.Error())
}

// ownReply is an answer of the gateway in place of the backend's.
func ownReply(re, token, attempt string, status int, what string) *queued.Reply {
	header := http.Header{"Content-Type": {problemType}}
	return &queued.Reply{Re: re, Token: token, Attempt: attempt, Status: status, Header: header,
		Body: problem{status: status, what: what}.body(), Last: true, Reason: reasonGateway}
}
