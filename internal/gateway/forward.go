package gateway

import (
	"sync"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

const (
	forwardsMax = 10_000           // replies that other gateways wait for
	askFor      = 30 * time.Second // how long a question stands; the asker repeats it before that is over
	askAgain    = 20 * time.Second
)

// forwards are the replies that other gateways of the site have asked for, and that are not complete yet.
type forwards struct {
	g  *Gateway
	mu sync.Mutex
	to map[ID]map[Instance]time.Time // until when
}

func newForwards(g *Gateway) *forwards {
	return &forwards{g: g, to: make(map[ID]map[Instance]time.Time)}
}

// add notes that a gateway wants what comes of a reply.
func (f *forwards) add(id ID, who Instance, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.to[id] == nil {
		if len(f.to) >= forwardsMax {
			return // it will ask again
		}
		f.to[id] = make(map[Instance]time.Time)
	}
	f.to[id][who] = until
}

// pass sends a message of a reply to all who want it.
func (f *forwards) pass(id ID, text string) {
	f.mu.Lock()
	var all []Instance
	now := time.Now()
	for who, until := range f.to[id] {
		if now.Before(until) {
			all = append(all, who)
		}
	}
	f.mu.Unlock()
	for _, who := range all {
		f.g.running.Go(func() { f.g.handOver(who, text) })
	}
}

// expire forgets questions whose time is over.
func (f *forwards) expire(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, to := range f.to {
		for who, until := range to {
			if !now.Before(until) {
				delete(to, who)
			}
		}
		if len(to) == 0 {
			delete(f.to, id)
		}
	}
}

// handOver puts a message of a reply into the queue of another gateway.
func (g *Gateway) handOver(who Instance, text string) {
	url, err := g.others.url(who)
	if err == nil {
		err = g.send(url, &mail{body: text, signature: g.opts.Keyring.Sign(queued.KindReply, text, time.Now())})
	}
	if err != nil {
		g.log.Debug("a reply was not handed over", "instance", who.String(), "err", err)
	}
}

// handOverAll sends what there is of a reply, and later what comes.
func (g *Gateway) handOverAll(t token, who Instance, until time.Time) error {
	g.forwards.add(t.id, who, until)
	r, _, err := g.store.reply(t.id)
	if err != nil {
		return err
	}
	for _, a := range r.Attempts {
		if r.Winner != "" && a.Name != r.Winner {
			continue
		}
		for seq, sent := 0, 0; sent < a.Parts && seq <= partsMessages; seq++ {
			text, err := g.store.part(t.id, a.Name, seq)
			if err != nil {
				return err
			}
			if text != "" {
				g.handOver(who, text)
				sent++
			}
		}
	}
	return nil
}
