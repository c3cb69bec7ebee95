package server

import (
	"context"
	"io"
	"log/slog"

	"example.com/prefab/services/tracing"
)

// NewLogger returns a logger that adds the request's id, its caller's trace id and its route to
// every line written with the request's context, and a function that writes the lines that it holds.
// In development requests keep their lines.
func NewLogger(s Settings, out io.Writer) (log *slog.Logger, flush func()) {
	options, lines := &slog.HandlerOptions{Level: s.LogLevel}, newLineBuffer(out)
	var handler slog.Handler = slog.NewJSONHandler(lines, options)
	if !s.LogsJSON() {
		handler = slog.NewTextHandler(lines, options)
	}
	if s.Env == Development {
		handler = newKeepLines(handler)
	}
	if !s.LogsJSON() {
		return slog.New(traceHandler{handler}), lines.flush
	}
	return slog.New(&requestHandler{
		traceHandler: traceHandler{handler}, lines: lines, prefixes: make(map[prefixKey][]byte),
	}), lines.flush
}

type traceHandler struct{ slog.Handler }

// Handle is part of slog.Handler.
func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if t := tracing.From(ctx); t != nil {
		if t.ID != "" {
			r.AddAttrs(slog.String("request_id", t.ID))
		}
		if t.Parent.TraceID != "" { // else it is the request id
			r.AddAttrs(slog.String("trace_id", t.Parent.TraceID))
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
