package server

import (
	"context"
	"io"
	"log/slog"

	"example.com/prefab/services/tracing"
)

// NewLogger returns a logger that adds the request's id and route to every line
// written with the request's context, and what writes out the lines that it still holds.
func NewLogger(s Settings, out io.Writer) (log *slog.Logger, flush func()) {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	form := func(out io.Writer) slog.Handler { return slog.NewTextHandler(out, options) }
	if s.LogsJSON() {
		form = func(out io.Writer) slog.Handler { return slog.NewJSONHandler(out, options) }
	}
	lines := &lineBuffer{out: out}
	return slog.New(&requestHandler{
		traceHandler: traceHandler{form(lines)},
		form:         form, json: s.LogsJSON(), lines: lines, frames: make(map[frameKey]frame),
	}), lines.flush
}

type traceHandler struct{ slog.Handler }

// Handle is part of slog.Handler.
func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if t := tracing.From(ctx); t != nil {
		if t.ID != "" {
			r.AddAttrs(slog.String("request_id", t.ID))
		}
		if t.Route != "" {
			r.AddAttrs(slog.String("route", t.Route))
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
