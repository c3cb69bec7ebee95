package querylog

import (
	"context"
	"log/slog"
	"time"

	"github.com/lib/pq"

	"example.com/prefab/services/tracing"
)

// Spans is an Observer that records each statement as a span of its request, if spans are
// recorded. Their attributes are those of OpenTelemetry's conventions for databases.
func Spans(ctx context.Context, e Event) {
	trace := tracing.From(ctx)
	if !trace.Recording() {
		return
	}
	span := tracing.Span{
		Name: e.Name, Start: time.Now().Add(-e.Duration), Duration: e.Duration,
		Attrs: []slog.Attr{
			slog.String("db.system.name", "postgresql"),
			slog.String("db.query.summary", e.Name), slog.String("db.query.text", truncate(e.Query)),
		},
	}
	if e.Err != nil {
		span.ErrorType = e.Outcome()
	}
	if pgErr := pq.As(e.Err); pgErr != nil {
		span.Attrs = append(span.Attrs, slog.String("db.response.status_code", string(pgErr.Code)))
	}
	trace.Record(span)
}
