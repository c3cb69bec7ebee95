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

// end finishes a statement: it checks the connection, and reports the event.
func (c *conn) end(call call, rows int64, err error) error {
	c.dialer.restore()
	err = c.check(call.ctx, err)
	c.report(call, rows, err)
	return err
}

// check marks the connection as broken where it cannot be used after err, which may be
// nil. It adds the context's error where the context was the cause.
func (c *conn) check(ctx context.Context, err error) error {
	ctxErr := c.contextError(ctx)
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

// contextError returns the error of the statement's context, or of its transaction's.
func (c *conn) contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil || c.txCtx == nil {
		return err
	}
	return c.txCtx.Err()
}

// report counts the statement and calls the observer.
func (c *conn) report(call call, rows int64, err error) {
	if err == driver.ErrBadConn && c.txCtx == nil { //nolint:errorlint // with a context's error it is a cancellation
		return // database/sql now sends the statement on another connection, which reports it
	}
	tracing.From(call.ctx).CountQuery()
	c.observeCall(call, rows, err)
}

func (c *conn) observeCall(call call, rows int64, err error) {
	if c.observe == nil {
		return
	}
	c.observe(call.ctx, Event{
		Name:     nameOf(call.query),
		Query:    call.query,
		Duration: time.Since(call.start),
		Rows:     rows,
		Err:      err,
	})
}

// withContextError makes errors.Is(err, context.DeadlineExceeded) work, whatever error
// the network or the server has returned.
func withContextError(ctxErr, err error) error {
	if err == nil || ctxErr == nil || errors.Is(err, ctxErr) {
		return err
	}
	return fmt.Errorf("%w: %w", ctxErr, err)
}
