package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/forebay-mq/forebay/internal/pool"
	"github.com/forebay-mq/forebay/internal/top"
)

// controllerTime bounds the wait for a controller, so that one that hangs does not hold back the queues for long.
const controllerTime = 2 * time.Second

// watcher asks what top shows. One look at a time.
type watcher struct {
	client *client
	flags  *topFlags
	plain  bool // the server is none of ours
	pooled bool // a controller has answered before
}

// look asks the server and the controller of pools. Without the first there is no frame.
func (w *watcher) look(ctx context.Context) (top.Frame, error) {
	f := top.Frame{Time: time.Now(), Endpoint: w.client.target.endpoint}
	var err error
	if f.Queues, err = w.queues(ctx); err != nil {
		return top.Frame{}, err
	}
	pools, err := w.pools(ctx)
	switch {
	case err == nil:
		f.Pools, w.pooled = pools, true
	case w.pooled || w.flags.controller.given():
		f.Remarks = append(f.Remarks, "pools: "+asFailure(err).what)
	}
	return f, nil
}

// given says whether somebody has said where the controller is.
func (f *controllerFlags) given() bool {
	return cmp.Or(f.endpoint, f.state, os.Getenv("FOREBAY_CONTROLLER")) != ""
}

func (w *watcher) pools(ctx context.Context) ([]top.Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, controllerTime)
	defer cancel()
	var all []pool.Status
	if err := w.flags.controller.ask(ctx, http.MethodGet, "", nil, &all); err != nil {
		return nil, err
	}
	shown := make([]top.Pool, len(all))
	for i, s := range all {
		shown[i] = top.Pool{Name: s.Name, Desired: s.Desired, Up: s.Workers.Up, Starting: s.Workers.Booting, Stopping: s.Workers.Draining,
			Oldest: s.Queue.Oldest, Wait: s.Objective.Wait, State: stateOf(s)}
	}
	return shown, nil
}

// queues asks Forebay's own API for everything at once, and other servers for each queue.
func (w *watcher) queues(ctx context.Context) ([]top.Queue, error) {
	if !w.plain {
		found, err := w.told(ctx)
		if err == nil || !w.plain {
			return found, err
		}
	}
	urls, err := w.client.list(ctx, w.flags.prefix)
	if err != nil {
		return nil, err
	}
	items, err := w.client.count(ctx, urls)
	if err != nil {
		return nil, err
	}
	found := make([]top.Queue, len(items))
	for i, q := range items {
		found[i] = top.Queue{Name: q.Name, Visible: q.Visible, InFlight: q.InFlight, Delayed: q.Delayed}
	}
	return found, nil
}

// queuePage is a queue as GET /forebay/v1/queues answers it.
type queuePage struct {
	Name     string `json:"name"`
	Messages struct {
		Visible  int64 `json:"visible"`
		InFlight int64 `json:"in_flight"`
		Delayed  int64 `json:"delayed"`
	} `json:"messages"`
	Oldest *float64 `json:"oldest_seconds"`
	Poison struct {
		Messages int64 `json:"messages"`
	} `json:"poison"`
	Consumers struct {
		Polling int64 `json:"polling"`
		Holding int64 `json:"holding"`
	} `json:"consumers"`
	Rates  map[string]map[string]float64 `json:"rates"`
	Waited struct {
		Count int64   `json:"count"`
		P95   float64 `json:"p95"`
	} `json:"waited"`
}

// told asks Forebay's own API. When the server does not know it, that is noted and not asked again.
func (w *watcher) told(ctx context.Context) ([]top.Queue, error) {
	path := "/forebay/v1/queues"
	if w.flags.prefix != "" {
		path += "?prefix=" + url.QueryEscape(w.flags.prefix)
	}
	text, err := w.client.signed(ctx, http.MethodGet, path, nil)
	if err != nil {
		w.plain = pool.Foreign(err) || ctx.Err() == nil && asFailure(err).code == exitDenied // our own answers anybody here
		return nil, w.client.explain(ctx, "", err)
	}
	var page struct {
		Queues []queuePage `json:"queues"`
	}
	if err := json.Unmarshal(text, &page); err != nil || page.Queues == nil {
		w.plain = true
		return nil, fail("the server's answer is none of Forebay's")
	}
	found := make([]top.Queue, len(page.Queues))
	for i, q := range page.Queues {
		const lately = "10s"
		s := &top.Signals{Oldest: q.Oldest, Poison: q.Poison.Messages, Polling: q.Consumers.Polling, Holding: q.Consumers.Holding,
			Sent: q.Rates["sent"][lately], Received: q.Rates["received"][lately], Deleted: q.Rates["deleted"][lately]}
		if q.Waited.Count > 0 {
			s.WaitedP95 = &q.Waited.P95
		}
		found[i] = top.Queue{Name: q.Name, Visible: q.Messages.Visible, InFlight: q.Messages.InFlight, Delayed: q.Messages.Delayed, Signals: s}
	}
	return found, nil
}
