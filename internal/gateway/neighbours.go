package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// questionFormat is what a message between gateways says of itself.
const questionFormat = "gateway/1"

const (
	neighboursMax = 1000   // instances of a site that are known at once
	askedMax      = 10_000 // replies that were asked for and are not there yet
)

// The purposes of the messages between gateways, beside toAsk.
const (
	toGreet  purpose = 'h' // "are you there?"
	toReturn purpose = 'r' // "I am", the answer to every question
)

// question is a message from one gateway to another, in the reply queue of the other.
type question struct {
	Forebay string `json:"forebay"`
	Proof   string `json:"proof"`           // a token that says who asks, for what, and until when
	Token   string `json:"token,omitempty"` // of the reply that is asked for
	Keeps   bool   `json:"keeps,omitempty"` // the sender has taken care of the other's queue for a while
}

// readQuestion says whether a message is from another gateway. Who it is from is not proved yet.
func readQuestion(body string) (q question, ok bool) {
	if !strings.HasPrefix(body, `{"forebay":"`+questionFormat+`"`) {
		return q, false
	}
	return q, json.Unmarshal([]byte(body), &q) == nil
}

// neighbours are the other gateways of the site, as far as this one has to do with them. They are spoken to when this
// gateway starts, when a client asks for one of their replies, and never else.
type neighbours struct {
	g       *Gateway
	mu      sync.Mutex
	urls    map[Instance]string    // of their reply queues
	asked   map[ID]time.Time       // when replies were asked for
	silent  map[Instance]time.Time // since when a question of ours has had no answer
	adopted map[Instance]*inbox    // queues that this gateway takes care of
	absent  time.Duration          // as Options.GoneAfter
}

func newNeighbours(g *Gateway) *neighbours {
	return &neighbours{g: g, urls: make(map[Instance]string), asked: make(map[ID]time.Time),
		silent: make(map[Instance]time.Time), adopted: make(map[Instance]*inbox), absent: g.opts.GoneAfter}
}

// begin finds the other gateways, goes on with queues that were taken over before, and greets the rest.
func (n *neighbours) begin(ctx context.Context) error {
	others, err := n.list(ctx)
	if err != nil {
		n.g.log.Warn("other gateways of the site are not looked for", "err", err)
		return nil // a server may forbid to list queues; all but the sweep works without
	}
	for _, who := range others {
		note, err := n.g.store.note(noteAdopted + who.String())
		if err != nil {
			return err
		}
		if note != "" {
			n.adopt(who)
			continue
		}
		n.g.running.Go(func() { n.greet(who) })
	}
	return nil
}

// list finds the queues of the site's other gateways.
func (n *neighbours) list(ctx context.Context) (all []Instance, err error) {
	prefix := n.g.siteQueues()
	in := &sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(neighboursMax)}
	out, err := n.g.client.ListQueues(ctx, in)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, url := range out.QueueUrls {
		who, err := ParseInstance(strings.TrimPrefix(url[strings.LastIndex(url, "/")+1:], prefix))
		if err != nil || who == n.g.opts.Instance {
			continue
		}
		n.urls[who] = url
		all = append(all, who)
	}
	return all, nil
}

// url is that of another gateway's reply queue.
func (n *neighbours) url(who Instance) (string, error) {
	n.mu.Lock()
	url := n.urls[who]
	n.mu.Unlock()
	if url != "" {
		return url, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.g.ctx), sendTimeout)
	defer cancel()
	url, err := queueURL(ctx, n.g.client, n.g.queueName(who))
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.urls) < neighboursMax {
		n.urls[who] = url
	}
	return url, nil
}

// say sends a message to another gateway.
func (n *neighbours) say(who Instance, what purpose, t token, q question) error {
	url, err := n.url(who)
	if err != nil {
		return err
	}
	now := time.Now()
	until := now.Add(askFor)
	if what != toAsk {
		until = now.Add(2 * n.absent)
	}
	q.Forebay = questionFormat
	q.Proof = n.g.opts.Keys.sign(token{purpose: what, owner: n.g.opts.Instance, id: t.id, deadline: now, expires: until})
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	err = n.g.send(url, &mail{body: string(text)})
	if noQueue(err) {
		n.mu.Lock()
		delete(n.urls, who)
		n.mu.Unlock()
	}
	if err == nil && what != toReturn {
		n.expect(who, now)
	}
	return err
}

