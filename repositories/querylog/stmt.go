package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

var errCopy = errors.New("COPY is not supported: insert rows from an array or from JSON")

// PrepareContext prepares a statement that its caller keeps. To prepare is not
// reported, to run it is.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.busy {
		return nil, errBusy
	}
	prepared, err := c.pqConn.PrepareContext(ctx, query)
	c.dialer.restore()
	if err != nil {
		return nil, c.check(ctx, err)
	}
	st, ok := prepared.(pqStmt)
	if !ok {
		c.broken = true // in the middle of a COPY
		_ = prepared.Close()
		return nil, errCopy
	}
	return &stmt{pqStmt: st, c: c, query: query}, nil
}

// stmt is a statement that its caller prepared.
type stmt struct {
	pqStmt
	c     *conn
	query string
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if s.c.busy {
		return nil, errBusy
	}
	call := call{ctx, s.query, time.Now()}
	found, err := s.pqStmt.QueryContext(ctx, args)
	return s.c.rows(call, found, err)
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if s.c.busy {
		return nil, errBusy
	}
	call := call{ctx, s.query, time.Now()}
	result, err := s.pqStmt.ExecContext(ctx, args)
	return s.c.result(call, result, err)
}

func (s *stmt) Close() error {
	defer s.c.dialer.within(cleanupTimeout)()
	return s.pqStmt.Close()
}
