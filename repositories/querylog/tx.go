package querylog

import (
	"context"
	"database/sql/driver"
	"time"
)

// tx is a transaction. COMMIT is reported, as "commit", since the disk or a synchronous
// replica may make it slow. It does not count as a query. BEGIN and ROLLBACK are
// neither reported nor counted.
type tx struct {
	driver.Tx
	c *conn
}

// BeginTx begins a transaction, whose context pq watches until its end.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.busy {
		return nil, errBusy
	}
	release := abortAfter(ctx, c.dialer.raw) // pq watches the context only from after BEGIN on
	begun, err := c.pqConn.BeginTx(ctx, opts)
	if alive := release(); err == nil && !alive {
		err = ctx.Err()
	}
	if err != nil {
		return nil, c.check(ctx, err)
	}
	c.txCtx = ctx
	return &tx{Tx: begun, c: c}, nil
}

func (t *tx) Commit() error {
	call := call{t.c.txCtx, "COMMIT", 0, time.Now()}
	err := t.c.check(call.ctx, t.Tx.Commit())
	t.c.report(call, 0, err)
	t.c.txCtx = nil
	return err
}

func (t *tx) Rollback() error {
	defer t.c.dialer.within(serverTimeout)()
	err := t.c.check(t.c.txCtx, t.Tx.Rollback())
	t.c.txCtx = nil
	return err
}
