//go:build otel

package otel

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/prefab/services/tracing"
)

// Samples asks the sampler of OTEL_TRACES_SAMPLER. The SDK tells of its decision only in a
// span; this one never ends, so it is not exported.
func (e *Exporter) Samples(traceID string, parent tracing.Parent) bool {
	span := e.start(tracing.Span{TraceID: traceID, Parent: parent, Server: true})
	return span.SpanContext().IsSampled()
}

// Record queues a span that has ended.
func (e *Exporter) Record(s tracing.Span) {
	span := e.start(s)
	for _, attr := range s.Attrs {
		if attr.Value.Kind() == slog.KindInt64 {
			span.SetAttributes(attribute.Int64(attr.Key, attr.Value.Int64()))
		} else {
			span.SetAttributes(attribute.String(attr.Key, attr.Value.String()))
		}
	}
	if s.ErrorType != "" {
		span.SetAttributes(attribute.String("error.type", s.ErrorType))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(s.Start.Add(s.Duration)))
}

func (e *Exporter) start(s tracing.Span) trace.Span {
	kind := trace.SpanKindClient
	if s.Server {
		kind = trace.SpanKindServer
	}
	ids := ids{span: trace.SpanID(s.ID)}
	ids.trace, _ = trace.TraceIDFromHex(s.TraceID)
	ctx := context.WithValue(context.Background(), idsKey{}, ids)
	if s.Parent.TraceID != "" {
		parent := trace.SpanContextConfig{TraceID: ids.trace, SpanID: trace.SpanID(s.Parent.SpanID), Remote: s.Server}
		parent.TraceFlags = parent.TraceFlags.WithSampled(s.Parent.Sampled)
		parent.TraceState, _ = trace.ParseTraceState(s.Parent.State)
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(parent))
	}
	_, span := e.tracer.Start(ctx, s.Name, trace.WithSpanKind(kind), trace.WithTimestamp(s.Start))
	return span
}

// givenIDs is the SDK's generator of ids: a tracing.Span has its own, in the context.
type givenIDs struct{}

type (
	ids struct {
		trace trace.TraceID
		span  trace.SpanID
	}
	idsKey struct{}
)

// NewIDs is part of sdk.IDGenerator, for a span without a parent.
func (givenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	given, _ := ctx.Value(idsKey{}).(ids)
	return given.trace, given.span
}

// NewSpanID is part of sdk.IDGenerator.
func (g givenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, span := g.NewIDs(ctx)
	return span
}
