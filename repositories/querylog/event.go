package querylog

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Event is one statement that was sent to PostgreSQL.
type Event struct {
	// Name comes from a first line such as "-- name: products.list". Without one it is
	// the statement's verb in lower case, or "other". For sqlx's named queries the line
	// is "-- name:: products.list", since sqlx takes a single colon for a parameter.
	Name string

	Query    string        // the text; arguments are never part of it
	Duration time.Duration // until the last row was read and the rows were closed
	Rows     int64         // read, or affected where none are returned

	// Err is the error that the caller got. PostgreSQL's messages may quote values:
	// log the SQLSTATE, not the text.
	Err error
}

// Outcomes of a statement.
const (
	OK        = "ok"
	Failed    = "error"
	Cancelled = "cancelled" // the caller's context ended; nothing is wrong with the statement
)

// Outcome is OK, Failed or Cancelled.
func (e Event) Outcome() string {
	switch {
	case e.Err == nil:
		return OK
	case errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded):
		return Cancelled
	default:
		return Failed
	}
}

// Observer is called when a statement has ended, with the statement's context. It must
// be quick and safe for concurrent use: the caller waits for it.
type Observer func(ctx context.Context, e Event)

// Join returns an Observer that calls all of them.
func Join(observers ...Observer) Observer {
	return func(ctx context.Context, e Event) {
		for _, observe := range observers {
			observe(ctx, e)
		}
	}
}

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
