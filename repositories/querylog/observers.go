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

// Log writes a debug line per statement. Failures are debug lines too, by
// SQLSTATE alone: whoever made the call logs the error, once, and the message
// may quote values. The context goes along, for the logger to say whose it was.
func Log(logger *slog.Logger) Observer {
	return func(ctx context.Context, e Event) {
		if !logger.Enabled(ctx, slog.LevelDebug) {
			return
		}
		logger.LogAttrs(ctx, slog.LevelDebug, "sql", attributes(e)...)
	}
}

// Slow warns of every statement that took threshold or longer, whatever came of
// it, and then tells explain, which may be nil. A threshold of 0 makes it silent.
// The time ends when the rows are closed, so a caller who reads slowly counts.
func Slow(logger *slog.Logger, threshold time.Duration, explain Observer) Observer {
	return func(ctx context.Context, e Event) {
		if threshold <= 0 || e.Duration < threshold {
			return
		}
		logger.LogAttrs(ctx, slog.LevelWarn, "slow query", attributes(e)...)
		if explain != nil {
			explain(ctx, e)
		}
	}
}

// longestText is what a log line holds of a query or a plan, in bytes.
const longestText = 8 << 10

func attributes(e Event) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("name", e.Name),
		slog.Duration("duration", e.Duration),
		slog.Int64("rows", e.Rows),
		slog.String("outcome", e.Outcome()),
		slog.String("query", clip(e.Query)),
	}
	if answer := pq.As(e.Err); answer != nil {
		attrs = append(attrs, slog.String("sqlstate", string(answer.Code)))
	}
	return attrs
}

func clip(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
