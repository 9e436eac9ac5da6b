package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Options say which lease is meant.
type Options struct {
	Client *sqs.Client
	Queue  string        // name; it ends in .fifo. The queue is created when it is missing
	Time   time.Duration // how long a leader that has gone is waited for; whole seconds, TimeMin to TimeMax
	Log    *slog.Logger
}

// The bounds of Options.Time, and its usual value.
const (
	TimeMin     = 3 * time.Second
	TimeMax     = 10 * time.Minute
	TimeDefault = 15 * time.Second
)

// The limits of the service, with some distance.
const (
	holdMax    = 11 * time.Hour
	messageMax = 7 * 24 * time.Hour
	retention  = "1209600" // seconds; the longest there is
	pollMax    = 20 * time.Second
	group      = "lease"
)

// Lease is one process's part in it.
type Lease struct {
	o       Options
	changed chan struct{}
	done    sync.WaitGroup
	stop    context.CancelFunc

	mu    sync.Mutex
	url   string
	held  *hold // nil: this process does not lead
	ended bool  // resigned for good
}

// hold is the message, held.
type hold struct {
	receipt string
	epoch   int64
	sent    time.Time // when the message was
	since   time.Time // of the receive
	renewed time.Time // before the last successful renewal was sent
}

// body is what the message says.
type body struct {
	Epoch int64 `json:"epoch"` // those of its leaders are above
}

// Start begins to seek the lead. Resign ends that.
func Start(ctx context.Context, o Options) (*Lease, error) {
	if o.Time < TimeMin || o.Time > TimeMax || o.Time%time.Second != 0 {
		return nil, fmt.Errorf("%s is no time for a lease: whole seconds from %s to %s", o.Time, TimeMin, TimeMax)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(ctx)
	l := &Lease{o: o, changed: make(chan struct{}, 1), stop: stop}
	l.done.Go(func() { l.run(ctx) })
	return l, nil
}

// Lead tells whether this process leads at this moment, and its epoch.
func (l *Lease) Lead() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil || l.ended || elapsed(l.held.renewed, time.Now()) >= l.o.Time*9/10 {
		return 0, false
	}
	return l.held.epoch, true
}

// elapsed is the time between two readings, on the clock that went further.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// Changed gets a value when the lead was won or lost.
func (l *Lease) Changed() <-chan struct{} { return l.changed }

func (l *Lease) tell() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Resign gives the lead up at once and ends the part of this process.
func (l *Lease) Resign(ctx context.Context) {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.stop()
	l.done.Wait()
	l.release(ctx)
}

// set changes what is held.
func (l *Lease) set(h *hold) {
	l.mu.Lock()
	l.held = h
	l.mu.Unlock()
	l.tell()
}

// release lets others have the message.
func (l *Lease) release(ctx context.Context) {
	l.mu.Lock()
	h := l.held
	l.mu.Unlock()
	if h == nil {
		return
	}
	l.set(nil)
	if elapsed(h.renewed, time.Now()) < l.o.Time { // else it is not ours any more
		l.visible(ctx, h, 0)
	}
}

// run seeks the lead and keeps it, until ctx ends.
func (l *Lease) run(ctx context.Context) {
	trouble := ""
	for ctx.Err() == nil {
		err := l.step(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			trouble = ""
		default:
			if trouble != err.Error() {
				trouble = err.Error()
				l.o.Log.Warn("the lead cannot be sought; trying on", "err", err)
			}
			wait(ctx, l.o.Time/10)
		}
	}
}

// step is one attempt to win the lead, and then all the time it is kept.
func (l *Lease) step(ctx context.Context) error {
	if err := l.find(ctx); err != nil {
		return err
	}
	h, err := l.seek(ctx)
	if err != nil || h == nil {
		return err
	}
	if !l.renew(ctx, h) {
		return nil
	}
	l.set(h)
	l.keep(ctx, h)
	return nil
}

// find makes sure that the queue is there.
func (l *Lease) find(ctx context.Context) error {
	l.mu.Lock()
	known := l.url != ""
	l.mu.Unlock()
	if known {
		return nil
	}
	found, err := l.o.Client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &l.o.Queue})
	if missing(err) {
		made, err := l.o.Client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &l.o.Queue, Attributes: map[string]string{
			"FifoQueue": "true", "MessageRetentionPeriod": retention}})
		if err != nil {
			return err
		}
		found = &sqs.GetQueueUrlOutput{QueueUrl: made.QueueUrl}
	} else if err != nil {
		return err
	}
	l.mu.Lock()
	l.url = aws.ToString(found.QueueUrl)
	l.mu.Unlock()
	return nil
}

