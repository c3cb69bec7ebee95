package querylog

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/tracing"
)

// Event is one statement that was sent to PostgreSQL.
type Event struct {
	// Name comes from a first line such as "-- name: products.list". Without one it is
	// the statement's verb in lower case, or "other". For sqlx's named queries the line
	// is "-- name:: products.list", since sqlx takes a single colon for a parameter.
	Name string

	Query    string        // the text; arguments are never part of it
	Args     int           // how many arguments there were
	Duration time.Duration // until the last row was read and the rows were closed
	Rows     int64         // read, or affected where none are returned

	// Err is the error that the caller got. PostgreSQL's messages may quote values:
	// log the SQLSTATE, not the text.
	Err error
}

// Outcome is "ok", "error" or "cancelled": the caller's context ended, and nothing is
// wrong with the statement.
func (e Event) Outcome() string {
	switch {
	case e.Err == nil:
		return "ok"
	case errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded):
		return "cancelled"
	default:
		return "error"
	}
}

// Observer is called when a statement has ended, with the statement's context. It must
// be quick and safe for concurrent use: the caller waits for it.
type Observer func(ctx context.Context, e Event)

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

// Log writes a debug line per statement, or a warning if it took slow or longer and slow is
// not 0. The time ends when the rows are closed, so a caller who reads slowly counts. Of an
// error it writes the SQLSTATE alone: the caller logs the error, and the message may quote
// values. The logger gets the statement's context, to add the request.
func Log(logger *slog.Logger, slow time.Duration) Observer {
	return func(ctx context.Context, e Event) {
		level, message := slog.LevelDebug, "sql"
		if slow > 0 && e.Duration >= slow {
			level, message = slog.LevelWarn, "slow query"
		}
		if !logger.Enabled(ctx, level) {
			return
		}
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
		logger.LogAttrs(ctx, level, message, attrs...)
	}
}

// Record keeps each statement in the Events of the call that sent it, if it has any. It is an
// Observer for development.
func Record(ctx context.Context, e Event) {
	tracing.From(ctx).Events().AddStatement(tracing.Statement{
		Name: e.Name, Query: e.Query, Outcome: e.Outcome(), Args: e.Args, Rows: e.Rows,
		Start: time.Now().Add(-e.Duration), Duration: e.Duration,
	})
}

func truncate(query string) string {
	const limit = 8 << 10 // bytes in a log line
	if len(query) <= limit {
		return query
	}
	return strings.ToValidUTF8(query[:limit], "") + ellipsis
}

const ellipsis = "…"

// nameOf runs for every statement, so it must not allocate: it returns a piece of the
// text or a constant.
func nameOf(query string) string {
	name, body := leadingName(query)
	if name != "" {
		return name
	}
	return verb(body)
}

func verbOf(query string) string {
	_, body := leadingName(query)
	return verb(body)
}

// leadingName separates the comment lines on top from the statement.
func leadingName(query string) (name, body string) {
	for {
		query = strings.TrimLeft(query, " \t\r\n")
		comment, ok := strings.CutPrefix(query, "--")
		if !ok {
			return name, query
		}
		comment, query, _ = strings.Cut(comment, "\n")
		if named, ok := strings.CutPrefix(strings.TrimLeft(comment, " "), "name:"); ok && name == "" {
			name, _, _ = strings.Cut(strings.TrimSpace(named), " ") // sqlc adds ":one" or ":many"
		}
	}
}

// verb returns only known verbs, so that no text can add a metric label.
func verb(body string) string {
	word := body
	if end := strings.IndexFunc(body, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' }); end >= 0 {
		word = body[:end]
	}
	for _, known := range [...]string{
		"select", "insert", "update", "delete", "with", "merge", "copy", "call", "values",
		"begin", "commit", "rollback", "savepoint", "release", "lock", "set", "show", "listen", "notify",
		"create", "alter", "drop", "truncate", "grant", "revoke", "comment", "do", "explain",
		"analyze", "vacuum", "reindex", "refresh", "discard", "deallocate",
	} {
		if strings.EqualFold(word, known) {
			return known
		}
	}
	return "other"
}
