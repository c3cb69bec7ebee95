package querylog

import (
	"database/sql/driver"
	"errors"
	"io"
)

// pqRows is what lib/pq's rows can do; embedding it keeps all of it.
type pqRows interface {
	driver.RowsNextResultSet
	driver.RowsColumnTypeScanType
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypePrecisionScale
	Result() driver.Result
	Tag() string
}

// rows counts what is read and reports the statement when it is closed.
type rows struct {
	pqRows
	c      *conn
	call   call
	read   int64
	err    error // the first one
	closed bool
}

// rows wraps the rows of a query. The connection is busy until they are closed.
func (c *conn) rows(call call, found driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, c.end(call, 0, err)
	}
	c.busy = true
	return &rows{pqRows: found.(pqRows), c: c, call: call}, nil
}

func (r *rows) Next(dest []driver.Value) error {
	err := r.pqRows.Next(dest)
	if err == nil {
		r.read++
		return nil
	}
	if errors.Is(err, io.EOF) {
		return err
	}
	err = r.c.check(r.call.ctx, err)
	if r.err == nil {
		r.err = err
	}
	return err
}

func (r *rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.pqRows.Close()
	r.c.busy = false
	r.c.dialer.restore()
	if r.err == nil { // else the connection has been checked already
		err = r.c.check(r.call.ctx, err)
		r.err = err
	}
	if len(r.Columns()) == 0 { // an INSERT without RETURNING, say
		r.read, _ = r.Result().RowsAffected()
	}
	r.c.report(r.call, r.read, r.err)
	return err
}
