package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	backlogFresh = time.Second     // how long what the queue said is believed
	backlogStale = 5 * time.Second // after which it is no base for a rate
	backlogTime  = 2 * time.Second // for it to say so
	aheadKept    = .8              // of what is known of our requests' waits, with each answer
	lookAgain    = time.Minute     // for a server that tells nothing more than Amazon SQS
)

// Sight is what Forebay tells of a queue beyond the API of SQS.
type Sight struct {
	Waiting int   // messages: visible, delayed and in flight
	Deleted int64 // messages, since some time that stays the same until the server restarts
	Polling int   // consumers that wait for a message
}

// backlog is how much waits in a queue, as it last said, and what changed since as far as this gateway knows.
type backlog struct {
	asked   time.Time
	asking  bool
	known   bool
	told    time.Time // when it was last known
	waiting int       // visible, delayed and in flight

	sent, answered int     // by us and to us since
	shrinks        float64 // others' messages, by so many a second
	ahead, waits   float64 // how many waited when our requests were sent, and seconds until the answer; the last few count most
	whole          pace    // of everybody's messages, where the server tells

	saw     bool      // the server has told more than Amazon SQS
	deaf    time.Time // when it last did not
	sighted bool      // sight is known
	sight   Sight     // as last told
	seen    time.Time // when consumers were last there
}

// finished is how many messages are done, counted from some time that stays the same while the backlog is sighted. Since it
// was told, they are taken to be done as fast as before.
func (b *backlog) finished(now time.Time) int64 {
	since := min(max(now.Sub(b.told), 0), backlogStale)
	return b.sight.Deleted + max(int64(b.answered), int64(b.rate(now, b.waiting)*since.Seconds()))
}

// learn notes how long a request of ours waited behind so many, if most were not ours.
func (b *backlog) learn(all int, took time.Duration) {
	if all == 0 {
		return
	}
	b.ahead, b.waits = b.ahead*aheadKept+float64(all), b.waits*aheadKept+took.Seconds()
}

// rate is how fast everybody's messages are finished; zero when nobody knows.
func (b *backlog) rate(now time.Time, waiting int) float64 {
	switch {
	case now.Sub(b.told) > backlogStale:
		return 0
	case b.sighted:
		return b.whole.rate(b.told, waiting) // since then nobody has looked
	case b.waits > 0:
		return b.ahead / b.waits
	}
	return 0
}

// estimate says how much waits in the queue, and how long a request that comes now would wait; the latter is zero when
// nothing was measured.
func (l *lane) estimate(now time.Time) (waiting int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waitingLocked(), l.queueWaitLocked(now)
}

func (l *lane) waitingLocked() int {
	if !l.backlog.known {
		return len(l.open)
	}
	return max(l.backlog.waiting+l.backlog.sent-l.backlog.answered, 0)
}

// queueWaitLocked divides what waits by the rate at which it is done.
func (l *lane) queueWaitLocked(now time.Time) time.Duration {
	waiting, rate := l.flowLocked(now)
	if rate == 0 {
		return 0
	}
	return seconds(float64(waiting) / rate)
}

// flowLocked is what waits and how much of it is done in a second; zero when nothing was measured. A gateway knows exactly
// of its own requests and answers, and they wait no longer and no shorter than those of others. But when others have sent
// most, its own may be too few to tell, and the queue as a whole counts: soon where the server tells what is finished, and
// where its numbers may be a minute old, only if there is no doubt.
func (l *lane) flowLocked(now time.Time) (waiting int, rate float64) {
	all := l.allLocked(now)
	rate = l.pace.rate(now, len(l.open))
	if rate == 0 || l.foreignLocked(all) {
		if total := l.backlog.rate(now, all); total > 0 {
			return all, total
		}
	}
	return len(l.open), rate
}

// allLocked is waitingLocked, less what others have taken out since the queue was asked, if they go on as before.
func (l *lane) allLocked(now time.Time) int {
	b := &l.backlog
	gone := b.shrinks * min(max(now.Sub(b.told), 0), backlogStale).Seconds()
	return max(l.waitingLocked()-int(gone), len(l.open))
}

// foreignLocked says whether others have sent so much of all that waits that our own does not tell.
func (l *lane) foreignLocked(all int) bool {
	if l.backlog.sighted {
		return all > len(l.open)+len(l.open)/8
	}
	return all > 4*len(l.open)
}

func seconds(s float64) time.Duration { return time.Duration(min(s, 1e6) * float64(time.Second)) }

// waitLocked is queueWaitLocked for Retry-After.
func (l *lane) waitLocked(now time.Time) time.Duration { return later(l.queueWaitLocked(now)) }

// later is an estimate as Retry-After tells it: the nearest whole second, at least one.
func later(wait time.Duration) time.Duration { return max(wait.Round(time.Second), time.Second) }

