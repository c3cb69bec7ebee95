package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

// pqConn is what lib/pq's connections can do; embedding it keeps all of it.
type pqConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

var errBusy = errors.New("the rows of an earlier statement are still open on this connection")

// conn is one observed connection. database/sql never calls it from two
// goroutines at once.
type conn struct {
	pqConn
	dialer     *dialer
	observe    Observer
	statements *statements // nil: nothing is prepared

	// busy: rows are open. pq guards its own one-shot queries, but a prepared
	// statement that is sent meanwhile would break the protocol.
	busy   bool
	txCtx  context.Context // of the current transaction, else nil
	broken bool            // must not be used again, which pq may not know
}

// call is a running statement. It keeps the context, because rows outlive the method
// that got it.
type call struct {
	ctx   context.Context
	query string
	start time.Time
}

// QueryContext runs a query; its event comes when the rows are closed.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.busy {
		return nil, errBusy
	}
	call := call{ctx, query, time.Now()}
	if c.statements == nil || len(args) == 0 {
		found, err := c.pqConn.QueryContext(ctx, query, args)
		return c.rows(call, found, err)
	}
	found, err := runPrepared(ctx, c, query, func(st pqStmt) (driver.Rows, error) {
		return st.QueryContext(ctx, args)
	})
	return c.rows(call, found, err)
}

// ExecContext runs a statement. Without arguments its text may hold several.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.busy {
		return nil, errBusy
	}
	call := call{ctx, query, time.Now()}
	if c.statements == nil || len(args) == 0 {
		result, err := c.pqConn.ExecContext(ctx, query, args)
		return c.result(call, result, err)
	}
	result, err := runPrepared(ctx, c, query, func(st pqStmt) (driver.Result, error) {
		return st.ExecContext(ctx, args)
	})
	return c.result(call, result, err)
}

// Ping is neither observed nor counted.
func (c *conn) Ping(ctx context.Context) error {
	if c.busy {
		return errBusy
	}
	err := c.pqConn.Ping(ctx) // pq says ErrBadConn, whatever the reason
	return withContextError(ctx.Err(), err)
}

// ResetSession refuses a connection that must not be used again.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.broken {
		return driver.ErrBadConn
	}
	return c.pqConn.ResetSession(ctx)
}

// IsValid reports whether the connection may go back to the pool.
func (c *conn) IsValid() bool { return !c.broken && c.pqConn.IsValid() }

// Close ends the session, but does not wait long for a server that is gone.
func (c *conn) Close() error {
	_ = c.dialer.raw.SetDeadline(time.Now().Add(cleanupTimeout))
	return c.pqConn.Close()
}

func (c *conn) result(call call, result driver.Result, err error) (driver.Result, error) {
	var affected int64
	if err == nil {
		affected, _ = result.RowsAffected() // an empty text has no such number
	}
	if err := c.end(call, affected, err); err != nil {
		return nil, err
	}
	return result, nil
}
