// Package telemetry is what a running server tells about itself: its log, its metrics and its health.
package telemetry

import (
	"io"
	"log/slog"
)

// LogOptions say what a log looks like.
type LogOptions struct {
	Format   string     // text, json, or auto: text on a terminal, JSON otherwise; empty is auto
	Level    slog.Level // lines below it are left out; zero: info
	Terminal bool       // whether the writer is a terminal
}

// NewLogger returns a logger that writes to w. Keys are time, level and msg, then what the line is about:
// request_id, api, op, queue, key_id, code, dur.
func NewLogger(w io.Writer, opts LogOptions) *slog.Logger {
	handler := &slog.HandlerOptions{Level: opts.Level}
	if opts.Format == "text" || opts.Format != "json" && opts.Terminal {
		return slog.New(slog.NewTextHandler(w, handler))
	}
	handler.ReplaceAttr = durationsAsText
	return slog.New(slog.NewJSONHandler(w, handler))
}

// durationsAsText writes 4.5ms instead of 4500000, as the text form of the log does.
func durationsAsText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
