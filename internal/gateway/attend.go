package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

const (
	writeTime   = 30 * time.Second // for a client to take what is written
	streamStall = 5 * time.Minute  // without a piece, after which a reply that was begun is given up
	lateGrace   = time.Minute      // after the deadline, for the answer of a backend that began before it
)

// replyState is the header that tells an answer of the gateway ("pending") from the reply itself ("complete", or
// "partial" while it is being made).
const replyState = "Forebay-Reply"

// attend answers with the reply, as soon as it begins, or with 202 when the wait is over. look says that it may be in
// the store already.
func (g *Gateway) attend(w http.ResponseWriter, r *http.Request, s *seat, t token, patience time.Duration, look bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var repeat <-chan time.Time
	if look { // the reply comes through the store, perhaps from another gateway
		ticker := time.NewTicker(askAgain)
		defer ticker.Stop()
		repeat = ticker.C
	}
	for {
		if look && g.fromStore(w, r, s, t) {
			return
		}
		look = false
		select {
		case got := <-s.reply:
			got.settle(g.writeReply(w, r, got.reply, "complete") == nil)
			return
		case <-s.look:
			look = true
			continue
		case <-repeat:
			if err := g.seek(t); err != nil {
				g.refuse(w, r, *g.storeProblem(err))
				return
			}
			look = true
			continue
		case <-timer.C:
		case <-g.ctx.Done():
		case <-r.Context().Done():
			g.metrics.left()
			accessOf(r).outcome = outcomeGone
			panic(http.ErrAbortHandler) // silence would be a 200; s.leave stores what may come
		}
		s.stand()
		select {
		case got := <-s.reply: // just in time
			got.settle(g.writeReply(w, r, got.reply, "complete") == nil)
		default:
			g.pending(w, r, t)
		}
		return
	}
}

// fromStore answers with what the store has. It returns false when there is nothing yet.
func (g *Gateway) fromStore(w http.ResponseWriter, r *http.Request, s *seat, t token) bool {
	rec, ok, err := g.store.reply(t.id)
	if err != nil {
		g.refuse(w, r, *g.storeProblem(err))
		return true
	}
	name := ""
	if ok {
		name = g.chosen(t.id, rec)
	}
	if name == "" {
		return false
	}
	if err := g.replay(w, r, s, t.id, name); err != nil {
		g.log.Debug("a client did not get the whole reply", "request_id", t.id.String(), "err", err)
		panic(http.ErrAbortHandler) // the only way to tell a client that it has not everything
	}
	return true
}

// chosen is the attempt to answer with: the one that is complete, or the first that has begun.
func (g *Gateway) chosen(id ID, rec record) string {
	if rec.Winner != "" {
		return rec.Winner
	}
	for _, a := range rec.Attempts {
		if text, err := g.store.part(id, a.Name, 0); err == nil && text != "" {
			return a.Name
		}
	}
	return ""
}

var (
	errBroken  = errors.New("the backend broke off")
	errStalled = errors.New("the backend sends nothing more")
	errOther   = errors.New("another attempt has answered instead")
)

// replay writes a reply from the store, and what comes to it meanwhile. With an error the client has not all of it.
func (g *Gateway) replay(w http.ResponseWriter, r *http.Request, s *seat, id ID, name string) error {
	begun := false
	return g.pieces(r.Context(), s, id, name, 0, func(p *queued.Reply) error {
		switch {
		case p.Abort && !begun:
			return g.writeReply(w, r, ownReply(p.Re, "", p.Attempt, http.StatusBadGateway, errBroken.Error()), "complete")
		case p.Abort:
			return errBroken
		case p.Interim():
			writeInterim(w, p)
			return nil
		case p.Status != 0 && p.Last:
			return g.writeReply(w, r, p, "complete")
		case p.Status != 0:
			begun = true
			writeHead(w, p, "partial")
		}
		return writeBody(w, p)
	})
}

// pieces calls f with the messages of an attempt in their order, from a number on, as they come. It returns nil after
// the last.
func (g *Gateway) pieces(ctx context.Context, s *seat, id ID, name string, from int, f func(*queued.Reply) error) error {
	stall := time.NewTimer(streamStall)
	defer stall.Stop()
	for seq := from; ; seq++ {
		text, err := g.store.part(id, name, seq)
		for text == "" && err == nil {
			select {
			case <-s.look:
				text, err = g.store.part(id, name, seq)
				if rec, _, _ := g.store.reply(id); text == "" && rec.Winner != "" && rec.Winner != name {
					return errOther
				}
			case <-stall.C:
				return errStalled
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-g.ctx.Done():
				return errClosing
			}
		}
		if err != nil {
			return err
		}
		p, err := queued.DecodeReply(text)
		if err != nil {
			return err // it was read before it was stored, so the store is damaged
		}
		stall.Reset(streamStall)
		if err := f(p); err != nil || p.Last {
			return err
		}
	}
}

func bodyOf(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// writeHead writes status and headers.
func writeHead(w http.ResponseWriter, p *queued.Reply, state string) {
	h := w.Header()
	h.Del("Location")
	ruled := h.Get("Access-Control-Allow-Origin") != "" // the route has said which pages may read it
	for name, values := range p.Header {
		switch {
		case ruled && strings.HasPrefix(name, "Access-Control-"):
		case name == "Vary":
			h[name] = append(h[name], values...) // the route may have said something
		default:
			h[name] = values
		}
	}
	if _, typed := p.Header["Content-Type"]; !typed {
		h["Content-Type"] = nil // nothing is guessed
	}
	if p.Last && len(p.Trailer) > 0 {
		delete(h, "Content-Length") // on the wire trailers need chunks
	}
	h.Set(replyState, state)
	w.WriteHeader(p.Status)
}

func writeInterim(w http.ResponseWriter, p *queued.Reply) {
	h := w.Header()
	for name, values := range p.Header {
		h[name] = values
	}
	w.WriteHeader(p.Status)
	for name := range p.Header {
		h.Del(name)
	}
}

// writeBody writes a piece of the body, and the trailers with the last one.
func writeBody(w http.ResponseWriter, p *queued.Reply) error {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTime)) // a server that has none bounds it itself
	_, err := w.Write(p.Body)
	if err = ignoreBodyless(err); err != nil {
		return err
	}
	if p.Last {
		for name, values := range p.Trailer {
			w.Header()[http.TrailerPrefix+name] = values
		}
	}
	return control.Flush()
}
