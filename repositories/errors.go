package repositories

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
	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

// storeError says what a store was doing when err stopped it, and marks the
// failures that pass by themselves as problem.ErrUnavailable. Where the fault lies in
// the data (its type, a constraint, a trigger's refusal) it is a writes.ErrBad,
// without PostgreSQL's message, which may quote the data.
func storeError(doing string, err error) error {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch class := string(e.Code)[:2]; class {
		case "22", "23", "P0":
			return fmt.Errorf("%s: %w SQLSTATE %s, constraint %q", doing, writes.ErrBad, e.Code, e.Constraint)
		}
	}
	if passing(err) {
		return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// passing reports whether the server was away, full or too slow.
func passing(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		code := string(e.Code)
		// Connection exceptions, deadlocks and their like, insufficient resources,
		// operator intervention (which holds the cancelled query), read-only during a failover.
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "40") || strings.HasPrefix(code, "53") ||
			strings.HasPrefix(code, "57") || code == "25006"
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, prefix := range [...]string{
		"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "ERR max number of clients",
	} {
		if redis.HasErrorPrefix(err, prefix) {
			return true // Redis answers, but cannot serve now
		}
	}
	for _, broken := range []error{
		context.DeadlineExceeded, context.Canceled, driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed,
		io.EOF, io.ErrUnexpectedEOF, redis.ErrPoolTimeout, redis.ErrClosed, redis.ErrPoolExhausted,
	} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// Refused reports whether a server has answered that it will not have us: a wrong
// password or a database that does not exist. Asking again would not help.
func Refused(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return strings.HasPrefix(string(e.Code), "28") || e.Code == "3D000"
	}
	return redis.HasErrorPrefix(err, "WRONGPASS") || redis.HasErrorPrefix(err, "NOAUTH") ||
		redis.HasErrorPrefix(err, "NOPERM")
}

// SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	foreignKeyViolation = "23503"
	uniqueViolation     = "23505"
)

// violates reports whether err is that breach of the named constraint.
func violates(err error, sqlstate, constraint string) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && string(e.Code) == sqlstate && e.Constraint == constraint
}
