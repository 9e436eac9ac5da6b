package gateway

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// lane is a route at work: its queue, its limits and what was measured of it.
type lane struct {
	*Route
	g     *Gateway
	url   string // of the queue
	limit *rate.Limiter
	// messageMax is how many bytes the queue lets a message have.
	messageMax int

	mu      sync.Mutex
	active  int                 // requests being answered
	clients map[string]*visitor // by who they are
	entered time.Time           // the latest moment that enter was told
	open    map[ID]ticket       // requests without an answer; at most openMax
	done    int                 // requests that left open
	last    time.Time           // when the last answer came, or the gateway started
	started time.Time
	pace    pace // of answers to our requests
	backlog backlog
}

// ticket is a request that waits for its answer.
type ticket struct {
	at   time.Time // when it was sent
	turn int       // how many leave open until it does, if they leave in their order
	all  int       // how many waited in the queue, if most were not ours; else zero
	past int64     // how many had been done then, see backlog.finished
}

// openMax is how many requests without an answer are remembered on a route, for the estimate of the wait.
const openMax = 1 << 17

// visitor is a client as the limits see it.
type visitor struct {
	limit  *rate.Limiter
	active int
}

func (g *Gateway) openLane(ctx context.Context, r *Route) (*lane, error) {
	url, err := queueURL(ctx, g.client, r.Queue)
	if err != nil {
		return nil, fmt.Errorf("route %s: the queue %s cannot be found: %w", r.Name, r.Queue, err)
	}
	now := time.Now()
	l := &lane{Route: r, g: g, url: url, messageMax: g.messageMax(ctx, url), clients: make(map[string]*visitor), open: make(map[ID]ticket), last: now, started: now}
	l.fitBody()
	if r.Rate > 0 {
		l.limit = rate.NewLimiter(rate.Limit(r.Rate), r.Burst)
	}
	return l, nil
}

// enter admits a request of a client, or says why not. Who is admitted must call leave.
func (l *lane) enter(who string, now time.Time) (leave func(), p *problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.entered) { // who came first need not get here first, and a limiter whose time goes back counts it twice
		now = l.entered
	}
	l.entered = now
	if l.Concurrent > 0 && l.active >= l.Concurrent {
		return nil, &problem{status: http.StatusServiceUnavailable, retry: l.waitLocked(now), what: "this route is answering as many requests as it may"}
	}
	v := l.visitorLocked(who)
	if l.ClientConcurrent > 0 && v.active >= l.ClientConcurrent {
		return nil, &problem{status: http.StatusTooManyRequests, retry: time.Second, what: fmt.Sprintf("%d of your requests are being answered, which is the limit", v.active)}
	}
	if p := spend(v.limit, now, http.StatusTooManyRequests, "you send more requests than you may"); p != nil {
		return nil, p
	}
	if p := spend(l.limit, now, http.StatusServiceUnavailable, "more requests come than this route may take"); p != nil {
		return nil, p
	}
	l.active++
	v.active++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.active--
		v.active--
	}, nil
}

// spend takes one from a limiter, or says when there will be one.
func spend(limit *rate.Limiter, now time.Time, status int, what string) *problem {
	if limit == nil {
		return nil
	}
	r := limit.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		return &problem{status: status, what: what, retry: delay}
	}
	return nil
}

// visitorLocked finds a client. When too many are remembered, the new ones share one entry.
func (l *lane) visitorLocked(who string) *visitor {
	if len(l.clients) >= rateClientsMax && l.clients[who] == nil {
		who = ""
	}
	v := l.clients[who]
	if v == nil {
		v = &visitor{}
		if l.ClientRate > 0 {
			v.limit = rate.NewLimiter(rate.Limit(l.ClientRate), l.ClientBurst)
		}
		l.clients[who] = v
	}
	return v
}

// forget drops clients that are as good as new, and requests whose time is over.
func (l *lane) forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for who, v := range l.clients {
		if v.active == 0 && (v.limit == nil || v.limit.TokensAt(now) >= float64(l.ClientBurst)) {
			delete(l.clients, who)
		}
	}
	for id, sent := range l.open {
		if now.Sub(sent.at) > l.Deadline {
			delete(l.open, id)
			l.done++
		}
	}
}

// sent notes a request that is in the queue now.
func (l *lane) sent(id ID, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if waiting := len(l.open); waiting < openMax {
		t := ticket{at: now, turn: l.done + waiting + 1}
		if all := l.allLocked(now); l.foreignLocked(all) {
			t.all, t.past = all+1, l.backlog.finished(now)
		}
		l.open[id] = t
		l.pace.rise(now, waiting, waiting+1)
	}
	l.backlog.sent++
}

// answered notes the first message of an answer, if the request went this way.
func (l *lane) answered(id ID, now time.Time) (took time.Duration, ours bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent, ours := l.open[id]
	if !ours {
		return 0, false
	}
	l.pace.add(now, 1, len(l.open))
	delete(l.open, id)
	l.done++
	l.last = now
	l.backlog.answered++
	took = now.Sub(sent.at)
	l.backlog.learn(sent.all, took)
	return took, true
}

// answered notes the first message of an answer on the route that the request went.
func (g *Gateway) answered(id ID) {
	now := time.Now()
	for _, l := range g.routes {
		if took, ours := l.answered(id, now); ours {
			g.metrics.wait(l.Name, took)
			return
		}
	}
}
