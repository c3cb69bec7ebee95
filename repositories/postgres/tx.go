package postgres

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// InTx runs fn in a transaction. It commits where fn returns nil, and rolls back
// otherwise. An error of fn is returned as it is. The wrapped error of BEGIN or
// COMMIT may mean that the outcome is unknown.
//
//	err := postgres.InTx(ctx, db, func(tx *sqlx.Tx) error {
//		return tx.GetContext(ctx, &id, createSupplier, name)
//	})
func InTx(ctx context.Context, db *sqlx.DB, fn func(tx *sqlx.Tx) error) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return WrapError("begin a transaction", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	if err := fn(tx); err != nil {
		return err
	}
	return WrapError("commit a transaction", tx.Commit())
}
