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
}

// rows counts what is read and reports the statement when it is closed.
type rows struct {
	pqRows
	c    *conn
	call call
	read int64
	err  error // of Next
}

func (r *rows) Next(dest []driver.Value) error {
	err := r.pqRows.Next(dest)
	switch {
	case err == nil:
		r.read++
	case !errors.Is(err, io.EOF):
		err = r.c.check(r.call.ctx, err)
		r.err = err
	}
	return err
}

func (r *rows) Close() error {
	err := r.pqRows.Close()
	r.c.busy = false
	if len(r.Columns()) == 0 { // an INSERT without RETURNING, say
		r.read, _ = r.Result().RowsAffected()
	}
	if r.err != nil {
		err = r.err
	}
	return r.c.end(r.call, r.read, err)
}
