package repositories

import (
	"context"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/services"
)

// Stock keeps quantities in PostgreSQL.
type Stock struct{ db *sqlx.DB }

// NewStock returns the stock in db.
func NewStock(db *sqlx.DB) *Stock { return &Stock{db: db} }

// The version is the time in microseconds, and higher than the last one even
// where the clock went back.
const setStock = `-- name: stock.set
INSERT INTO stock (product_id, quantity, version)
SELECT id, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM products WHERE id = $1 AND active
ON CONFLICT (product_id) DO UPDATE
SET quantity = excluded.quantity, version = greatest(stock.version + 1, excluded.version)`

// Set is part of services.StockStore.
func (s *Stock) Set(ctx context.Context, productID, quantity int64) error {
	done, err := s.db.ExecContext(ctx, setStock, productID, quantity)
	if err != nil {
		return storeError("set the stock", err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return services.ErrNoProduct
}
