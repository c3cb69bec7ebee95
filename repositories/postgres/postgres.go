// Package postgres is what the stores need of PostgreSQL: a bounded pool, errors
// that say whose fault they are, transactions, streamed rows, and reads from a
// replica. All SQL passes through [querylog].
//
//	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 8, Prepared: true})
//
//	func (s *Suppliers) Create(ctx context.Context, name string) (id int64, err error) {
//		err = s.db.GetContext(ctx, &id, createSupplier, name)
//		if postgres.Violates(err, postgres.UniqueViolation, "suppliers_name_key") {
//			return 0, services.ErrNameTaken
//		}
//		return id, postgres.WrapError("create a supplier", err)
//	}
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/querylog"
)

// Options say how to reach PostgreSQL.
type Options struct {
	URL      string
	MaxConns int  // of this process
	Prepared bool // prepare each statement once per connection
	Comments bool // tell the server the trace of each statement, which prepares none
	Observe  querylog.Observer
}

// CheckURL reports whether Open accepts the URL. Its error never quotes the URL.
// PostgreSQL's environment variables fill in what the URL leaves out.
func CheckURL(url string) error {
	_, err := querylog.NewConnector(querylog.Options{DSN: url})
	return err
}

// Open returns a bounded pool of connections. It does not connect yet.
// A column is scanned into the field of its name: price_cents into PriceCents,
// "category.id" into Category.ID.
func Open(o Options) (*sqlx.DB, error) {
	connector, err := querylog.NewConnector(querylog.Options{
		DSN: o.URL, Prepared: o.Prepared, Comments: o.Comments, Observe: o.Observe,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns) // else each burst opens and closes connections
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(30 * time.Minute) // so that a change of address after a failover is noticed
	db := sqlx.NewDb(pool, "postgres")
	db.MapperFunc(snakeCase)
	return db, nil
}

// InTx runs fn in a transaction. It commits where fn returns nil, and rolls back
// otherwise. An error of fn is returned as it is. The wrapped error of BEGIN or
// COMMIT may mean that the outcome is unknown. If ctx carries a transaction of
// [Transactions], fn joins it.
//
//	err := postgres.InTx(ctx, db, func(tx *sqlx.Tx) error {
//		return tx.GetContext(ctx, &id, createSupplier, name)
//	})
func InTx(ctx context.Context, db *sqlx.DB, fn func(tx *sqlx.Tx) error) error {
	if outer := runningIn(ctx, db); outer != nil {
		return outer.join(func() error { return fn(outer.tx) })
	}
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return WrapError("begin a transaction", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	if err := fn(tx); err != nil {
		return err
	}
	return WrapError("commit a transaction", commit(ctx, tx))
}

// commit returns the context's error where the end of the context has rolled the transaction
// back: database/sql then returns either that error or ErrTxDone, which says nothing.
func commit(ctx context.Context, tx *sqlx.Tx) error {
	err := tx.Commit()
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// snakeCase turns a Go name into a column's: CategoryID into category_id.
func snakeCase(name string) string {
	runes := []rune(name)
	snake := make([]rune, 0, len(runes)+4)
	for i, c := range runes {
		startsWord := i > 0 && unicode.IsUpper(c) &&
			(unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord {
			snake = append(snake, '_')
		}
		snake = append(snake, unicode.ToLower(c))
	}
	return string(snake)
}
