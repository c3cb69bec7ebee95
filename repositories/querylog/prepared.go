package querylog

import (
	"container/list"
	"context"
	"database/sql/driver"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Errors of the server after which a connection or a statement is handled specially.
const (
	queryCanceled       pqerror.Code = "57014"
	featureNotSupported pqerror.Code = "0A000" // "cached plan must not change result type"
	invalidStatement    pqerror.Code = "26000" // DISCARD ALL, or a pooler changed the server connection
	syntaxOrAccessClass              = "42"
)

// pqStmt is what lib/pq's prepared statements can do, but for those of COPY.
type pqStmt interface {
	driver.Stmt
	driver.StmtQueryContext
	driver.StmtExecContext
}

// runPrepared runs query by the connection's prepared statement. A statement that a
// schema change has made stale is prepared again. Outside a transaction it also runs
// again, since the first attempt has changed nothing.
func runPrepared[R any](ctx context.Context, c *conn, query string, run func(pqStmt) (R, error)) (R, error) {
	st, reused, err := c.statement(ctx, query)
	if err != nil {
		var none R
		return none, err
	}
	answer, err := run(st)
	if err == nil || !reused || !stale(err) {
		return answer, err
	}
	c.closeStatement(c.statements.remove(query))
	if c.txCtx != nil || verbOf(query) == "call" { // a procedure may have committed something
		return answer, err
	}
	if st, _, err = c.statement(ctx, query); err != nil {
		return answer, err
	}
	return run(st)
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
	if st := c.statements.get(query); st != nil {
		return st, true, nil
	}
	if c.statements.full() {
		c.closeStatement(c.statements.removeOldest())
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
	c.statements.add(query, st)
	return st, false, nil
}

// closeStatement frees st on the server. Should that fail, pq knows the
// connection as bad, and the statement to come goes to another one.
func (c *conn) closeStatement(st pqStmt) {
	defer c.dialer.within(cancelTimeout)()
	_ = st.Close()
}

// statements are the prepared statements of one connection by their text; the
// least recently used one makes room.
type statements struct {
	limit  int
	recent *list.List // of *statement, newest first
	byText map[string]*list.Element
}

type statement struct {
	text string
	st   pqStmt
}

func newStatements(limit int) *statements {
	return &statements{limit: limit, recent: list.New(), byText: make(map[string]*list.Element)}
}

func (s *statements) get(text string) pqStmt {
	e, ok := s.byText[text]
	if !ok {
		return nil
	}
	s.recent.MoveToFront(e)
	return e.Value.(*statement).st
}

func (s *statements) full() bool { return len(s.byText) >= s.limit }

func (s *statements) add(text string, st pqStmt) {
	s.byText[text] = s.recent.PushFront(&statement{text, st})
}

func (s *statements) removeOldest() pqStmt { return s.remove(s.recent.Back().Value.(*statement).text) }

func (s *statements) remove(text string) pqStmt {
	e := s.byText[text]
	delete(s.byText, text)
	return s.recent.Remove(e).(*statement).st
}
