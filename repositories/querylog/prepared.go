package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// maxStatements is how many prepared statements a connection keeps.
const maxStatements = 256

// Errors of the server after which a connection or a statement is handled specially.
const (
	queryCanceled       pqerror.Code = "57014"
	featureNotSupported pqerror.Code = "0A000" // "cached plan must not change result type"
	invalidStatement    pqerror.Code = "26000" // DISCARD ALL, or a pooler changed the server connection
	syntaxOrAccessClass              = "42"
)

var errCopy = errors.New("COPY is not supported: insert rows from an array or from JSON")

// pqStmt is what lib/pq's prepared statements can do, but for those of COPY.
type pqStmt interface {
	driver.Stmt
	driver.StmtQueryContext
	driver.StmtExecContext
}

// run sends a statement directly, or with arguments by its prepared statement, if the
// connection keeps those. One that a schema change has made stale is prepared again.
// Outside a transaction it also runs again, since the first attempt has changed nothing.
func run[R any](ctx context.Context, c *conn, query string, args []driver.NamedValue,
	direct func(pqConn, context.Context, string, []driver.NamedValue) (R, error),
	prepared func(pqStmt, context.Context, []driver.NamedValue) (R, error),
) (R, error) {
	if c.statements == nil || len(args) == 0 {
		return direct(c.pqConn, ctx, query, args)
	}
	var none R
	st, reused, err := c.statement(ctx, query)
	if err != nil {
		return none, err
	}
	answer, err := prepared(st, ctx, args)
	if err == nil || !reused || !stale(err) {
		return answer, err
	}
	c.closeStatement(query)
	if c.txCtx != nil || verbOf(query) == "call" { // a procedure may have committed something
		return none, err
	}
	if st, _, err = c.statement(ctx, query); err != nil {
		return none, err
	}
	return prepared(st, ctx, args)
}

// stale reports whether a statement that once could be prepared fails for what
// it refers to. A column that changes its type gives an error of class 42,
// because PostgreSQL keeps the parameters' types from the first parse.
func stale(err error) bool {
	pgErr := pq.As(err)
	return pgErr != nil && (pgErr.Code == featureNotSupported || pgErr.Code == invalidStatement ||
		strings.HasPrefix(string(pgErr.Code), syntaxOrAccessClass))
}

// statement finds or prepares query, and reports whether it was found.
func (c *conn) statement(ctx context.Context, query string) (st pqStmt, reused bool, err error) {
	if st, ok := c.statements[query]; ok {
		return st, true, nil
	}
	if len(c.statements) >= maxStatements {
		for text := range c.statements { // the order is random, so one in constant use is rarely hit
			c.closeStatement(text)
			break
		}
	}
	prepared, err := c.pqConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, false, err
	}
	st, ok := prepared.(pqStmt)
	if !ok {
		c.broken = true // in the middle of a COPY
		_ = prepared.Close()
		return nil, false, errCopy
	}
	c.statements[query] = st
	return st, false, nil
}

// closeStatement frees a prepared statement on the server. Should that fail, pq knows the
// connection as bad, and the statement to come goes to another one.
func (c *conn) closeStatement(query string) {
	defer c.dialer.within(cancelTimeout)()
	_ = c.statements[query].Close()
	delete(c.statements, query)
}
