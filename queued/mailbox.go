package queued

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/gather"
)

// ReplyQueuePrefix begins the names of queues for replies; a random text follows. A queue made by [Transport] has the tag
// [LeaseTag]. Whoever makes such a queue looks for others whose lease is over, and deletes them: their owners have died.
const ReplyQueuePrefix = "forebay-replies-"

// LeaseTag is the tag of a queue for replies that says until when its owner keeps it, in seconds since 1970. The owner renews
// it while it lives. A queue without the tag is nobody's to delete.
const LeaseTag = "forebay-lease"

const (
	lease         = time.Hour
	leaseRenewed  = lease / 2        // before its end
	leaseSlack    = 10 * time.Minute // by which clocks may differ
	idleMax       = 10 * time.Minute // without a request, before the queue is given up
	replyHidden   = 10               // seconds until a reply that could not be taken comes again
	replyKept     = 3600             // seconds in the queue
	sweptMax      = 100              // queues looked at by one starter
	supersededFor = 10 * time.Second // without a message, before an answer is given up for which there is another
)

// mailbox is a queue for replies with those who wait for them.
type mailbox struct {
	*Transport
	name, url string
	ctx       context.Context // of all calls
	stop      context.CancelFunc
	wake      chan struct{} // written when the first exchange comes, read by the pollers

	mu      sync.Mutex
	waiting map[string]*exchange
	used    time.Time // when somebody last waited
	until   time.Time // of the lease
	closed  bool
}

// open returns the transport's mailbox and makes one if need be.
func (t *Transport) open(ctx context.Context) (*mailbox, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("queued: the transport is closed")
	}
	if t.box != nil && t.box.touch() {
		return t.box, nil
	}
	if t.book == nil {
		t.book = &addressBook{client: t.Client}
		t.sender = gather.NewSender(t.Client, orElse(t.MessageBytes, 256<<10))
	}
	b := &mailbox{
		Transport: t, name: ReplyQueuePrefix + rand.Text(), waiting: make(map[string]*exchange), wake: make(chan struct{}, 1),
		used: time.Now(), until: time.Now().Add(lease),
	}
	out, err := t.Client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: &b.name,
		Attributes: map[string]string{
			"MessageRetentionPeriod": strconv.Itoa(replyKept), "VisibilityTimeout": strconv.Itoa(replyHidden),
		},
		Tags: map[string]string{LeaseTag: leaseText(b.until)},
	})
	if err != nil {
		return nil, fmt.Errorf("queued: make a queue for replies: %w", err)
	}
	b.url = aws.ToString(out.QueueUrl)
	b.ctx, b.stop = context.WithCancel(context.Background()) // it outlives the first request
	t.box = b
	t.boxes.Go(b.run)
	return b, nil
}

func leaseText(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// touch says whether the mailbox is open, and keeps it so for a while.
func (b *mailbox) touch() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = time.Now()
	return !b.closed
}

// expect adds an exchange. It returns false when the mailbox is closed.
func (b *mailbox) expect(x *exchange) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.waiting[x.request.ID] = x
	b.used = time.Now()
	b.rouse()
	return true
}

// rouse wakes one poller, which wakes the next.
func (b *mailbox) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// forget removes an exchange that is over.
func (b *mailbox) forget(x *exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, x.request.ID)
}

// close ends everything; run deletes the queue.
func (b *mailbox) close() {
	b.mu.Lock()
	b.closed = true
	left := make([]*exchange, 0, len(b.waiting))
	for _, x := range b.waiting {
		left = append(left, x)
	}
	b.mu.Unlock()
	for _, x := range left {
		x.fail(errors.New("queued: the transport is closed"))
	}
	b.stop()
}

// run polls, renews the lease and sweeps, until the mailbox is closed or idle.
func (b *mailbox) run() {
	var wg sync.WaitGroup
	for range orElse(b.Pollers, 2) {
		wg.Go(b.poll)
	}
	wg.Go(b.sweep)
	for pause(b.ctx, time.Minute) {
		if b.idle() {
			b.close()
		} else {
			b.renew()
		}
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), finishing)
	defer cancel()
	if _, err := b.Client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &b.url}); err != nil && !queueGone(err) {
		b.logger().Info("a queue for replies is left to be swept", "queue", b.name, "err", err)
	}
}

// idle says whether nobody has waited for long.
func (b *mailbox) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 {
		b.used = time.Now()
	}
	if time.Since(b.used) < idleMax {
		return false
	}
	b.closed = true
	return true
}

// renew extends the lease when half of it is over.
func (b *mailbox) renew() {
	if time.Until(b.until) > leaseRenewed {
		return
	}
	until := time.Now().Add(lease)
	_, err := b.Client.TagQueue(b.ctx, &sqs.TagQueueInput{QueueUrl: &b.url, Tags: map[string]string{LeaseTag: leaseText(until)}})
	if err != nil {
		b.logger().Warn("the lease of a queue for replies could not be renewed", "queue", b.name, "err", err)
		return
	}
	b.until = until
}

// sweep deletes queues for replies whose owners have died. What it is not allowed to do it leaves.
func (b *mailbox) sweep() {
	out, err := b.Client.ListQueues(b.ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String(ReplyQueuePrefix), MaxResults: aws.Int32(sweptMax)})
	if err != nil {
		b.logger().Debug("queues for replies cannot be swept", "err", err)
		return
	}
	for _, url := range out.QueueUrls {
		if queueName(url) == b.name || b.ctx.Err() != nil {
			continue
		}
		tags, err := b.Client.ListQueueTags(b.ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
		if err != nil {
			continue
		}
		until, err := strconv.ParseInt(tags.Tags[LeaseTag], 10, 64)
		if err != nil || time.Since(time.Unix(until, 0)) < leaseSlack {
			continue
		}
		if _, err := b.Client.DeleteQueue(b.ctx, &sqs.DeleteQueueInput{QueueUrl: &url}); err == nil {
			b.logger().Info("a queue for replies was deleted, its owner has gone", "queue", queueName(url))
		}
	}
}

