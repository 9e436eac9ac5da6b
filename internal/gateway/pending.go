package gateway

import (
	"encoding/json"
	"net/http"
	"time"
)

// pageLooksAgain is the longest for which the page of a pending reply is shown before the browser looks again.
const pageLooksAgain = 10 * time.Second

// pending answers that the reply is not there yet, and where it will be: programs in JSON, people in a page that looks
// again.
func (g *Gateway) pending(w http.ResponseWriter, r *http.Request, t token) {
	g.metrics.pending()
	location, wait, expires := g.replyURL(t), g.wait(t.id), t.expires.UTC()
	h := w.Header()
	h.Set("Location", location)
	h.Set("Content-Location", location)
	h.Set("Cache-Control", "no-store")
	h.Set(replyState, "pending")
	h.Set("Retry-After", wholeSeconds(wait))
	if wantsPage(r) {
		again := min(wait, pageLooksAgain)
		if g.rememberHome(w, r, t) {
			again = 0
		}
		h.Set("Refresh", wholeSeconds(again)+"; url="+location)
		g.pages.write(w, waitingPage(location, expires, h.Get(replayed) != ""))
		return
	}
	h.Set("Content-Type", "application/json")
	h.Add("Vary", "Accept")
	told := map[string]any{"status": "pending", "reply": location, "expires": expires.Format(time.RFC3339)}
	text, err := json.Marshal(told)
	if err != nil {
		return // texts can always be written
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(append(text, '\n'))
}

// wait estimates how long a request will wait for its answer; zero when nothing is known.
func (g *Gateway) wait(id ID) time.Duration {
	now := time.Now()
	for _, l := range g.routes {
		if wait, ok := l.remaining(id, now); ok {
			l.peek(now)
			return wait
		}
	}
	return 0
}
