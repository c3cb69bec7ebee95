package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

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
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch class := string(e.Code)[:2]; class {
		case "22", "23", "P0":
			return fmt.Errorf("%s: %w SQLSTATE %s, constraint %q", doing, writes.ErrInvalid, e.Code, e.Constraint)
		}
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
		code := string(e.Code)
		// Connection exceptions; deadlocks and serialization failures; insufficient resources;
		// operator intervention (a cancelled query too); a read-only server during a failover.
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "40") || strings.HasPrefix(code, "53") ||
			strings.HasPrefix(code, "57") || code == "25006"
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, transient := range []error{
		context.DeadlineExceeded, context.Canceled, driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed,
		io.EOF, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, transient) {
			return true
		}
	}
	return false
}

// IsRefused reports whether the server has refused the user, the password or the
// database. To try again does not help.
func IsRefused(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && (strings.HasPrefix(string(e.Code), "28") || e.Code == "3D000")
}

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
