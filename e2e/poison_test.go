package e2e

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestDeepPoison lets consumers fail at every message. Each must be received as often as its queue allows, and then be
// in the dead-letter queue, once.
func TestDeepPoison(t *testing.T) {
	const receives = 3
	p, n := start(t), int64(fully(100_000, 500))
	client := p.client()
	tr := &tour{client: client}
	dead := newLoad(t, client, n, "dead", "VisibilityTimeout", "3600")
	policy := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, tr.attribute(t, dead.url, "QueueArn"), receives)
	l := newLoad(t, client, n, "poison", "VisibilityTimeout", "0", "RedrivePolicy", policy)
	l.senders(4, n)
	l.check(t)
	var consumers sync.WaitGroup
	for range 4 {
		consumers.Go(func() {
			for l.going() {
				out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
				l.note(err)
				if err != nil || len(out.Messages) == 0 {
					return
				}
				for _, m := range out.Messages {
					number, err := strconv.ParseInt(*m.Body, 10, 64)
					l.note(err)
					l.received[number].Add(1)
				}
			}
		})
	}
	consumers.Wait()
	l.check(t)
	wrong := 0
	for number := range l.received {
		if l.received[number].Load() != receives {
			wrong++
		}
	}
	equal(t, fmt.Sprintf("messages not received %d times", receives), wrong, 0)
	tr.counted(t, l.url, 0, 0)
	tr.counted(t, dead.url, int(n), 0)
	dead.next.Store(n)
	dead.receivers(4, n)
	dead.check(t)
	dead.exactlyOnce(t)
}
