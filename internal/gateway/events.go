package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forebay-mq/forebay/queued"
)

// eventPause is how often a stream without events says that it is alive.
const eventPause = 15 * time.Second

// eventWriter writes server-sent events.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (e eventWriter) write(text string) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTime)) // a server that has none bounds it itself
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.control.Flush()
}

// event writes one event; value is written as JSON, which has no line ends.
func (e eventWriter) event(name, id string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	return e.write(fmt.Sprintf("event: %s\n%sdata: %s\n\n", name, id, text))
}

// events streams a reply as server-sent events: pending, then head, any number of data, and end. A client that comes
// back with Last-Event-ID gets what is behind that event.
func (g *Gateway) events(w http.ResponseWriter, r *http.Request, s *seat, t token) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	e := eventWriter{w, http.NewResponseController(w)}
	name, ok := g.awaitBegin(e, r, s, t)
	if !ok {
		return
	}
	from := 0
	if attempt, seq, found := cutLast(r.Header.Get("Last-Event-ID"), ":"); found && attempt == name {
		if n, err := strconv.ParseUint(seq, 10, 20); err == nil {
			from = int(n) + 1
		}
	}
	if from > 0 {
		if text, err := g.store.part(t.id, name, from-1); err == nil {
			if p, err := queued.DecodeReply(text); err == nil && p.Last {
				_ = e.event("end", "", map[string]any{}) // all of it was seen
				return
			}
		}
	}
	err := g.pieces(r.Context(), s, t.id, name, from, func(p *queued.Reply) error { return e.piece(p) })
	if err != nil {
		_ = e.event("error", "", map[string]any{"detail": err.Error()})
	}
}

// cutLast is strings.Cut at the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// awaitBegin waits for the beginning of a reply and says which attempt it is.
func (g *Gateway) awaitBegin(e eventWriter, r *http.Request, s *seat, t token) (name string, ok bool) {
	alive := time.NewTicker(eventPause)
	defer alive.Stop()
	told := false
	for {
		rec, there, err := g.store.reply(t.id)
		if err != nil {
			return "", false
		}
		if there {
			if name := g.chosen(t.id, rec); name != "" {
				return name, true
			}
		}
		if !told {
			told = true
			if err := e.event("pending", "", map[string]any{"deadline": t.deadline.UTC().Format(time.RFC3339)}); err != nil {
				return "", false
			}
		}
		select {
		case <-s.look:
		case <-alive.C:
			if err := g.seek(t); err != nil {
				return "", false
			}
			if err := e.write(": waiting\n\n"); err != nil {
				return "", false
			}
		case <-r.Context().Done():
			return "", false
		case <-g.ctx.Done():
			return "", false
		}
	}
}

// piece writes the events of one message of a reply.
func (e eventWriter) piece(p *queued.Reply) error {
	id := p.Attempt + ":" + strconv.Itoa(p.Seq)
	if p.Abort {
		return errBroken
	}
	if p.Interim() {
		return e.event("progress", id, map[string]any{"status": p.Status, "headers": p.Header})
	}
	if p.Status != 0 {
		headID := ""
		if len(p.Body) == 0 && !p.Last {
			headID = id // an id stands behind all that the message has
		}
		if err := e.event("head", headID, map[string]any{"status": p.Status, "headers": p.Header}); err != nil {
			return err
		}
	}
	if len(p.Body) > 0 {
		value := map[string]any{"base64": p.Body}
		if utf8.Valid(p.Body) {
			value = map[string]any{"text": string(p.Body)}
		}
		if err := e.event("data", id, value); err != nil {
			return err
		}
	}
	if p.Last {
		return e.event("end", id, map[string]any{"trailers": p.Trailer})
	}
	return nil
}
