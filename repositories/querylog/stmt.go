package querylog

import (
	"context"
	"database/sql/driver"
	"time"
)

// PrepareContext prepares a statement for its caller to keep. Preparing is not
// reported, running it is. A COPY begins here and is one statement to its end.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.open {
		return nil, errBusy
	}
	call := call{ctx, query, time.Now()}
	prepared, err := c.pqConn.PrepareContext(ctx, query)
	if err != nil && verbOf(query) == "copy" {
		return nil, c.end(call, 0, err)
	}
	c.link.restore()
	if err != nil {
		return nil, c.judge(ctx, err)
	}
	if st, ok := prepared.(pqStmt); ok {
		return &stmt{pqStmt: st, c: c, query: query}, nil
	}
	c.open = true
	c.copying = &copyIn{Stmt: prepared, c: c, call: call}
	return c.copying, nil
}

// stmt is a statement that its caller prepared.
type stmt struct {
	pqStmt
	c     *conn
	query string
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if s.c.open {
		return nil, errBusy
	}
	call := call{ctx, s.query, time.Now()}
	found, err := s.pqStmt.QueryContext(ctx, args)
	return s.c.rows(call, found, err)
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if s.c.open {
		return nil, errBusy
	}
	call := call{ctx, s.query, time.Now()}
	result, err := s.pqStmt.ExecContext(ctx, args)
	return s.c.result(call, result, err)
}

func (s *stmt) Close() error {
	defer s.c.link.within(housekeeping)()
	return s.pqStmt.Close()
}

// copyIn is a COPY FROM STDIN under way. It has no ExecContext, as pq's has
// none: COPY runs only in a transaction, whose context pq watches throughout.
type copyIn struct {
	driver.Stmt
	c    *conn
	call call
	err  error // the first one
	done bool
}

// Exec adds a row; without values it ends the COPY.
func (s *copyIn) Exec(values []driver.Value) (driver.Result, error) {
	result, err := s.Stmt.Exec(values) //nolint:staticcheck // pq offers no other way to feed a COPY
	err = s.note(err)
	if len(values) > 0 {
		return result, err
	}
	var copied int64
	if err == nil {
		copied, _ = result.RowsAffected()
	}
	s.finish(copied)
	return result, err
}

func (s *copyIn) Close() error {
	err := s.note(s.Stmt.Close())
	s.finish(0) // how many is known only to an Exec without values
	return err
}

func (s *copyIn) note(err error) error {
	if s.done || err == nil {
		return err
	}
	err = s.c.judge(s.call.ctx, err)
	if s.err == nil {
		s.err = err
	}
	return err
}

func (s *copyIn) finish(rows int64) {
	if s.done {
		return
	}
	s.done = true
	s.c.open, s.c.copying = false, nil
	s.c.report(s.call, rows, s.err)
}
