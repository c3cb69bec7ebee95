package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

// tx is a transaction. COMMIT is reported, as "commit", since the disk or a
// synchronous replica may make it slow; it is not counted, for it is not a query
// that anybody wrote. BEGIN and ROLLBACK are neither reported nor counted.
type tx struct {
	driver.Tx
	c *conn
}

// BeginTx begins a transaction, whose context pq watches until its end.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.open {
		return nil, errBusy
	}
	release := c.link.bound(ctx) // pq watches the context only from after BEGIN on
	begun, err := c.pqConn.BeginTx(ctx, opts)
	if alive := release(); err == nil && !alive {
		err = ctx.Err()
	}
	if err != nil {
		return nil, c.judge(ctx, err)
	}
	c.txCtx = ctx
	return &tx{Tx: begun, c: c}, nil
}

func (t *tx) Commit() error {
	if t.c.copying != nil {
		// pq would let COMMIT and the COPY read each other's answers.
		return errors.Join(errors.New("commit during a COPY"), t.Rollback())
	}
	call := call{t.c.txCtx, "COMMIT", time.Now()}
	err := t.c.judge(call.ctx, t.Tx.Commit())
	t.c.tell(call, 0, err)
	t.c.txCtx = nil
	return err
}

func (t *tx) Rollback() error {
	defer t.c.link.within(housekeeping)()
	if t.c.copying != nil {
		_ = t.c.copying.Close() // else pq would wait for the answer that the COPY's reader takes
	}
	err := t.c.judge(t.c.txCtx, t.Tx.Rollback())
	t.c.txCtx = nil
	return err
}
