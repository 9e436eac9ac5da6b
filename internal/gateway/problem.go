package gateway

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problemType is the media type of refusals (RFC 9457).
const problemType = "application/problem+json"

// problem is a refusal: what is wrong, and where it can be told, what to do.
type problem struct {
	status int
	what   string
	retry  time.Duration // when to try again; zero: nothing is known
	allow  string        // methods, with 405
}

// body is the refusal as JSON.
func (p problem) body() []byte {
	text, err := json.Marshal(map[string]any{"title": http.StatusText(p.status), "status": p.status, "detail": p.what})
	if err != nil {
		return nil // texts and a number can always be written
	}
	return append(text, '\n')
}

// refuse answers with a problem: programs in JSON, browsers in a page. A refused request was not accepted: no backend
// will see it.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, p problem) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if p.retry > 0 {
		h.Set("Retry-After", wholeSeconds(p.retry))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if wantsPage(r) {
		g.pages.write(w, problemPage(r, p.status, p.what))
		return
	}
	h.Set("Content-Type", problemType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept")
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body())
}

// wholeSeconds writes a time for Retry-After: rounded up, at least 1, at most an hour.
func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int(min(max(math.Ceil(d.Seconds()), 1), 3600)))
}
