package testkit

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// logs is a slog.Handler that keeps the lines that tell of a panic and drops the rest.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func newLogs() *logs { return &logs{} }

// Enabled is always true.
func (l *logs) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps the record when it tells of a panic.
func (l *logs) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	if strings.Contains(strings.ToLower(line), "panic") {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, line)
	}
	return nil
}

// WithAttrs and WithGroup return the same handler: only the record's own words matter here.
func (l *logs) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup: see WithAttrs.
func (l *logs) WithGroup(string) slog.Handler { return l }

// panics returns the lines kept so far.
func (l *logs) panics() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}
