package postgres

import (
	"context"
	"iter"

	"github.com/jmoiron/sqlx"
)

// Stream gives the rows of a query one at a time, while PostgreSQL sends them: it
// waits for the reader, and any number of rows takes the memory of one. Columns
// are scanned into the fields of their name. An error, which says what the store
// was doing, is the last thing given. From the first row to the last, or to where
// the reader breaks off, a connection of the pool is held, so bound ctx.
//
//	for supplier, err := range postgres.Stream[services.Supplier](ctx, s.db, "list suppliers", listSuppliers) {
func Stream[T any](ctx context.Context, db sqlx.QueryerContext, doing, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var row T
		taken := true
		err := eachRow(ctx, db, query, args, &row, func() bool {
			taken = yield(row, nil)
			return taken
		})
		if err != nil && taken {
			var none T
			yield(none, WrapError(doing, err))
		}
	}
}

// eachRow scans one row after the other into the struct at row.
func eachRow(ctx context.Context, db sqlx.QueryerContext, query string, args []any, row any, do func() bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := db.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		cancel() // else Close reads to the end, however far that is
		_ = rows.Close()
	}()
	for rows.Next() {
		if err := rows.StructScan(row); err != nil {
			return err
		}
		if !do() {
			return nil
		}
	}
	return rows.Err()
}
