package worker

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	redriveEvery   = time.Minute      // between looks at the queue's redrive policy
	redriveRefused = 10 * time.Minute // when the server does not let us look
)

// attributesAPI is what a client has besides API that can tell when messages die.
type attributesAPI interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// redrive is what the loop knows of when messages go to a dead-letter queue. Every receive counts towards that, also one
// whose message was never started; so where messages can die the worker receives only what it can start.
type redrive struct {
	known  bool // as far as it can be
	unsure bool // the client cannot tell
	max    int  // receives after which a message dies; 0 is never
	asking bool
	next   time.Time // when to look again
}

// mortal reports whether messages of the queue can die.
func (r *redrive) mortal() bool { return r.max > 0 }

// lastReceive reports whether d goes to the dead-letter queue when it is given back.
func (l *loop) lastReceive(d *delivery) bool {
	return l.redrive.mortal() && d.message.Receives() >= l.redrive.max
}

// askRedrive looks at the queue's redrive policy when that is due: before the first receive, and then from time to time.
func (l *loop) askRedrive(now time.Time) {
	r := &l.redrive
	client, ok := l.Client.(attributesAPI)
	if !ok {
		if !r.known && l.Prefetch > 0 {
			l.Logger.Warn("the client cannot tell whether the queue has a dead-letter queue; "+
				"if it has one, prefetched messages may go there untried", "prefetch", l.Prefetch)
		}
		r.known, r.unsure = true, true
		return
	}
	if r.asking || now.Before(r.next) || l.draining || l.link.waits(now) {
		return
	}
	r.asking = true
	l.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(l.calls, answerTimeout)
		defer cancel()
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &l.QueueURL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy},
		}, once)
		receives := 0
		if err == nil {
			receives = receivesMax(out.Attributes[string(types.QueueAttributeNameRedrivePolicy)])
		}
		l.report(func(l *loop) { l.onRedrive(receives, err) })
	})
}

// receivesMax reads a redrive policy. One that cannot be read counts as the strictest.
func receivesMax(policy string) int {
	if policy == "" {
		return 0
	}
	var p struct {
		MaxReceiveCount json.RawMessage `json:"maxReceiveCount"` // a number or a text
	}
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return 1
	}
	n, err := strconv.Atoi(strings.Trim(string(p.MaxReceiveCount), `"`))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

func (l *loop) onRedrive(receives int, err error) {
	r, now := &l.redrive, time.Now()
	r.asking, r.next = false, now.Add(redriveEvery)
	switch {
	case err == nil:
		if l.Prefetch > 0 && receives > 0 && !r.mortal() {
			l.Logger.Warn("nothing is prefetched, since the queue has a dead-letter queue: "+
				"a message that is only held would count as received; raise the concurrency instead", "prefetch", l.Prefetch, "max_receives", receives)
		}
		r.known, r.max = true, receives
	case l.calls.Err() != nil:
	case refusal(err):
		r.next = now.Add(redriveRefused)
		if !r.known {
			l.Logger.Info("the queue's redrive policy cannot be read, so every receive is taken for a message's last; "+
				"allow sqs:GetQueueAttributes", "err", err)
			r.known, r.max = true, 1
		}
	default:
		if !r.known {
			l.link.failed(receiving, err, now)
		}
		r.next = l.link.retryAt
		if r.known {
			r.next = now.Add(redriveEvery)
		}
	}
}
