package gateway

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	accessLinesMax = 4096 // lines that wait to be written; more are dropped
	accessTextMax  = 1024 // bytes of a path, query, host or method in a line
	accessWarnings = time.Minute
)

// The outcomes of a request in the access log, beside what the header Forebay-Reply says: complete, partial and
// pending.
const (
	outcomeRefused = "refused" // by the gateway; no backend has seen the request
	outcomeOwn     = "own"     // a page or script of the gateway itself
	outcomeGone    = "gone"    // the client left before its answer
	outcomeBroken  = "broken"  // the answer broke off
)

// accessLog writes a line of JSON for each request, to a writer that may be slow: lines for which there is no room
// are dropped, and counted, so that the log never holds a request up. It is safe for concurrent use.
type accessLog struct {
	handler slog.Handler // makes the lines
	query   bool
	to      io.Writer
	logger  *slog.Logger
	lines   chan []byte // written by requests, read by run
	dropped atomic.Int64
	stop    chan struct{} // closed when no more lines are waited for
	done    sync.WaitGroup
}

func newAccessLog(to io.Writer, query bool, logger *slog.Logger) *accessLog {
	a := &accessLog{query: query, to: to, logger: logger}
	a.lines, a.stop = make(chan []byte, accessLinesMax), make(chan struct{})
	a.handler = slog.NewJSONHandler(lineWriter{a}, &slog.HandlerOptions{ReplaceAttr: withoutLevel})
	a.done.Go(a.run)
	return a
}

// withoutLevel takes out what is the same in all lines.
func withoutLevel(_ []string, attr slog.Attr) slog.Attr {
	if attr.Key == slog.LevelKey || attr.Key == slog.MessageKey {
		return slog.Attr{}
	}
	return attr
}

// accessGroupMax is how many lines are written in one call. Without a bound, lines that come as fast as they are gathered
// would never be written.
const accessGroupMax = 64

// lineWriter puts lines, one a call, where run finds them.
type lineWriter struct{ log *accessLog }

// Write implements io.Writer.
func (w lineWriter) Write(line []byte) (int, error) {
	select {
	case w.log.lines <- bytes.Clone(line):
	default:
		w.log.dropped.Add(1)
	}
	return len(line), nil
}

// close writes what waits and ends. Lines that come later are dropped.
func (a *accessLog) close() {
	close(a.stop)
	a.done.Wait()
}

// run writes lines, those that wait together in one call.
func (a *accessLog) run() {
	var told int64
	var last time.Time
	for ended := false; !ended || len(a.lines) > 0; {
		var group []byte
		select {
		case line := <-a.lines:
			group = line
		case <-a.stop:
			ended = true
		}
		for range min(len(a.lines), accessGroupMax-1) {
			group = append(group, <-a.lines...) // run alone takes lines, so they are there
		}
		if len(group) == 0 {
			continue
		}
		_, err := a.to.Write(group)
		if dropped := a.dropped.Load(); (err != nil || dropped > told) && time.Since(last) >= accessWarnings {
			a.logger.Warn("the access log has gaps; look at its disk or its reader", "dropped", dropped-told, "err", err)
			told, last = dropped, time.Now()
		}
	}
}

// access is the line of one request while it is being answered. The goroutine of the request alone uses it.
type access struct {
	http.ResponseWriter
	route, request string
	accepted       time.Time // when the queue had acknowledged the request
	answered       time.Time // when the answer began
	status         int
	bytes          int64
	outcome        string
}

type accessKey struct{}

// accessOf returns the line of a request, or one that nobody reads when there is no access log.
func accessOf(r *http.Request) *access {
	if a, ok := r.Context().Value(accessKey{}).(*access); ok {
		return a
	}
	return &access{}
}

// accessLogged is the gateway with its access log, if it has one.
func (g *Gateway) accessLogged() http.Handler {
	if g.access == nil {
		return g
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		a := &access{ResponseWriter: w}
		path := g.pathForLog(r.URL.Path) // before the handler, which may change it
		whole := false
		defer func() {
			if !whole && a.outcome == "" { // a panic, which goes on to the server
				a.outcome = outcomeBroken
			}
			g.access.write(g, r, a, path, began)
		}()
		g.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), accessKey{}, a)))
		whole = true
	})
}

// pathForLog is a path without what is secret in it: a token in the address of a reply is all that its reader needs.
func (g *Gateway) pathForLog(path string) string {
	if strings.HasPrefix(path, g.opts.Prefix+"replies/") {
		return g.opts.Prefix + "replies/*"
	}
	return path
}

// write makes the line of a request that has been answered.
func (l *accessLog) write(g *Gateway, r *http.Request, a *access, path string, began time.Time) {
	now := time.Now()
	if a.status == 0 && a.outcome == "" {
		a.outcome = outcomeGone
	}
	wait := time.Duration(0)
	if !a.accepted.IsZero() {
		wait = now.Sub(a.accepted)
		if !a.answered.IsZero() {
			wait = a.answered.Sub(a.accepted)
		}
	}
	line := slog.NewRecord(began, slog.LevelInfo, "", 0)
	line.AddAttrs(slog.String("method", clipText(r.Method)), slog.String("host", clipText(r.Host)),
		slog.String("path", clipText(path)))
	if l.query && r.URL.RawQuery != "" && path == r.URL.Path {
		line.AddAttrs(slog.String("query", clipText(r.URL.RawQuery)))
	}
	line.AddAttrs(slog.Int("status", a.status), slog.Int64("bytes", a.bytes),
		slog.Float64("duration", now.Sub(began).Seconds()), slog.Float64("wait", wait.Seconds()),
		slog.String("client", g.remote(r)), slog.String("request_id", a.request),
		slog.String("route", a.route), slog.String("outcome", a.outcome))
	_ = l.handler.Handle(context.Background(), line) // lineWriter has no errors
}

func clipText(text string) string {
	if len(text) > accessTextMax {
		return text[:accessTextMax] + "…"
	}
	return text
}

// WriteHeader implements http.ResponseWriter.
func (a *access) WriteHeader(status int) {
	if status >= 200 && a.status == 0 {
		a.status, a.answered = status, time.Now()
		a.outcome = a.Header().Get(replyState)
		switch {
		case a.outcome != "":
		case a.Header().Get("Content-Type") == problemType || status >= 400:
			a.outcome = outcomeRefused
		default:
			a.outcome = outcomeOwn
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *access) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (a *access) Unwrap() http.ResponseWriter { return a.ResponseWriter }
