package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"example.com/prefab/services/tracing"
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
	comments   bool
	statements map[string]pqStmt // the prepared ones by their text; nil: nothing is prepared

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
	args  int
	start time.Time
}

// QueryContext runs a query; its event comes when the rows are closed.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.busy {
		return nil, errBusy
	}
	call := call{ctx, query, len(args), time.Now()}
	found, err := run(ctx, c, c.commented(ctx, query), args, pqConn.QueryContext, pqStmt.QueryContext)
	if err != nil {
		return nil, c.end(call, 0, err)
	}
	c.busy = true
	return &rows{pqRows: found.(pqRows), c: c, call: call}, nil
}

// ExecContext runs a statement. Without arguments its text may hold several.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.busy {
		return nil, errBusy
	}
	call := call{ctx, query, len(args), time.Now()}
	result, err := run(ctx, c, c.commented(ctx, query), args, pqConn.ExecContext, pqStmt.ExecContext)
	var affected int64
	if err == nil {
		affected, _ = result.RowsAffected() // an empty text has no such number
	}
	if err := c.end(call, affected, err); err != nil {
		return nil, err
	}
	return result, nil
}

// PrepareContext returns a statement that runs as its text would.
func (c *conn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return stmt{c: c, query: query}, nil
}

type stmt struct {
	driver.Stmt // nil: database/sql calls the methods that take a context
	c           *conn
	query       string
}

func (s stmt) NumInput() int { return -1 } // PostgreSQL checks the number of arguments
func (s stmt) Close() error  { return nil }

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.QueryContext(ctx, s.query, args)
}

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.ExecContext(ctx, s.query, args)
}

// Ping is neither observed nor counted.
func (c *conn) Ping(ctx context.Context) error {
	if c.busy {
		return errBusy
	}
	err := c.pqConn.Ping(ctx) // pq says ErrBadConn, whatever the reason
	return withContextError(ctx.Err(), err)
}

// IsValid reports whether the connection may go back to the pool.
func (c *conn) IsValid() bool { return !c.broken && c.pqConn.IsValid() }

// Close ends the session, but does not wait long for a server that is gone.
func (c *conn) Close() error {
	_ = c.dialer.raw.SetDeadline(time.Now().Add(serverTimeout))
	return c.pqConn.Close()
}

// end finishes a statement: it checks the connection, and reports the event.
func (c *conn) end(call call, rows int64, err error) error {
	c.dialer.restore()
	err = c.check(call.ctx, err)
	if err == driver.ErrBadConn && c.txCtx == nil { //nolint:errorlint // with a context's error it is a cancellation
		return err // database/sql now sends the statement on another connection, which reports it
	}
	tracing.From(call.ctx).CountQuery()
	c.report(call, rows, err)
	return err
}

// check marks the connection as broken where it cannot be used after err, which may be
// nil. It adds the error of the statement's context, or of its transaction's, where that
// was the cause.
func (c *conn) check(ctx context.Context, err error) error {
	ctxErr := ctx.Err()
	if ctxErr == nil && c.txCtx != nil {
		ctxErr = c.txCtx.Err()
	}
	if err == nil && ctxErr == nil {
		return nil
	}
	pgErr := pq.As(err)
	answered := pgErr != nil || err == nil || errors.Is(err, pq.ErrInFailedTransaction)
	cancelled := pgErr != nil && pgErr.Code == queryCanceled
	if !answered || ctxErr != nil && !cancelled {
		// Without an answer of the server the state of the protocol is unknown. And a
		// cancel request that came too late may still hit the next statement.
		c.broken = true
	}
	if !answered || cancelled {
		return withContextError(ctxErr, err)
	}
	return err
}

// withContextError makes errors.Is(err, context.DeadlineExceeded) work, whatever error
// the network or the server has returned.
func withContextError(ctxErr, err error) error {
	if err == nil || ctxErr == nil || errors.Is(err, ctxErr) {
		return err
	}
	return fmt.Errorf("%w: %w", ctxErr, err)
}

func (c *conn) report(call call, rows int64, err error) {
	if c.observe == nil {
		return
	}
	c.observe(call.ctx, Event{
		Name:     nameOf(call.query),
		Query:    call.query,
		Args:     call.args,
		Duration: time.Since(call.start),
		Rows:     rows,
		Err:      err,
	})
}