// poll receives replies while somebody waits for one.
func (b *mailbox) poll() {
	failures := 0
	for b.ctx.Err() == nil {
		if !b.awaited() {
			select {
			case <-b.wake:
			case <-b.ctx.Done():
			}
			continue
		}
		b.rouse()
		out, err := b.Client.ReceiveMessage(b.ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &b.url, MaxNumberOfMessages: 10, WaitTimeSeconds: pollSeconds,
			MessageAttributeNames: []string{AttributeSignature},
		})
		if err == nil {
			failures = 0
			b.take(out.Messages)
			continue
		}
		if b.ctx.Err() != nil {
			return
		}
		if queueGone(err) {
			b.logger().Warn("the queue for replies was deleted by somebody", "queue", b.name)
			b.close()
			return
		}
		b.logger().Warn("replies cannot be received", "err", err)
		pause(b.ctx, backoff(failures, 200*time.Millisecond, 10*time.Second))
		failures++
	}
}

func (b *mailbox) awaited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) > 0
}

// take gives replies to those who wait, and deletes all but those that come too early.
func (b *mailbox) take(messages []types.Message) {
	var done []types.DeleteMessageBatchRequestEntry
	for i, m := range messages {
		if b.deliver(m) {
			done = append(done, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
	}
	if len(done) == 0 {
		return
	}
	_, err := b.Client.DeleteMessageBatch(b.ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &b.url, Entries: done})
	if err != nil && b.ctx.Err() == nil {
		b.logger().Debug("replies will come again", "err", err)
	}
}

// deliver says whether the message is done with.
func (b *mailbox) deliver(m types.Message) bool {
	body := aws.ToString(m.Body)
	if len(b.Keys) > 0 {
		signature, _ := ReadAttributes(m)
		if err := b.Keys.Verify(KindReply, body, signature, time.Now()); err != nil {
			b.logger().Warn("a reply is ignored", "message", aws.ToString(m.MessageId), "err", err)
			return true
		}
	}
	r, err := DecodeReply(body)
	if err != nil {
		b.logger().Warn("a reply is ignored", "message", aws.ToString(m.MessageId), "err", err)
		return true
	}
	b.mu.Lock()
	x := b.waiting[r.Re]
	b.mu.Unlock()
	if x == nil || subtle.ConstantTimeCompare([]byte(x.request.Token), []byte(r.Token)) != 1 {
		b.logger().Debug("a reply that nobody waits for is dropped", "request", r.Re)
		return true
	}
	return x.add(r)
}

// exchange is a request with its answer, as far as that has come.
type exchange struct {
	box     *mailbox
	request *Request
	trace   Trace
	limit   int           // of bytes that are ready
	wake    chan struct{} // written when something has changed
	release context.CancelFunc
	unwatch func() bool
	once    sync.Once

	mu     sync.Mutex
	answer Assembly
	ready  []*Reply
	bytes  int // of the bodies in ready
	err    error
	slow   *time.Timer // runs while another answer is complete
}

// add takes a message, and returns false when it must come again later.
func (x *exchange) add(r *Reply) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bytes > 0 && x.bytes+len(r.Body) > x.limit {
		return false
	}
	ready, err := x.answer.Add(r)
	for _, m := range ready {
		x.bytes += len(m.Body)
	}
	x.ready = append(x.ready, ready...)
	switch {
	case errors.Is(err, ErrTooEarly):
		return false
	case err != nil && x.err == nil:
		x.err = fmt.Errorf("queued: the answer contradicts itself: %w", err)
	}
	x.watch()
	x.notify()
	return true
}

// watch gives an answer up that has stopped while another is complete.
func (x *exchange) watch() {
	if x.slow != nil {
		x.slow.Stop()
		x.slow = nil
	}
	if x.answer.Superseded() {
		x.slow = time.AfterFunc(supersededFor, func() { x.fail(fmt.Errorf("queued: %w: its server has died", ErrCutShort)) })
	}
}

func (x *exchange) notify() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// next waits for the next message. After an error it returns that error again; what came before is still returned.
func (x *exchange) next() (*Reply, error) {
	for {
		x.mu.Lock()
		if len(x.ready) > 0 {
			m := x.ready[0]
			x.ready = x.ready[1:]
			x.bytes -= len(m.Body)
			x.mu.Unlock()
			return m, nil
		}
		err := x.err
		x.mu.Unlock()
		if err != nil {
			return nil, err
		}
		<-x.wake
	}
}

// fail ends the exchange with an error, unless it has one. Messages that are ready are still read.
func (x *exchange) fail(err error) {
	x.mu.Lock()
	if x.err == nil {
		x.err = err
	}
	x.notify()
	x.mu.Unlock()
	x.box.forget(x)
}

// close releases what the exchange holds. Messages for it are dropped from now on.
func (x *exchange) close() {
	x.once.Do(func() {
		x.box.forget(x)
		x.mu.Lock()
		if x.slow != nil {
			x.slow.Stop()
		}
		x.mu.Unlock()
		if x.unwatch != nil {
			x.unwatch()
		}
		x.release()
	})
}
