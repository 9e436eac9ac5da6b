package gateway

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Notes in the store. Both end with the name of an instance and hold a time in seconds since 1970.
const (
	noteAdopted   = "adopted/"   // this gateway takes care of its queue, since then
	noteElsewhere = "elsewhere/" // it has taken care of this gateway's queue, and may have replies until then
)

// looks is how often an examined queue is received from, at most.
const looks = 20

// examine takes over the queue of another gateway if that is gone. The proof is our own question: it has waited in the
// queue for GoneAfter, and nobody has received it. Whoever lives has long polls waiting there, and would have had it at
// once. It needs no clock but our own, and no answer.
func (n *neighbours) examine(who Instance) {
	url, err := n.url(who)
	if err != nil {
		return // it is gone already
	}
	ctx, cancel := context.WithTimeout(n.g.ctx, sendTimeout)
	defer cancel()
	untouched := false
	for range looks {
		out, err := n.g.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: receiveMost,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount}})
		if err != nil {
			n.g.log.Debug("the queue of another gateway cannot be looked at", "instance", who.String(), "err", err)
			return
		}
		for _, m := range out.Messages {
			untouched = untouched || n.ours(m) && m.Attributes["ApproximateReceiveCount"] == "1"
			// Seen, not taken: whoever owns the queue gets it at once.
			_, err := n.g.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
			if err != nil {
				n.g.log.Debug("a message that was looked at comes back late", "err", err)
			}
		}
		if len(out.Messages) == 0 || untouched {
			break
		}
	}
	if !untouched {
		return
	}
	if err := n.g.store.setNote(noteAdopted+who.String(), fmt.Sprint(time.Now().Unix())); err != nil {
		n.g.log.Error("the queue of a gateway that is gone stays", "instance", who.String(), "err", err)
		return
	}
	n.g.log.Info("another gateway is gone, its replies are taken care of here", "instance", who.String(), "silent", n.absent)
	n.adopt(who)
}

// ours reports whether a message is a question of this gateway.
func (n *neighbours) ours(m types.Message) bool {
	q, ok := readQuestion(aws.ToString(m.Body))
	if !ok {
		return false
	}
	for _, what := range []purpose{toAsk, toGreet} {
		proof, err := n.g.opts.Keys.open(q.Proof, what, time.Time{}) // however old
		if err == nil && proof.owner == n.g.opts.Instance {
			return true
		}
	}
	return false
}

// adopt begins to take replies out of another gateway's queue.
func (n *neighbours) adopt(who Instance) {
	url, err := n.url(who)
	if err != nil {
		n.g.log.Warn("the queue of a gateway that is gone is not found", "instance", who.String(), "err", err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.adopted[who] == nil {
		n.adopted[who] = n.g.openInbox(n.g.queueName(who), url)
	}
}

// release gives a queue back to its owner, and says whether there was something to give back.
func (n *neighbours) release(who Instance) bool {
	n.mu.Lock()
	box := n.adopted[who]
	delete(n.adopted, who)
	n.mu.Unlock()
	note, err := n.g.store.note(noteAdopted + who.String())
	if err == nil && note != "" {
		err = n.g.store.setNote(noteAdopted+who.String(), "")
	}
	if err != nil {
		n.g.log.Error("a queue that was given back is still noted", "err", err)
	}
	if box == nil {
		return false
	}
	n.g.log.Info("a gateway is back, its queue is given back", "instance", who.String())
	box.close() // before the owner is answered through the same queue
	return true
}

// mayHave reports whether another gateway may have taken a reply of this one.
func (n *neighbours) mayHave(t token) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mayHaveLocked(t)
}

func (n *neighbours) mayHaveLocked(token) bool {
	names, err := n.g.store.notes(noteElsewhere)
	return err == nil && len(names) > 0
}

// tick does what falls due: it forgets old questions, and deletes the queues of gateways that are gone, once the last
// token that they can have given out has expired. Then no reply to anybody can be in them. It makes calls only then.
func (n *neighbours) tick(now time.Time) {
	n.mu.Lock()
	for id, at := range n.asked {
		if now.Sub(at) >= askAgain {
			delete(n.asked, id)
		}
	}
	n.mu.Unlock()
	for _, prefix := range []string{noteAdopted, noteElsewhere} {
		names, err := n.g.store.notes(prefix)
		if err != nil {
			n.g.log.Error("notes cannot be read", "err", err)
			return
		}
		for _, name := range names {
			n.due(prefix, name, now)
		}
	}
}

func (n *neighbours) due(prefix, name string, now time.Time) {
	text, err := n.g.store.note(name)
	at, parseErr := strconv.ParseInt(text, 10, 64)
	who, nameErr := ParseInstance(strings.TrimPrefix(name, prefix))
	if err != nil || parseErr != nil || nameErr != nil {
		return
	}
	when := time.Unix(at, 0)
	if prefix == noteAdopted {
		when = when.Add(n.g.opts.lifetime())
	}
	if now.Before(when) {
		return
	}
	if prefix == noteAdopted && !n.bury(who) {
		return
	}
	if err := n.g.store.setNote(name, ""); err != nil {
		n.g.log.Error("an old note stays", "err", err)
	}
}

// bury deletes the queue of a gateway that is gone.
func (n *neighbours) bury(who Instance) bool {
	url, err := n.url(who)
	if err != nil {
		return noQueue(err)
	}
	n.mu.Lock()
	box := n.adopted[who]
	delete(n.adopted, who)
	delete(n.urls, who)
	n.mu.Unlock()
	if box != nil {
		box.close()
	}
	ctx, cancel := context.WithTimeout(n.g.ctx, sendTimeout)
	defer cancel()
	if _, err := n.g.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url}); err != nil && !noQueue(err) {
		n.g.log.Warn("the queue of a gateway that is gone stays", "instance", who.String(), "err", err)
		return false
	}
	n.g.log.Info("the queue of a gateway that is gone is deleted; all of its tokens have expired", "instance", who.String())
	return true
}