func missing(err error) bool {
	_, ok := errors.AsType[*types.QueueDoesNotExist](err)
	return ok
}

// seek waits for the message for a while. It answers nil when somebody else holds it.
func (l *Lease) seek(ctx context.Context) (*hold, error) {
	out, err := l.o.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &l.url, MaxNumberOfMessages: 1, VisibilityTimeout: wholeSeconds(l.o.Time), WaitTimeSeconds: wholeSeconds(min(l.o.Time, pollMax)),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp},
	})
	if missing(err) {
		l.mu.Lock()
		l.url = "" // somebody has deleted it: make it again
		l.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	if len(out.Messages) == 0 {
		return nil, l.provide(ctx)
	}
	m := out.Messages[0]
	var said body
	_ = json.Unmarshal([]byte(aws.ToString(m.Body)), &said) // a message of anybody's is as good a lease
	count, _ := strconv.ParseInt(m.Attributes["ApproximateReceiveCount"], 10, 64)
	millis, _ := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
	return &hold{receipt: aws.ToString(m.ReceiptHandle), epoch: said.Epoch + max(count, 1), sent: time.UnixMilli(millis), since: time.Now()}, nil
}

// provide sends the message when there is none. Two that do so at the same time send one, by its deduplication id; and
// a second message does no harm.
func (l *Lease) provide(ctx context.Context) error {
	names := []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}
	out, err := l.o.Client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &l.url, AttributeNames: names})
	if err != nil {
		return err
	}
	for _, name := range names {
		if n := out.Attributes[string(name)]; n != "0" {
			return nil
		}
	}
	return l.send(ctx, time.Now().Unix(), "first") // seconds, so that a later first message has higher epochs, too
}

func (l *Lease) send(ctx context.Context, epoch int64, dedup string) error {
	text, err := json.Marshal(body{epoch})
	if err != nil {
		return err
	}
	_, err = l.o.Client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &l.url, MessageBody: aws.String(string(text)),
		MessageGroupId: aws.String(group), MessageDeduplicationId: &dedup})
	return err
}

// keep renews the lease three times in its time, until it is lost, has to be given back, or ctx ends.
func (l *Lease) keep(ctx context.Context, h *hold) {
	for wait(ctx, l.o.Time/3) {
		switch {
		case elapsed(h.renewed, time.Now()) >= l.o.Time*9/10: // this process stood still
			l.set(nil)
			return
		case elapsed(h.since, time.Now()) >= holdMax:
			l.giveBack(ctx, h)
			return
		}
		l.renew(ctx, h) // one that fails is tried again, as long as there is time
	}
}

// giveBack ends a hold that has become too old, and replaces a message that has.
func (l *Lease) giveBack(ctx context.Context, h *hold) {
	if time.Since(h.sent) < messageMax {
		l.release(ctx)
		return
	}
	if err := l.send(ctx, max(h.epoch, time.Now().Unix()), fmt.Sprintf("after-%d", h.epoch)); err != nil {
		l.o.Log.Warn("the message of the lease could not be replaced; the next leader will", "err", err)
		l.release(ctx)
		return
	}
	l.set(nil)
	if _, err := l.o.Client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: &h.receipt}); err != nil {
		l.o.Log.Warn("the old message of the lease stays", "err", err)
	}
}

// renew extends the hold. It is not called for one that has run out.
func (l *Lease) renew(ctx context.Context, h *hold) bool {
	limit, cancel := context.WithTimeout(ctx, l.o.Time/3)
	defer cancel()
	asked := time.Now()
	if !l.visible(limit, h, l.o.Time) {
		return false
	}
	l.mu.Lock()
	h.renewed = asked
	l.mu.Unlock()
	return true
}

func (l *Lease) visible(ctx context.Context, h *hold, d time.Duration) bool {
	_, err := l.o.Client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &l.url, ReceiptHandle: &h.receipt, VisibilityTimeout: wholeSeconds(d)})
	if err != nil && ctx.Err() == nil {
		l.o.Log.Warn("the lease could not be renewed", "err", err)
	}
	return err == nil
}

func wholeSeconds(d time.Duration) int32 { return int32(d / time.Second) }

// wait waits; it answers false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
