package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/lib/pq"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

// WrapError adds to err what the store was doing; nil stays nil. A transient
// failure becomes a problem.ErrUnavailable. Where the data is at fault (its type, a
// constraint, an exception of a trigger) the error is a writes.ErrInvalid, without
// PostgreSQL's message, which may quote the data.
func WrapError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pq.Error](err); ok && slices.Contains([]string{"22", "23", "P0"}, class(e)) {
		return fmt.Errorf("%s: %w SQLSTATE %s, constraint %q", doing, writes.ErrInvalid, e.Code, e.Constraint)
	}
	if IsTransient(err) {
		return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// IsTransient reports whether the server was unreachable, overloaded or too slow,
// so that the same call may succeed later.
func IsTransient(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		// Connection exceptions; deadlocks and serialization failures; insufficient resources;
		// operator intervention (a cancelled query too); a read-only server during a failover.
		return slices.Contains([]string{"08", "40", "53", "57"}, class(e)) || e.Code == "25006"
	}
	_, network := errors.AsType[net.Error](err)
	return network || slices.ContainsFunc([]error{
		context.DeadlineExceeded, context.Canceled, driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed,
		io.EOF, io.ErrUnexpectedEOF,
	}, func(transient error) bool { return errors.Is(err, transient) })
}

// IsRefused reports whether the server has refused the user, the password or the
// database. To try again does not help.
func IsRefused(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && (class(e) == "28" || e.Code == "3D000")
}

func class(e *pq.Error) string { return string(e.Code[:2]) }

// SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	ForeignKeyViolation = "23503"
	UniqueViolation     = "23505"
)

// Violates reports whether err is a violation of the named constraint.
func Violates(err error, sqlstate, constraint string) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && string(e.Code) == sqlstate && e.Constraint == constraint
}
