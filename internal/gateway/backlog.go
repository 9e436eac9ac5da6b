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
	backlogTime  = 2 * time.Second // for it to say so
	pollingFresh = 2 * time.Second // as backlogFresh, of consumers
	meterSeconds = 15              // over which answers are counted
)

// backlog is how much waits in a queue, as it last said, and what changed since as far as this gateway knows.
type backlog struct {
	asked   time.Time
	asking  bool
	waiting int // visible, delayed and in flight
	sent    int // by us since, less the answers
	known   bool
}

// consumers is how many wait at the queue, where somebody can tell.
type consumers struct {
	asked  time.Time
	asking bool
	known  bool
	seen   time.Time // when some were last there
}

// meter counts events of the last seconds.
type meter struct {
	counts [meterSeconds]int
	second int64 // of the newest count, since 1970
	first  time.Time
}

func (m *meter) add(now time.Time) {
	m.turn(now)
	if m.first.IsZero() {
		m.first = now
	}
	m.counts[m.second%meterSeconds]++
}

// turn makes room for the present second.
func (m *meter) turn(now time.Time) {
	second := now.Unix()
	if second-m.second >= meterSeconds {
		clear(m.counts[:])
		m.first = time.Time{}
		m.second = second
	}
	for m.second < second {
		m.second++
		m.counts[m.second%meterSeconds] = 0
	}
}

// rate is events a second; zero when there were none.
func (m *meter) rate(now time.Time) float64 {
	m.turn(now)
	total := 0
	for _, n := range m.counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	span := min(now.Sub(m.first).Seconds(), meterSeconds-1+float64(now.Nanosecond())/1e9)
	return float64(total) / max(span, 1)
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
	return max(l.backlog.waiting+l.backlog.sent, 0)
}

// queueWaitLocked divides what waits by the rate of answers. A gateway sees only its own answers, so of what waits it
// takes only its own part into account, once it has run for long enough to know it.
func (l *lane) queueWaitLocked(now time.Time) time.Duration {
	perSecond := l.answers.rate(now)
	if perSecond == 0 {
		return 0
	}
	waiting := l.waitingLocked()
	if now.Sub(l.started) > l.Deadline {
		waiting = min(waiting, len(l.open))
	}
	return time.Duration(float64(waiting) / perSecond * float64(time.Second))
}

// waitLocked is queueWaitLocked for Retry-After: at least a second.
func (l *lane) waitLocked(now time.Time) time.Duration {
	return max(l.queueWaitLocked(now), time.Second)
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
		return &problem{status: http.StatusServiceUnavailable, retry: max(wait, time.Second),
			what: fmt.Sprintf("%d requests wait, at most %d may", waiting, l.BacklogMax)}
	case l.QueueWaitMax > 0 && wait > l.QueueWaitMax:
		return &problem{status: http.StatusServiceUnavailable, retry: wait,
			what: fmt.Sprintf("a request would wait %s, at most %s are allowed", wait.Round(time.Second), l.QueueWaitMax)}
	case l.FailFast > 0 && l.deserted(ctx, now):
		return &problem{status: http.StatusServiceUnavailable, retry: l.FailFast,
			what: fmt.Sprintf("no backend has taken a request for %s", l.FailFast)}
	}
	return nil
}

// refresh asks the queue how much waits in it, unless that was asked a moment ago. One request asks, others use what
// is known.
func (l *lane) refresh(ctx context.Context, now time.Time) {
	l.mu.Lock()
	due := !l.backlog.asking && now.Sub(l.backlog.asked) >= backlogFresh
	l.backlog.asking = l.backlog.asking || due
	l.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backlogTime)
	defer cancel()
	out, err := l.g.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &l.url, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlog.asking, l.backlog.asked = false, now
	if err != nil {
		l.g.log.Debug("the backlog is not known", "route", l.Name, "err", err)
		return
	}
	total := 0
	for _, text := range out.Attributes {
		n, _ := strconv.Atoi(text)
		total += n
	}
	l.backlog.waiting, l.backlog.sent, l.backlog.known = total, 0, true
}

// deserted says whether no backend has polled the queue for FailFast, or, where nobody can tell, whether none has
// answered for so long while a request waits.
func (l *lane) deserted(ctx context.Context, now time.Time) bool {
	l.lookForConsumers(ctx, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.last) < l.FailFast {
		return false
	}
	if l.consumer.known {
		return now.Sub(l.consumer.seen) >= l.FailFast && now.Sub(l.started) >= l.FailFast
	}
	for _, sent := range l.open {
		if now.Sub(sent) >= l.FailFast {
			return true
		}
	}
	return false
}

// lookForConsumers asks who polls the queue, unless that was asked a moment ago.
func (l *lane) lookForConsumers(ctx context.Context, now time.Time) {
	if l.g.opts.Polling == nil {
		return
	}
	l.mu.Lock()
	c := &l.consumer
	due := !c.asking && now.Sub(c.asked) >= pollingFresh
	c.asking = c.asking || due
	l.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backlogTime)
	defer cancel()
	n, ok := l.g.opts.Polling(ctx, l.url)
	l.mu.Lock()
	defer l.mu.Unlock()
	c.asking, c.asked, c.known = false, now, ok
	if ok && n > 0 {
		c.seen = now
	}
}
