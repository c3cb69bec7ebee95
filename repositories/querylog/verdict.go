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

// end concludes a statement: the connection, the error, the event.
func (c *conn) end(call call, rows int64, err error) error {
	c.link.restore()
	err = c.judge(call.ctx, err)
	c.report(call, rows, err)
	return err
}

// judge decides whether the connection can be used after err, which may be nil,
// and adds the context's error where that was the cause.
func (c *conn) judge(ctx context.Context, err error) error {
	ended := c.ended(ctx)
	if err == nil && ended == nil {
		return nil
	}
	answer := pq.As(err)
	answered := answer != nil || err == nil || errors.Is(err, pq.ErrInFailedTransaction)
	cancelled := answer != nil && answer.Code == queryCanceled
	if !answered || ended != nil && !cancelled {
		// Without the server's own answer the protocol's state is unknown; and a
		// cancel request that found nothing to cancel may yet hit the next statement.
		c.broken = true
	}
	if !answered || cancelled {
		return because(ended, err)
	}
	return err
}

// ended returns the error of the statement's context, or of its transaction's.
func (c *conn) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || c.txCtx == nil {
		return err
	}
	return c.txCtx.Err()
}

// report counts the statement and tells the observer.
func (c *conn) report(call call, rows int64, err error) {
	if err == driver.ErrBadConn && c.txCtx == nil { //nolint:errorlint // with a context's error it is a cancellation
		return // database/sql now sends the statement on another connection, which reports it
	}
	tracing.From(call.ctx).CountQuery()
	c.tell(call, rows, err)
}

func (c *conn) tell(call call, rows int64, err error) {
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

// because lets callers ask errors.Is(err, context.DeadlineExceeded) whatever the
// network or the server said about it.
func because(ended, err error) error {
	if err == nil || ended == nil || errors.Is(err, ended) {
		return err
	}
	return fmt.Errorf("%w: %w", ended, err)
}
