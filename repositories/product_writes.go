package repositories

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

const createProduct = `-- name: products.create
INSERT INTO products (name, description, price_cents, category_id)
VALUES ($1, coalesce($2, ''), $3, $4) RETURNING id`

// Create is part of services.ProductStore.
func (s *Products) Create(ctx context.Context, f services.ProductFields) (services.Product, error) {
	return s.write(ctx, func(tx *sqlx.Tx) (int64, error) {
		var id int64
		err := tx.GetContext(ctx, &id, createProduct, f.Name, f.Description, f.PriceCents, f.CategoryID)
		return id, err
	})
}

const (
	lockProduct = `-- name: products.lock
SELECT row_version FROM products WHERE id = $1 AND active FOR NO KEY UPDATE`

	updateProduct = `-- name: products.update
UPDATE products SET
    name = coalesce($2, name), description = coalesce($3, description),
    price_cents = coalesce($4, price_cents), category_id = coalesce($5, category_id),
    row_version = row_version + 1, updated_at = now()
WHERE id = $1 AND (name, description, price_cents, category_id) IS DISTINCT FROM
    (coalesce($2, name), coalesce($3, description), coalesce($4, price_cents), coalesce($5, category_id))`
)

// Update is part of services.ProductStore.
func (s *Products) Update(
	ctx context.Context, id, version int64, f services.ProductFields,
) (services.Product, error) {
	return s.write(ctx, func(tx *sqlx.Tx) (int64, error) {
		var current int64
		err := tx.GetContext(ctx, &current, lockProduct, id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return 0, services.ErrNoProduct
		case err != nil:
			return 0, err
		case version != 0 && version != current:
			return 0, services.ErrStaleProduct
		}
		_, err = tx.ExecContext(ctx, updateProduct, id, f.Name, f.Description, f.PriceCents, f.CategoryID)
		return id, err
	})
}

// write changes a product and reads it in one transaction: after the commit nothing can
// fail any more and make the caller repeat the write.
func (s *Products) write(
	ctx context.Context, change func(*sqlx.Tx) (id int64, err error),
) (product services.Product, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		id, err := change(tx)
		if postgres.Violates(err, postgres.ForeignKeyViolation, "products_category_id_fkey") {
			return services.ErrNoCategory
		}
		if err != nil {
			return postgres.WrapError("write a product", err)
		}
		product, err = readProduct(ctx, tx, id)
		return err
	})
	return product, err
}

const deactivateProduct = `-- name: products.deactivate
UPDATE products SET active = false, row_version = row_version + 1, updated_at = now()
WHERE id = $1 AND active AND ($2::bigint = 0 OR row_version = $2)`

// Deactivate is part of services.ProductStore.
func (s *Products) Deactivate(ctx context.Context, id, version int64) error {
	done, err := postgres.From(ctx, s.db).ExecContext(ctx, deactivateProduct, id, version)
	if err != nil {
		return postgres.WrapError("deactivate a product", err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if err := s.CheckActive(ctx, id); err != nil { // only a write that touched no row pays for a second query
		return err
	}
	return services.ErrStaleProduct
}

// Nothing writes to an inactive product, so updated_at is the time of its deletion. The
// array makes PostgreSQL choose the rows once, whatever the plan.
const pruneProducts = `-- name: products.prune
DELETE FROM products WHERE id = ANY (ARRAY(
    SELECT id FROM products WHERE NOT active AND updated_at < $1
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))`

// Prune is part of services.ProductStore.
func (s *Products) Prune(ctx context.Context, before time.Time, limit int) (int64, error) {
	done, err := postgres.From(ctx, s.db).ExecContext(ctx, pruneProducts, before, limit)
	if err != nil {
		return 0, postgres.WrapError("prune products", err)
	}
	return done.RowsAffected()
}