// remaining estimates how long a request that was sent will wait yet, by those that were before it and are not done. ok is
// false for one that is not waiting here.
func (l *lane) remaining(id ID, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent, ok := l.open[id]
	if !ok {
		return 0, false
	}
	left, rate := float64(sent.turn-l.done), l.pace.rate(now, len(l.open))
	if total := l.backlog.rate(now, l.allLocked(now)); total > 0 && sent.all > 0 {
		left, rate = float64(sent.all)-total*now.Sub(sent.at).Seconds(), total
		if l.backlog.sighted {
			left = float64(int64(sent.all) + sent.past - l.backlog.finished(now))
		}
	}
	if rate == 0 {
		return later(0), true
	}
	return later(seconds(max(left, 0) / rate)), true
}

// room refuses when too much waits in the queue, or nobody is there to take it.
func (l *lane) room(ctx context.Context, now time.Time) *problem {
	if l.BacklogMax == 0 && l.QueueWaitMax == 0 && l.FailFast == 0 {
		return nil
	}
	l.refresh(ctx, now)
	waiting, wait := l.estimate(now)
	switch {
	case l.BacklogMax > 0 && waiting >= l.BacklogMax:
		return &problem{status: http.StatusServiceUnavailable, retry: later(wait),
			what: fmt.Sprintf("%d requests wait, at most %d may", waiting, l.BacklogMax)}
	case l.QueueWaitMax > 0 && wait > l.QueueWaitMax:
		return &problem{status: http.StatusServiceUnavailable, retry: later(wait),
			what: fmt.Sprintf("a request would wait %s, at most %s are allowed", wait.Round(time.Second), l.QueueWaitMax)}
	case l.FailFast > 0 && l.deserted(now):
		return &problem{status: http.StatusServiceUnavailable, retry: l.FailFast,
			what: fmt.Sprintf("no backend has taken a request for %s", l.FailFast)}
	}
	return nil
}

// refresh asks the queue how much waits in it, unless that was asked a moment ago. One request asks, others use what
// is known.
func (l *lane) refresh(ctx context.Context, now time.Time) {
	if l.due(now) {
		l.ask(context.WithoutCancel(ctx), now)
	}
}

// ask asks the queue. Only one at a time may: see due.
func (l *lane) ask(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, backlogTime)
	defer cancel()
	if sight, ok := l.look(ctx, now); ok {
		l.told(now, sight.Waiting, &sight)
		return
	}
	out, err := l.g.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &l.url, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}})
	if err != nil {
		l.g.log.Debug("the backlog is not known", "route", l.Name, "err", err)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.backlog.asking, l.backlog.sighted = false, false
		return
	}
	total := 0
	for _, text := range out.Attributes {
		n, _ := strconv.Atoi(text)
		total += n
	}
	l.told(now, total, nil)
}

// due says that it is time to ask the queue, to one who must do it then.
func (l *lane) due(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.backlog
	if b.asking || now.Sub(b.asked) < backlogFresh {
		return false
	}
	b.asking, b.asked = true, now
	return true
}

// look asks for what only Forebay tells.
func (l *lane) look(ctx context.Context, now time.Time) (s Sight, ok bool) {
	if !l.sees(now) {
		return Sight{}, false
	}
	s, ok = l.g.opts.Look(ctx, l.url)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlog.saw = l.backlog.saw || ok
	if !l.backlog.saw {
		l.backlog.deaf = now
	}
	return s, ok
}

// sees says whether the server may tell more than Amazon SQS.
func (l *lane) sees(now time.Time) bool {
	if l.g.opts.Look == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backlog.saw || now.Sub(l.backlog.deaf) >= lookAgain
}

// told notes what the queue said; s is nil where that is the least.
func (l *lane) told(now time.Time, waiting int, s *Sight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.backlog
	b.shrinks = 0
	if s == nil {
		s = &Sight{Waiting: waiting}
		b.sighted = false
	} else {
		if b.sighted {
			b.shrinks = max(0, float64(l.waitingLocked()-waiting)/max(now.Sub(b.told), backlogFresh).Seconds())
		}
		if finished := int(s.Deleted - b.sight.Deleted); !b.sighted || finished < 0 || now.Sub(b.told) > backlogStale {
			b.whole.forget(now)
		} else if finished > 0 {
			b.whole.add(now, finished, b.waiting)
		}
		b.whole.rise(now, b.waiting, waiting)
		b.sighted = true
	}
	if s.Polling > 0 {
		b.seen = now
	}
	b.asking, b.known, b.told, b.sight = false, true, now, *s
	b.waiting, b.sent, b.answered = waiting, 0, 0
}

// peek refreshes in the background what the queue says, where that is Forebay.
func (l *lane) peek(now time.Time) {
	if l.sees(now) && l.due(now) {
		l.g.running.Go(func() { l.ask(l.g.ctx, now) })
	}
}

// deserted says whether no backend has polled the queue for FailFast, or, where nobody can tell, whether none has
// answered for so long while a request waits. It uses what refresh has found.
func (l *lane) deserted(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.last) < l.FailFast {
		return false
	}
	if l.backlog.sighted {
		return now.Sub(l.backlog.seen) >= l.FailFast && now.Sub(l.started) >= l.FailFast
	}
	for _, sent := range l.open {
		if now.Sub(sent.at) >= l.FailFast {
			return true
		}
	}
	return false
}
