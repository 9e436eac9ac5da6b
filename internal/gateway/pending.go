package gateway

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"time"
)

// pageLooksAgain is the longest for which the page of a pending reply is shown before the browser looks again.
const pageLooksAgain = 10 * time.Second

// waitingPage is what a browser shows of a reply that is not there yet: its address, and until when it is kept.
const waitingPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Waiting for the answer</title>
<p>Your request has been accepted and is kept. Nobody has answered it yet.</p>
<p>This page looks again by itself. <a href="%s">Look now</a>, or keep the address of that link: the answer will be there until %s.</p>
</html>
`

// pending answers that the reply is not there yet, and where it will be: programs in JSON, people in a page that looks again.
func (g *Gateway) pending(w http.ResponseWriter, r *http.Request, t token) {
	g.metrics.pending()
	location, wait, expires := g.replyURL(t), g.wait(t.id), t.expires.UTC()
	h := w.Header()
	h.Set("Location", location)
	h.Set("Content-Location", location)
	h.Set("Cache-Control", "no-store")
	h.Set(replyState, "pending")
	h.Set("Retry-After", wholeSeconds(wait))
	if accepts(r.Header, "text/html") {
		h.Set("Refresh", wholeSeconds(min(wait, pageLooksAgain))+"; url="+location)
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'")
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, waitingPage, html.EscapeString(location), expires.Format("January 2, 2006, 15:04 MST"))
		return
	}
	h.Set("Content-Type", "application/json")
	text, err := json.Marshal(map[string]any{"status": "pending", "reply": location, "expires": expires.Format(time.RFC3339)})
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
