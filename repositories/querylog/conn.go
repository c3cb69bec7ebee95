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

var errBusy = errors.New("the rows or the COPY of an earlier statement are still open on this connection")

// conn is one observed connection. database/sql never calls it from two
// goroutines at once.
type conn struct {
	pqConn
	link       *link
	observe    Observer
	statements *statements // nil: nothing is prepared

	// open: rows or a COPY hold the connection. pq guards its own one-shot
	// queries, but a prepared statement sent meanwhile would mix up the protocol.
	open    bool
	copying *copyIn
	txCtx   context.Context // of the transaction under way, else nil
	broken  bool            // unfit for another statement, though pq may not know
}

// call is a statement under way. It keeps the context because rows outlive the
// method that was given it.
type call struct {
	ctx   context.Context
	query string
	start time.Time
}

// QueryContext runs a query; its event comes when the rows are closed.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.open {
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
	if c.open {
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
	if c.open {
		return errBusy
	}
	err := c.pqConn.Ping(ctx) // pq says ErrBadConn, whatever the reason
	return because(ctx.Err(), err)
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

// Close says goodbye, but does not wait for a peer that is gone.
func (c *conn) Close() error {
	_ = c.link.raw.SetDeadline(time.Now().Add(housekeeping))
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
