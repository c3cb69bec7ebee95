package querylog

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics registers the histogram prefab_sql_query_duration_seconds, by query
// name and outcome, and returns the Observer that fills it. Both labels are
// bounded: names are constants in the code, unnamed texts collapse to their
// verb. Call it once per registry and share the Observer between pools.
func Metrics(reg prometheus.Registerer) Observer {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "prefab_sql_query_duration_seconds",
		Help:    "Time from sending an SQL statement until its rows were closed.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"query", "outcome"})
	reg.MustRegister(durations)
	return func(_ context.Context, e Event) {
		durations.WithLabelValues(e.Name, e.Outcome()).Observe(e.Duration.Seconds())
	}
}

// Log writes a debug line per statement, of a failed one too, with its SQLSTATE alone:
// the caller logs the error, and the message may quote values. The logger gets the
// statement's context, to add the request.
func Log(logger *slog.Logger) Observer {
	return func(ctx context.Context, e Event) {
		if !logger.Enabled(ctx, slog.LevelDebug) {
			return
		}
		logger.LogAttrs(ctx, slog.LevelDebug, "sql", attributes(e)...)
	}
}

// Slow warns of each statement that took threshold or longer, failed ones too. A
// threshold of 0 disables it. The time ends when the rows are closed, so a caller who
// reads slowly counts. For plans, see PostgreSQL's auto_explain.
func Slow(logger *slog.Logger, threshold time.Duration) Observer {
	return func(ctx context.Context, e Event) {
		if threshold > 0 && e.Duration >= threshold {
			logger.LogAttrs(ctx, slog.LevelWarn, "slow query", attributes(e)...)
		}
	}
}

// maxLoggedText bounds a query in a log line, in bytes.
const maxLoggedText = 8 << 10

func attributes(e Event) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("name", e.Name),
		slog.Duration("duration", e.Duration),
		slog.Int64("rows", e.Rows),
		slog.String("outcome", e.Outcome()),
		slog.String("query", truncate(e.Query)),
	}
	if pgErr := pq.As(e.Err); pgErr != nil {
		attrs = append(attrs, slog.String("sqlstate", string(pgErr.Code)))
	}
	return attrs
}

func truncate(text string) string {
	if len(text) <= maxLoggedText {
		return text
	}
	return strings.ToValidUTF8(text[:maxLoggedText], "") + "…"
}
