package server

import (
	"context"
	"log/slog"
	"strings"

	"example.com/prefab/middleware/request"
	"example.com/prefab/services/tracing"
)

// keepLines is a handler for development that also keeps the lines of requests in their
// Events. It leaves out the access log, whose facts the request has anyway.
type keepLines struct {
	slog.Handler
	shape func(slog.Handler) slog.Handler // gives a handler the attributes and groups of this one
}

func newKeepLines(h slog.Handler) keepLines {
	return keepLines{h, func(h slog.Handler) slog.Handler { return h }}
}

// Handle is part of slog.Handler.
func (h keepLines) Handle(ctx context.Context, r slog.Record) error {
	if events := tracing.From(ctx).Events(); events != nil && r.Message != request.LogMessage {
		var attrs strings.Builder
		_ = h.shape(slog.NewTextHandler(&attrs, &slog.HandlerOptions{ReplaceAttr: withoutCommon})).Handle(ctx, r)
		events.AddLine(tracing.Line{
			Time: r.Time, Level: r.Level, Message: r.Message, Attrs: strings.TrimSpace(attrs.String()),
		})
	}
	return h.Handler.Handle(ctx, r)
}

// withoutCommon leaves out what is kept apart, and what all lines of a request have.
func withoutCommon(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey, slog.LevelKey, slog.MessageKey, "request_id", "trace_id", "route":
		return slog.Attr{}
	}
	return a
}

// WithAttrs is part of slog.Handler.
func (h keepLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	shape := func(to slog.Handler) slog.Handler { return h.shape(to).WithAttrs(attrs) }
	return keepLines{h.Handler.WithAttrs(attrs), shape}
}

// WithGroup is part of slog.Handler.
func (h keepLines) WithGroup(name string) slog.Handler {
	shape := func(to slog.Handler) slog.Handler { return h.shape(to).WithGroup(name) }
	return keepLines{h.Handler.WithGroup(name), shape}
}