// expect notes that another gateway has to answer, and looks after it when it does not.
func (n *neighbours) expect(who Instance, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, already := n.silent[who]; already || n.adopted[who] != nil || len(n.silent) >= neighboursMax {
		return
	}
	n.silent[who] = now
	n.g.running.Go(func() {
		wait(n.g.ctx, n.absent)
		n.mu.Lock()
		since, silent := n.silent[who]
		silent = silent && since.Equal(now)
		if silent {
			delete(n.silent, who)
		}
		n.mu.Unlock()
		if silent && n.g.ctx.Err() == nil {
			n.examine(who)
		}
	})
}

// greet asks another gateway whether it is there.
func (n *neighbours) greet(who Instance) {
	if err := n.say(who, toGreet, token{}, question{}); err != nil {
		n.g.log.Debug("another gateway was not greeted", "instance", who.String(), "err", err)
	}
}

// returned greets all others after this gateway was away for so long that one may have taken care of its queue.
func (n *neighbours) returned() {
	ctx, cancel := context.WithTimeout(n.g.ctx, sendTimeout)
	defer cancel()
	others, err := n.list(ctx)
	if err != nil {
		n.g.log.Warn("other gateways of the site are not looked for", "err", err)
	}
	for _, who := range others {
		n.greet(who)
	}
}

// ask has other gateways send a reply here: its owner, or, when that is gone or has lost sight of it, all who may have
// it. It does not wait for them.
func (n *neighbours) ask(t token) {
	now := time.Now()
	own := t.owner == n.g.opts.Instance
	n.mu.Lock()
	_, adopted := n.adopted[t.owner]
	last, known := n.asked[t.id]
	if own && !n.mayHaveLocked(t) || known && now.Sub(last) < askAgain || len(n.asked) >= askedMax {
		n.mu.Unlock()
		return
	}
	n.asked[t.id] = now
	n.mu.Unlock()
	fetch := t
	fetch.purpose = toFetch
	q := question{Token: n.g.opts.Keys.sign(fetch)}
	n.g.running.Go(func() {
		if !own && !adopted {
			err := n.say(t.owner, toAsk, t, q)
			if err == nil {
				return
			}
			if !noQueue(err) {
				n.g.log.Debug("a reply was not asked for", "instance", t.owner.String(), "err", err)
				return
			}
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(n.g.ctx), sendTimeout)
		defer cancel()
		others, err := n.list(ctx)
		for _, who := range others {
			if err == nil {
				err = n.say(who, toAsk, t, q)
			}
		}
		if err != nil {
			n.g.log.Debug("a reply was not asked for", "err", err)
		}
	})
}

// hear deals with a message from another gateway. One that is not proved, or too old, is dropped.
func (n *neighbours) hear(q question) {
	now := time.Now()
	for _, what := range []purpose{toAsk, toGreet, toReturn} {
		proof, err := n.g.opts.Keys.open(q.Proof, what, now)
		if errors.Is(err, errExpired) || err == nil && proof.owner == n.g.opts.Instance {
			return // too old to matter; or our own, in a queue that was taken over
		}
		if err != nil {
			continue
		}
		switch what {
		case toAsk:
			n.answer(q, proof)
			n.reassure(proof.owner)
		case toGreet:
			n.reassure(proof.owner)
		case toReturn:
			n.welcome(proof.owner, q.Keeps)
		}
		return
	}
	n.g.metrics.reply(replyForged)
}

// reassure tells another gateway that this one is there, and gives its queue back if it was taken care of.
func (n *neighbours) reassure(who Instance) {
	n.g.running.Go(func() {
		keeps := n.release(who)
		if err := n.say(who, toReturn, token{}, question{Keeps: keeps}); err != nil {
			n.g.log.Debug("another gateway was not answered", "instance", who.String(), "err", err)
		}
	})
}

// answer sends the reply that another gateway asks for, now or when it comes.
func (n *neighbours) answer(q question, proof token) {
	t, err := n.g.opts.Keys.open(q.Token, toFetch, time.Now())
	if err != nil || t.id != proof.id {
		return
	}
	n.g.running.Go(func() {
		_, there, err := n.g.store.reply(t.id)
		if err == nil && !there && t.owner == n.g.opts.Instance {
			err = n.g.seek(t)
		}
		if err == nil {
			err = n.g.handOverAll(t, proof.owner, proof.expires)
		}
		if err != nil {
			n.g.log.Error("a reply was not handed over", "err", err)
		}
	})
}

// welcome notes that another gateway is there.
func (n *neighbours) welcome(who Instance, keeps bool) {
	n.mu.Lock()
	delete(n.silent, who)
	n.mu.Unlock()
	if !keeps {
		return
	}
	until := time.Now().Add(n.g.opts.lifetime())
	if err := n.g.store.setNote(noteElsewhere+who.String(), fmt.Sprint(until.Unix())); err != nil {
		n.g.log.Error("where replies went while this gateway was away is not noted", "err", err)
	}
}
