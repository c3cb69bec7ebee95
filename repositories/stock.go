package repositories

import (
	"context"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/writes"
)

// Stock keeps quantities in PostgreSQL.
type Stock struct{ db *sqlx.DB }

// NewStock returns the stock in db.
func NewStock(db *sqlx.DB) *Stock { return &Stock{db: db} }

// The version is the time in microseconds, and higher than the stored one even if the
// clock went back.
const setStock = `-- name: stock.set
INSERT INTO stock (product_id, quantity, version)
SELECT id, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM products WHERE id = $1 AND active
ON CONFLICT (product_id) DO UPDATE
SET quantity = excluded.quantity, version = greatest(stock.version + 1, excluded.version)`

// Set is part of services.StockStore.
func (s *Stock) Set(ctx context.Context, productID, quantity int64) error {
	done, err := postgres.From(ctx, s.db).ExecContext(ctx, setStock, productID, quantity)
	if err != nil {
		return postgres.WrapError("set the stock", err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return services.ErrNoProduct
}

// A row with the stored version is accepted too, so that a batch can be repeated when its
// outcome is unknown. Rows are locked in the order of their ids, or two batches could
// deadlock. The rows returned were not stored. Their version is the one before this
// statement, 0 where another process has just inserted the first.
const setStocks = `-- name: stock.set_all
WITH batch AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS b (product_id, quantity, version)
), stored AS (
    INSERT INTO stock (product_id, quantity, version)
    SELECT b.product_id, b.quantity, b.version FROM batch b JOIN products p ON p.id = b.product_id
    ORDER BY b.product_id
    ON CONFLICT (product_id) DO UPDATE SET quantity = excluded.quantity, version = excluded.version
    WHERE stock.version <= excluded.version
    RETURNING product_id
)
SELECT b.product_id, p.id IS NULL AS gone, coalesce(s.version, 0) AS version
FROM batch b
LEFT JOIN products p ON p.id = b.product_id
LEFT JOIN stock s ON s.product_id = b.product_id
WHERE NOT EXISTS (SELECT FROM stored WHERE stored.product_id = b.product_id)`

// SetAll is part of services.StockStore. It takes one statement.
func (s *Stock) SetAll(ctx context.Context, batch []services.StockWrite) (writes.Rejected[int64], error) {
	ids, quantities, versions := make([]int64, len(batch)), make([]int64, len(batch)), make([]int64, len(batch))
	for i, w := range batch {
		ids[i], quantities[i], versions[i] = w.Key, w.Value, w.Version
	}
	var rows []struct {
		ProductID int64
		Gone      bool
		Version   int64
	}
	err := postgres.From(ctx, s.db).SelectContext(
		ctx, &rows, setStocks, pq.Array(ids), pq.Array(quantities), pq.Array(versions))
	if err != nil { // a refused value becomes writes.ErrInvalid, on which the buffer bisects
		return writes.Rejected[int64]{}, postgres.WrapError("set stocks", err)
	}
	rejected := writes.Rejected[int64]{Stale: make(map[int64]int64), Missing: make(map[int64]bool)}
	for _, row := range rows {
		if row.Gone {
			rejected.Missing[row.ProductID] = true
		} else {
			rejected.Stale[row.ProductID] = row.Version
		}
	}
	return rejected, nil
}
